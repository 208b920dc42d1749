# Money is kept in cents.

# euros CENTS: prints euros and cents with a point between.
euros() {
    printf '%d.%d' $(($1 / 100)) $(($1 % 100))
}
