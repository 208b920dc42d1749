. tests/lib/expect.sh
expect "Received 5 of 104." "$(sh stock.sh receive 104 5)"
expect "quantity: 16" "$(sh stock.sh show 104 | grep quantity)"
