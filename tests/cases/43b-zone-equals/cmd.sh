#!/bin/bash
# a negative offset behind an equals sign
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import csv a.csv --org 1 --out $W/seg --zone=-05:00; echo "import exit $?"
"$T" run --input $W/seg --dataset $W/ds --job t  | grep '^points'
"$T" dataset series $W/ds --metadata -o jsonl | sed 's/"window".*"metadata"/"metadata"/'
"$T" dataset export $W/ds --format csv --rfc3339 --to $W/o.csv >/dev/null && cat $W/o.csv
