#!/usr/bin/env bash
# Checks every dependency against deny.toml. Without the advisory database, which is fetched from the network, the script
# checks everything except advisories, and says so.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo-deny >/dev/null || cargo install --locked cargo-deny --version 0.20.2
cargo deny --locked check licenses sources bans
if cargo deny --locked fetch db >/dev/null 2>&1; then
    cargo deny --locked check advisories
else
    echo "the advisory database cannot be fetched: advisories were NOT checked" >&2
fi
