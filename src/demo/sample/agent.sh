#!/bin/sh
# The demo's coding agent: a script that knows the sample project's issues by number. It speaks the shell agent's protocol:
# the task is the JSON file $ORCHESTRATOR_TASK, the report goes to $ORCHESTRATOR_REPORT, and the current folder is the work
# tree. STOCKROOM_PACE is how long one step of thinking takes, in seconds.
#
# Backquotes and dollars in single quotes are text here: Markdown, and lines of the project's own scripts.
# shellcheck disable=SC2016
set -eu

pace=${STOCKROOM_PACE:-1}
task=$(tr '\n' ' ' <"$ORCHESTRATOR_TASK")
issue=$(printf '%s' "$task" | sed -n 's/.*"issue" *: *\([0-9][0-9]*\).*/\1/p')
# A quote inside a JSON string is escaped, so the bare key cannot come from the issue's text.
errors=$(printf '%s' "$task" | sed -n 's/.*"previous_errors" *: *\[\(.*\)/\1/p')

# json TEXT: the text as the inside of a JSON string.
json() {
    printf '%s\n' "$1" | tr '\t\r' '  ' | sed 's/\\/\\\\/g; s/"/\\"/g' | awk '{ printf "%s%s", gap, $0; gap = "\\n" }'
}

# report OUTCOME SUMMARY REASON
report() {
    printf '{"outcome": "%s", "summary": "%s", "reason": "%s"}\n' "$1" "$(json "$2")" "$(json "$3")" \
        >"$ORCHESTRATOR_REPORT"
}

# before PATTERN FILE: puts standard input before the first line of the file that matches.
before() {
    cat >"$2.part"
    awk -v pattern="$1" -v part="$2.part" '
        !done && $0 ~ pattern { while ((getline line < part) > 0) print line; done = 1 }
        { print }
    ' "$2" >"$2.new"
    mv "$2.new" "$2"
    rm "$2.part"
}

# edit EXPRESSION FILE: sed in place.
edit() {
    sed "$1" "$2" >"$2.new"
    mv "$2.new" "$2"
}

round_cents() {
    edit 's/%d\.%d/%d.%02d/' lib/money.sh
    echo 'expect 9.05 "$(euros 905)"' >>tests/money.sh
    summary='Cents are printed with two digits.'
}

refuse_oversold() {
    before '^item_change' commands/ship.sh <<'TEXT'
stock=$(item_field "$number" 3)
if [ "$count" -gt "${stock:-0}" ]; then
    echo "Only ${stock:-0} of $number are there." >&2
    exit 1
fi
TEXT
    cat >>tests/ship.sh <<'TEXT'
expect "Only 3 of 103 are there." "$(sh stock.sh ship 103 4 2>&1)"
expect "quantity: 3" "$(sh stock.sh show 103 | grep quantity)"
TEXT
    summary='Shipping more than is there is refused, and the stock stays as it was.'
}

refuse_odd_counts() {
    before '^item_change' commands/receive.sh <<'TEXT'
case $count in
    '' | *[!0-9]* | 0)
        echo "A count is a whole number above zero, not '$count'." >&2
        exit 2
        ;;
esac
TEXT
    cat >>tests/receive.sh <<'TEXT'
expect "A count is a whole number above zero, not 'many'." "$(sh stock.sh receive 104 many 2>&1)"
TEXT
    summary='Receiving takes whole counts above zero only.'
}

refuse_unknown_items() {
    for command in ship show; do
        after_arguments=$(awk '/^$/ { print NR; exit }' "commands/$command.sh")
        awk -v at="$after_arguments" '
            { print }
            NR == at {
                print "if ! item_exists \"$number\"; then"
                print "    echo \"There is no item $number.\" >&2"
                print "    exit 1"
                print "fi"
            }
        ' "commands/$command.sh" >"commands/$command.sh.new"
        mv "commands/$command.sh.new" "commands/$command.sh"
    done
    cat >tests/unknown.sh <<'TEXT'
. tests/lib/expect.sh
expect "There is no item 999." "$(sh stock.sh show 999 2>&1)"
expect "There is no item 999." "$(sh stock.sh ship 999 1 2>&1)"
TEXT
    summary='`ship` and `show` say when an item does not exist.'
}

