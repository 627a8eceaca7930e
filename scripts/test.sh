#!/usr/bin/env bash
# Tests the chart and the monitoring, starts the servers that tests use, runs every test, and stops the servers in any
# case. The runner's summary comes last.
# The binary that end-to-end tests start is built first, by name: so it has the features that ship, not those that the
# simulation asks for. It is kept apart from `target/debug/tailor`, which a build of the whole workspace may replace.
set -euo pipefail

cd "$(dirname "$0")/.."
stop() {
    scripts/servers.sh stop >/dev/null
}
trap stop EXIT
source scripts/stage.sh

stage "building the binary" cargo build --locked -p cli --bin tailor
mkdir -p target/test-binary
cp target/debug/tailor target/test-binary/tailor
export TAILOR_TEST_BINARY=target/test-binary/tailor

stage "building the tests" cargo nextest run --locked --workspace --no-run
stage "the chart" scripts/test-chart.sh
stage "the arithmetic beside Spark" bench/spark/test.sh
stage "starting servers" scripts/servers.sh start
stage "monitoring" scripts/test-monitoring.sh
stage "examples in the docs" cargo test --locked --workspace --doc --quiet
# Most tests of a cluster wait for a lease or a restart: one more than there are processors keeps these busy.
cargo nextest run --locked --workspace --no-fail-fast --test-threads $(($(nproc) + 1))
