# report: what the stockroom holds.
awk -F ';' 'NR > 1 { kinds++; pieces += $3 } END { printf "%d kinds, %d pieces\n", kinds, pieces }' \
    "$STOCKROOM_DATA/items.csv"
