#!/usr/bin/env bash
# This release beside the previous one, both as real processes with etcd and S3. TAILOR names the binary of this one;
# without it, one is built with the profile of the tests.
#   test.sh            the tests of upgrade/tests, and the game days on which releases meet
#   test.sh NAME...    some tests, by parts of their names
set -euo pipefail

cd "$(dirname "$0")/.."
if [[ -z ${TAILOR:-} ]]; then
    cargo build --locked -p cli --bin tailor
    export TAILOR=$PWD/target/debug/tailor
fi
PREVIOUS_TAILOR=$(upgrade/build.sh)
export PREVIOUS_TAILOR

if (($#)); then
    patterns=()
    for name in "$@"; do patterns+=(-k "$name"); done
    exec python3 -m unittest discover --verbose --top-level-directory . "${patterns[@]}" upgrade/tests
fi
upgrade/golden.sh --check
python3 -m unittest discover --verbose --top-level-directory . upgrade/tests
chaos/run 58 59 60 61 62
