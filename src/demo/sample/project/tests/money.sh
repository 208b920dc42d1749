. tests/lib/expect.sh
. lib/money.sh
expect 24.99 "$(euros 2499)"
