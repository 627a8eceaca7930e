#!/bin/bash
# frames in the middle of lines, skippable ones between, an empty one
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import csv a.csv.zst --org 1 --out $W/seg; echo "import exit $?"
