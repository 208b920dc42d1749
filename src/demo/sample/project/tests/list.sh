. tests/lib/expect.sh
expect 6 "$(sh stock.sh list | wc -l | tr -d ' ')"
expect "number name qty price" "$(sh stock.sh list | awk 'NR == 1 { print $1, $2, $3, $4 }')"
