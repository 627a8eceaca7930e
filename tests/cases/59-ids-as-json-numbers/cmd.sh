#!/bin/bash
# 64-bit ids are JSON numbers; common tools round them
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import csv a.csv --org 1 --out $W/seg >/dev/null; "$T" run --input $W/seg --dataset $W/ds >/dev/null
"$T" dataset series $W/ds -o json
m=$("$T" dataset series $W/ds -o jsonl | head -1 | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline(), parse_int=float)["metric"])'); echo "a reader of doubles reads $m"
"$T" dataset cat $W/ds --org 1 --metric $m; echo "cat exit $?"
