#!/usr/bin/env bash
# A tour in one minute: import real data, generate more, run the job, verify it against a second reading of the input,
# look at a series. Everything lies under target/demo.
set -euo pipefail

cd "$(dirname "$0")/.."
tailor=target/release/tailor
demo=target/demo
org=42

step() {
    printf '\n\033[1m%s\033[0m\n' "$*"
}

show() {
    printf '$ tailor %s\n' "$*"
    "$tailor" "$@"
}

samples=$(.cache/venv/bin/python -c 'import bokeh_sampledata, os; print(os.path.dirname(bokeh_sampledata.__file__))')/_data
rm -rf "$demo"
mkdir -p "$demo/csv"
gzip -dc "$samples/sea_surface_temperature.csv.gz" | sed '/^#/d' >"$demo/csv/sea_surface_temperature.csv"
gzip -dc "$samples/CGM.csv.gz" | sed '/^#/d' >"$demo/csv/glucose.csv"

step "1. Import real measurements (PyPI's bokeh-sampledata) for organisation $org"
# Both files have a few instants with two readings, of which the job keeps the last.
show import csv "$demo/csv/sea_surface_temperature.csv" --out "$demo/segments" --org $org --allow-collisions
show import csv "$demo/csv/glucose.csv" --timestamp datetime --value glucose --zone America/New_York \
    --repeated-time infer --skipped-time forward --allow-collisions --out "$demo/segments" --org $org

step "2. Generate two million points more, as Kafka payloads scattered over 514 segments"
show gen --points 2000000 --seed 7 --out "$demo/generated"
cp -r "$demo/generated"/. "$demo/segments/"

step "3. Run the job: shuffle by series, order, deduplicate, compress, roll up, commit"
show run --input "$demo/segments" --dataset "$demo/dataset" --rollup 5m,1h --job demo --shard-config "$demo/segments/shards.toml"

step "4. Verify: read the input a second time, plainly, and compare every point and rollup"
show dataset verify "$demo/dataset" --level oracle --input "$demo/segments"

step "5. Look at a real series: a footer and one ranged read"
metric=$("$tailor" dataset series "$demo/dataset" --org $org --metadata -o jsonl | grep sea_surface | sed 's/.*"metric":"\([0-9]*\)".*/\1/')
show dataset series "$demo/dataset" --org $org --metadata
printf '$ tailor dataset cat %s --org %s --metric %s --rollup 1h | head -n 5\n' "$demo/dataset" $org "$metric"
"$tailor" dataset cat "$demo/dataset" --org $org --metric "$metric" --rollup 1h | head -n 5

cat <<NEXT

Try next:
  $tailor dataset manifests $demo/dataset
  $tailor dataset export $demo/dataset --format parquet --to $demo/points.parquet
  $tailor run --input $demo/segments --dataset $demo/dataset --rollup 5m,1h --job demo \\
      --shard-config $demo/segments/shards.toml --reason "the same again"       # version 2, same content
  $tailor dataset diff $demo/dataset --shard org-mod-42
  $tailor gen --points 100000 --plant corrupt-zstd=3 --out $demo/bad && \\
      $tailor run --input $demo/bad --dataset $demo/bad-out             # fails, and says where
NEXT
