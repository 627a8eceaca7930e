#!/bin/bash
# stale markers as values, in a minute of their own and beside numbers
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import otlp m.otlp.pb --org 1 --out $W/seg; echo "import exit $?"
"$T" run --input $W/seg --dataset $W/ds --job t --rollup 1m | grep '^points'
"$T" dataset export $W/ds --format csv --rfc3339 --to $W/o.csv >/dev/null && cat $W/o.csv
"$T" dataset export $W/ds --format csv --rfc3339 --rollup 1m --to $W/r.csv >/dev/null && cat $W/r.csv
