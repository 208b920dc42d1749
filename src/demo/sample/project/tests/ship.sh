. tests/lib/expect.sh
expect "Shipped 4 of 101." "$(sh stock.sh ship 101 4)"
expect "quantity: 20" "$(sh stock.sh show 101 | grep quantity)"
