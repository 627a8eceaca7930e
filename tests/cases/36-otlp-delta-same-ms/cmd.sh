#!/bin/bash
# delta points that round to one millisecond are dropped, not added
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import otlp a.otlp.pb --org 1 --out $W/seg ; echo "import exit $?"
"$T" run --input $W/seg --dataset $W/ds --job t  | grep '^points'
"$T" dataset series $W/ds --metadata -o jsonl | sed 's/"window".*"metadata"/"metadata"/'
"$T" dataset export $W/ds --format csv --rfc3339 --to $W/o.csv >/dev/null && cat $W/o.csv
