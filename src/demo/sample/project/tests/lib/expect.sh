# Sourced by the checks; checks nothing by itself.

# expect WANTED GOT: ends the check when they differ.
expect() {
    [ "$1" = "$2" ] && return 0
    printf 'expected: %s\n but got: %s\n' "$1" "$2"
    exit 1
}
