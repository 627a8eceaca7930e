#!/bin/bash
# date and hour in two columns
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import csv t.csv --org 1 --out $W/seg --timestamp date,hour --time-format '%Y-%m-%d %H' --value pm25; echo "import exit $?"
"$T" run --input $W/seg --dataset $W/ds --job t  | grep '^points'
"$T" dataset series $W/ds --metadata -o jsonl | sed 's/"window".*"metadata"/"metadata"/'
"$T" dataset export $W/ds --format csv --rfc3339 --to $W/o.csv >/dev/null && cat $W/o.csv
