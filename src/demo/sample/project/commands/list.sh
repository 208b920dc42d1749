# list: every item with its quantity and price.
row number name qty price
while IFS=';' read -r number name quantity cents supplier; do
    [ "$number" = number ] || row "$number" "$name" "$quantity" "$(euros "$cents")"
done <"$STOCKROOM_DATA/items.csv"
