#!/bin/bash
# delta points that end in one millisecond and began at different times
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import otlp m.otlp.json --org 1 --out $W/seg; echo "import exit $?"
"$T" run --input $W/seg --dataset $W/ds --job t | grep '^points'
"$T" dataset series $W/ds --metadata -o jsonl | sed 's/"window".*"metadata"/"metadata"/'
"$T" dataset export $W/ds --format csv --rfc3339 --to $W/o.csv >/dev/null && cat $W/o.csv
