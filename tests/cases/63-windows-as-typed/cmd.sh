#!/bin/bash
# the same window in every form
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import csv a.csv --org 1 --out $W/seg > /dev/null
for w in 2024-03-01/2024-03-02 2024-03-01/P1D 2024-03-01/1d P1D/2024-03-02 2024-03-01T00:00:00Z/PT24H 1709251200000/1709337600000 1709251200000-1709337600000 2024-03-01/P1M all 2024-03-01; do echo "$w: $("$T" run --input $W/seg --dataset $W/ds --window $w --job t$((n += 1)) 2>&1 | grep -E "^(points|tailor|error)" | head -1)"; done