# The first try looks at the wrong column; only the error it is told leads to the right one.
warn_of_low_stock() {
    column=2
    case $errors in
        *'but got'*) column=3 ;;
    esac
    cat >>commands/report.sh <<TEXT
awk -F ';' 'NR > 1 && \$$column < 5 { printf "low: %s %s (%d)\\n", \$1, \$2, \$3 }' "\$STOCKROOM_DATA/items.csv"
TEXT
    cat >>tests/report.sh <<'TEXT'
expect "low: 103 Bread knife (3)" "$(sh stock.sh report | grep '^low')"
TEXT
    summary='The report names every item with fewer than five pieces.'
}

show_supplier() {
    cat >>commands/show.sh <<'TEXT'
key=$(item_field "$number" 5)
echo "supplier: $(awk -F ';' -v key="$key" '$1 == key { print $2 }' "$STOCKROOM_DATA/suppliers.csv")"
TEXT
    cat >tests/supplier.sh <<'TEXT'
. tests/lib/expect.sh
expect "supplier: Linen & Co" "$(sh stock.sh show 102 | grep supplier)"
TEXT
    summary='`show` names the supplier.'
}

# Falls silent the first time it is started in a work tree, as an agent does that waits for something that never comes.
list_as_json() {
    if [ ! -f .stockroom/seen ]; then
        mkdir -p .stockroom
        touch .stockroom/seen
        echo 'waiting for a reply'
        exec sleep 3600
    fi
    echo 'started again: going on without the reply'
    before '^row number' commands/list.sh <<'TEXT'
if [ "${1:-}" = --json ]; then
    json_items
    return 0
fi
TEXT
    cat >>lib/format.sh <<'TEXT'

# json_items: every item as one JSON array, one item a line.
json_items() {
    awk -F ';' '
        BEGIN { printf "[" }
        NR > 1 { printf "%s\n{\"number\": %d, \"name\": \"%s\", \"quantity\": %d, \"cents\": %d}", gap, $1, $2, $3, $4; gap = "," }
        END { print "\n]" }
    ' "$STOCKROOM_DATA/items.csv"
}
TEXT
    cat >tests/json.sh <<'TEXT'
. tests/lib/expect.sh
expect 5 "$(sh stock.sh list --json | grep -c '"quantity"')"
expect '[ ]' "$(sh stock.sh list --json | sed -n '1p;$p' | tr '\n' ' ' | sed 's/ $//')"
TEXT
    summary='`list --json` prints the items as one JSON array.'
}

reach_price_feed() {
    report failed '' 'The price feed answers only to customers: there is no address and no key in this repository.'
    echo 'no address and no key for the price feed'
    exit 1
}

tell_exit_codes() {
    cat >>docs/commands.md <<'TEXT'

## Exit codes

0: done. 1: refused, and nothing was changed. 2: the command or an argument makes no sense.
TEXT
    summary='The exit codes are told below the commands.'
}

tell_unit_of_prices() {
    if grep -q 'Prices are whole cents' docs/data.md; then
        report no_change 'docs/data.md already says that prices are whole cents.' ''
        exit 0
    fi
    echo 'Prices are whole cents.' >>docs/data.md
    summary='The unit of prices is told.'
}

spell_out_quantity() {
    edit 's/\([^a-z]\)qty\([^a-z]\)/\1quantity\2/' commands/list.sh
    edit 's/\([^a-z]\)qty\([^a-z]\)/\1quantity\2/' docs/commands.md
    edit 's/\([^a-z]\)qty\([^a-z]\)/\1quantity\2/' tests/list.sh
    summary='The column is called quantity, in the list and in its description.'
}

