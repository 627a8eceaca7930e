#!/bin/bash
# UTF-16 by its byte-order mark
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import csv a.csv --org 1 --out $W/seg --timestamp time; echo "import exit $?"
