# Items live in items.csv: number;name;quantity;cents;supplier

# item_exists NUMBER
item_exists() {
    grep -q "^$1;" "$STOCKROOM_DATA/items.csv"
}

# item_field NUMBER COLUMN: prints one field; nothing for an unknown item.
item_field() {
    awk -F ';' -v number="$1" -v column="$2" '$1 == number { print $column }' "$STOCKROOM_DATA/items.csv"
}

# item_change NUMBER DIFFERENCE: adds to the quantity.
item_change() {
    awk -F ';' -v OFS=';' -v number="$1" -v difference="$2" '
        $1 == number { $3 += difference }
        { print }
    ' "$STOCKROOM_DATA/items.csv" >"$STOCKROOM_DATA/items.csv.new"
    mv "$STOCKROOM_DATA/items.csv.new" "$STOCKROOM_DATA/items.csv"
}
