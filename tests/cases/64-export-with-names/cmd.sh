#!/bin/bash
# names and labels in an export, and back
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import csv a.csv --org 1 --labels host --metric cpu --out $W/seg > /dev/null
"$T" run --input $W/seg --dataset $W/ds --job t --rollup 1h | grep "^points"
"$T" dataset export $W/ds --format csv --metadata --to $W/o.csv > /dev/null; cat $W/o.csv
"$T" dataset export $W/ds --format jsonl --metadata --rfc3339 --to $W/o.jsonl > /dev/null; cat $W/o.jsonl
"$T" dataset export $W/ds --format csv --metadata --rollup 1h --to $W/r.csv > /dev/null; cat $W/r.csv
"$T" import csv $W/o.csv --dialect tailor --out $W/seg2 > /dev/null; echo "import exit $?"
"$T" run --input $W/seg2 --dataset $W/ds2 --job t | grep "^points"
"$T" dataset export $W/ds2 --format csv --metadata --to $W/o2.csv > /dev/null; cmp $W/o.csv $W/o2.csv && echo "comes back equal"
