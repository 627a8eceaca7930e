#!/bin/bash
# a NaN (stale marker) of one replica replaces the number of the other
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import otlp ha.otlp.pb --org 1 --out $W/seg ; echo "import exit $?"
"$T" run --input $W/seg --dataset $W/ds --job t --rollup 1m --duplicates max | grep '^points'
"$T" dataset series $W/ds --metadata -o jsonl | sed 's/"window".*"metadata"/"metadata"/'
"$T" dataset export $W/ds --format csv --rfc3339 --to $W/o.csv >/dev/null && cat $W/o.csv
"$T" dataset export $W/ds --format csv --rfc3339 --rollup 1m --to $W/r.csv >/dev/null && cat $W/r.csv
