#!/bin/sh
# Runs every check below tests/ on a fresh copy of the data; the first failure ends it with 1.
set -eu

cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for check in tests/*.sh; do
    rm -rf "$scratch/data"
    cp -R data "$scratch/data"
    export STOCKROOM_DATA="$scratch/data"
    if ! sh "$check" >"$scratch/output" 2>&1; then
        echo "FAILED $check"
        cat "$scratch/output"
        exit 1
    fi
    echo "passed $check"
done
