# show NUMBER: one item.
number=${1:-}

echo "name:     $(item_field "$number" 2)"
echo "quantity: $(item_field "$number" 3)"
