#!/bin/bash
# a preview of what has none, or in a form that it does not have
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import otlp m.otlp.json --org 1 --out $W/seg --preview; echo "preview exit $?"
"$T" import csv a.csv --org 1 --out $W/seg --preview -o json; echo "preview exit $?"
"$T" import csv a.csv --org 1 --out $W/seg --preview > /dev/null; echo "preview exit $?"
find $W -type f
