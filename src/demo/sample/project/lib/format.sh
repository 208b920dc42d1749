# How rows are printed.

# row NUMBER NAME QUANTITY PRICE
row() {
    printf '%-6s %-22s %8s %10s\n' "$1" "$2" "$3" "$4"
}
