#!/usr/bin/env bash
# Journeys through the dashboard in Chromium, on real processes. Pictures and logs are kept in target/browser.
# A machine without node or Chromium is told so in a line, and passes; `make test-browser` installs both.
#   TAILOR_TEST_BINARY=PATH  another binary than target/debug/tailor
set -euo pipefail

cd "$(dirname "$0")/.."
for program in node npm chromium; do
    command -v $program >/dev/null || {
        echo "there is no $program: the journeys of tests/browser were NOT run; run \`make test-browser\`" >&2
        exit 0
    }
done
export CHROMIUM=${CHROMIUM:-$(command -v chromium)}
TAILOR_TEST_BINARY=$(realpath "${TAILOR_TEST_BINARY:-target/debug/tailor}")
export TAILOR_TEST_BINARY
export BROWSER_PACKAGES=$PWD/.cache/browser BROWSER_PICTURES=$PWD/target/browser

mkdir -p "$BROWSER_PACKAGES"
if ! cmp --silent tests/browser/package-lock.json "$BROWSER_PACKAGES/installed.json"; then
    cp tests/browser/package.json tests/browser/package-lock.json "$BROWSER_PACKAGES/"
    (cd "$BROWSER_PACKAGES" && npm ci --ignore-scripts --no-audit --no-fund)
    cp tests/browser/package-lock.json "$BROWSER_PACKAGES/installed.json"
fi

export SERVERS_HOME=$PWD/target/browser/servers
mkdir -p "$SERVERS_HOME"
trap 'scripts/servers/etcd.sh stop >/dev/null' EXIT
scripts/servers/etcd.sh start
set -a
. "$SERVERS_HOME/etcd.env"
set +a
node --test --test-concurrency=1 tests/browser/
