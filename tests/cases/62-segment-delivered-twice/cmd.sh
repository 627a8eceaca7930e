#!/bin/bash
# one segment under two keys, and duplicates add up
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import csv a.csv --org 1 --out $W/seg > /dev/null
seg=$(find $W/seg -name "*.seg"); cp $seg "$(dirname $seg)/again.seg"
"$T" run --input $W/seg --dataset $W/ds --job t --duplicates sum 2>&1 | grep -E "^(points|tailor)"; echo "run exit ${PIPESTATUS[0]}"
"$T" dataset export $W/ds --format csv --rfc3339 --to $W/o.csv >/dev/null && cut -d, -f3- $W/o.csv
