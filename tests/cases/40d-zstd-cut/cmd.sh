#!/bin/bash
# the file ends inside a frame
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import csv a.csv.zst --org 1 --out $W/seg; echo "import exit $?"
