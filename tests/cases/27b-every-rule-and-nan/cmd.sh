#!/bin/bash
# a number and a stale marker at one time, under every rule
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import otlp ha.otlp.pb --org 1 --allow-collisions --out $W/seg; echo "import exit $?"
for rule in last first max min sum keep; do echo "--- $rule"; "$T" run --input $W/seg --dataset $W/$rule --job t --rollup 1m --duplicates $rule | grep "^points"
  "$T" dataset export $W/$rule --format csv --rfc3339 --to $W/o.csv >/dev/null && cut -d, -f3- $W/o.csv
  "$T" dataset export $W/$rule --format csv --rfc3339 --rollup 1m --to $W/r.csv >/dev/null && cut -d, -f3- $W/r.csv
done
