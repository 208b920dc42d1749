# ship NUMBER COUNT: goods went out.
number=${1:-}
count=${2:-}

item_change "$number" "-$count"
echo "Shipped $count of $number."
