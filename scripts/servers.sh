#!/usr/bin/env bash
# Real servers for the tests: `servers.sh start` brings up each one of scripts/servers/ and waits until it answers,
# `servers.sh stop` ends what was started. Both may be repeated. Tests find the servers in .cache/servers/env.
set -euo pipefail

cd "$(dirname "$0")/.."
action=${1:-}
[[ $action == start || $action == stop ]] || { echo "usage: servers.sh start|stop" >&2; exit 2; }

mkdir -p .cache/servers
for server in scripts/servers/*.sh; do
    "$server" "$action"
done
cat .cache/servers/*.env >.cache/servers/env 2>/dev/null || rm -f .cache/servers/env
