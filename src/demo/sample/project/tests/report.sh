. tests/lib/expect.sh
expect "5 kinds, 138 pieces" "$(sh stock.sh report | head -n 1)"
