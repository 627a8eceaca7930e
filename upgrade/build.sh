#!/usr/bin/env bash
# Builds `tailor` of the previous release once, keeps it below .cache/releases, and prints its path. It has the profile of
# the tests (dev), as the binary beside which it is tried; its build shares nothing with target/.
set -euo pipefail

cd "$(dirname "$0")/.."
source upgrade/previous.bash
commit=$(previous_commit)
kept=$PWD/.cache/releases/$commit/tailor
if [[ -x $kept ]]; then
    echo "$kept"
    exit 0
fi
have_previous_commit

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
git archive "$commit" | tar -x -C "$work/tree"
echo "building the previous release, commit $commit: once, for as long as a first build takes" >&2
# From its own folder, so that its .cargo/config.toml and rust-toolchain.toml hold, and no other's.
(cd "$work/tree" && env -u RUSTUP_TOOLCHAIN cargo build --locked -p cli --bin tailor \
    --target-dir "${PREVIOUS_TARGET_DIR:-$work/target}") >&2

mkdir -p "$(dirname "$kept")"
# Moved into its place whole: a copy that was cut short must not pass for a binary.
cp "${PREVIOUS_TARGET_DIR:-$work/target}/debug/tailor" "$kept.part"
mv "$kept.part" "$kept"
echo "$kept"
