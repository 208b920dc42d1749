# receive NUMBER COUNT: goods came in.
number=${1:-}
count=${2:-}

item_change "$number" "$count"
echo "Received $count of $number."
