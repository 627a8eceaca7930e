#!/bin/bash
# every verb that is not of rows prints one versioned object
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import csv a.csv --org 1 --out $W/seg -o json > $W/import.json
"$T" plan --input $W/seg --dataset $W/ds -o json > $W/plan.json
"$T" run --input $W/seg --dataset $W/ds --job t -o json > $W/run.json
"$T" dataset manifests $W/ds -o json > $W/manifests.json
"$T" dataset verify $W/ds -o json > $W/verify.json
"$T" dataset export $W/ds --format csv --to $W/o.csv -o json > $W/export.json
"$T" dataset gc $W/ds -o json > $W/gc.json
"$T" dataset diff $W/ds $W/ds -o json > $W/diff.json
"$T" shard route --org 7 -o json > $W/route.json
"$T" gen --points 1000 --out $W/gen -o json > $W/gen.json
for f in import plan run manifests verify export gc diff route gen; do python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(sys.argv[2], d["api_version"], d["kind"])' $W/$f.json $f; done
