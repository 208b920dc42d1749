#!/bin/sh
# Stockroom's one entry: sh stock.sh COMMAND [ARGUMENT...]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
STOCKROOM_DATA=${STOCKROOM_DATA:-$here/data}
. "$here/lib/items.sh"
. "$here/lib/money.sh"
. "$here/lib/format.sh"

command=${1:-help}
case $command in
    *[!a-z]* | '') command=help ;;
esac
if [ ! -f "$here/commands/$command.sh" ]; then
    echo "There is no command $command; try: sh stock.sh help" >&2
    exit 2
fi
[ $# -eq 0 ] || shift
. "$here/commands/$command.sh"
