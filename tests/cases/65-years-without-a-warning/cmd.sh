#!/bin/bash
# the years 1900 to 2100 are likely, nanoseconds are not
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
for f in likely nanoseconds; do "$T" import csv $f.csv --org 1 --time-format unix-ms --out $W/$f > /dev/null; echo "--- $f"; "$T" run --input $W/$f --dataset $W/ds-$f --job t 2>&1 | grep -E "^(points|tailor)"; done