# Two issues take longer than others, so that they are worked on side by side, and both also add a line at the same
# place of a file that their issues do not name. Whoever comes second is started again on top of the other's work, with
# both lines between the marks of the conflict: both stay.
think_longer() {
    sleep "$pace"
    echo 'looking around'
    sleep "$pace"
}

keep_both_lines() {
    if grep -q '^<<<<<<< ' README.md; then
        echo 'README.md is in conflict: both lines are kept'
        edit '/^<<<<<<< /d; /^=======$/d; /^>>>>>>> /d' README.md
        return 0
    fi
    return 1
}

say_where_to_ask() {
    summary='The list of commands ends with where to ask.'
    if keep_both_lines; then return 0; fi
    think_longer
    echo 'echo "Ask at the counter about any of them."' >>commands/help.sh
    echo 'Type nothing to see every command, and ask at the counter about any of them.' >>README.md
}

name_the_entry() {
    summary='An unknown command is answered with where the known ones are.'
    if keep_both_lines; then return 0; fi
    think_longer
    edit 's/try: sh stock.sh help/sh stock.sh help names them all/' stock.sh
    echo 'A command that does not exist is refused, and nothing is changed.' >>README.md
}

add_value_of_stock() {
    cat >>commands/report.sh <<'TEXT'
value=$(awk -F ';' 'NR > 1 { sum += $3 * $4 } END { print sum }' "$STOCKROOM_DATA/items.csv")
echo "value: $(euros "$value")"
TEXT
    cat >tests/value.sh <<'TEXT'
. tests/lib/expect.sh
expect "value: 1030.27" "$(sh stock.sh report | grep '^value')"
TEXT
    summary='The report ends with the value of the stock.'
}

give_each_its_own_scratch_file() {
    edit 's/items\.csv\.new/items.csv.$$/' lib/items.sh
    cat >tests/scratch.sh <<'TEXT'
. tests/lib/expect.sh
sh stock.sh receive 104 5
expect "items.csv suppliers.csv" "$(ls "$STOCKROOM_DATA" | tr '\n' ' ' | sed 's/ $//')"
expect 0 "$(grep -c 'items.csv.new' lib/items.sh)"
TEXT
    summary='Each process writes into a scratch file of its own.'
}

compare_whole_numbers() {
    edit 's/^    grep -q "^$1;" \(.*\)$/    awk -F ";" -v number="$1" '"'"'$1 == number { found = 1 } END { exit !found }'"'"' \1/' \
        lib/items.sh
    cat >tests/exact.sh <<'TEXT'
. tests/lib/expect.sh
. lib/items.sh
expect "no 1.1" "$(item_exists 1.1 || echo no 1.1)"
expect "101" "$(item_exists 101 && echo 101)"
TEXT
    summary='An item is found by its whole number only.'
}

echo "reading issue $issue"
sleep "$pace"
summary=
case $issue in
    1) round_cents ;;
    2) refuse_oversold ;;
    3) refuse_odd_counts ;;
    4) refuse_unknown_items ;;
    5) warn_of_low_stock ;;
    6) show_supplier ;;
    7) list_as_json ;;
    8) reach_price_feed ;;
    10) tell_exit_codes ;;
    11) tell_unit_of_prices ;;
    12) spell_out_quantity ;;
    13) add_value_of_stock ;;
    14) give_each_its_own_scratch_file ;;
    15) compare_whole_numbers ;;
    16) say_where_to_ask ;;
    17) name_the_entry ;;
    *)
        report failed '' "This agent knows only the sample project's issues, not #$issue."
        exit 1
        ;;
esac
echo "checking the work on issue $issue"
if ! checks=$(sh check.sh 2>&1); then
    printf '%s\n' "$checks"
    report failed '' "check.sh fails after the change:
$(printf '%s\n' "$checks" | tail -n 5)"
    exit 1
fi
report changed "$summary" ''
echo "done with issue $issue"
