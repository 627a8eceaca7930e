#!/bin/bash
# an organisation that no double holds, in every document
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
org=18446744073709551615
printf 'version = 1\nshared_shards = 64\n[[dedicated]]\norg = "%s"\nreason = "large"\n' $org > $W/map.toml
"$T" shard route --org $org --shard-config $W/map.toml -o json
"$T" import csv a.csv --org $org --shard-config $W/map.toml --out $W/seg > /dev/null; echo "import exit $?"
"$T" run --input $W/seg --dataset $W/ds --shard-config $W/map.toml --job t | grep '^points'
"$T" dataset series $W/ds --metadata -o json
"$T" dataset manifests $W/ds -o json | grep -E '"(org|metric)_(min|max)"'
"$T" dataset export $W/ds --format jsonl --metadata --to $W/o.jsonl > /dev/null && cat $W/o.jsonl
m=$(python3 -c 'import json, sys; print(json.loads(sys.stdin.readline(), parse_int=float)["metric_id"])' < $W/o.jsonl)
"$T" dataset cat $W/ds --org $org --metric $m -o json; echo "cat exit $?"
