#!/usr/bin/env bash
# Starts the servers that tests use, runs every test, stops the servers whatever came of it. The runner's summary is last.
# The binary that end-to-end tests start is built with the tests: `cli` has tests of its own that run it.
set -euo pipefail

cd "$(dirname "$0")/.."
stop() {
    scripts/servers.sh stop >/dev/null
}
trap stop EXIT

scripts/servers.sh start
cargo test --locked --workspace --doc --quiet
cargo nextest run --locked --workspace --no-fail-fast
