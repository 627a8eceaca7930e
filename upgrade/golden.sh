#!/usr/bin/env bash
# The golden files of the previous release, which the tests of `.ci/run` compare with today's code.
#   golden.sh          writes them, after `upgrade/previous-release` names another commit
#   golden.sh --check  says where they differ from that commit
#
# proto/golden         the .proto files of its commit
# tests/golden/COMMIT  a small input and a dataset, as its binary writes them; older ones stay
# format/golden        stays: bytes of parts, runs, segments, manifests and state records. Whatever that commit has of them
#                      must be there still, under any name
set -euo pipefail

cd "$(dirname "$0")/.."
source upgrade/previous.bash
have_previous_commit
commit=$(previous_commit)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git archive "$commit" proto/tailor format/golden | tar -x -C "$work"
dataset=tests/golden/${commit:0:8}

check() {
    diff -r "$work/proto/tailor" proto/golden/tailor
    # `state/newer` stands for versions to come, so it changes.
    comm -23 <(digests "$work/format/golden") <(digests format/golden) >"$work/lost"
    if [[ -s $work/lost ]]; then
        echo "golden files of the previous release that are gone from format/golden, by their digests:" >&2
        cat "$work/lost" >&2
        exit 1
    fi
    [[ -d $dataset ]] || { echo "$dataset is missing: run upgrade/golden.sh" >&2; exit 1; }
}

digests() {
    find "$1" -type f -not -path '*/state/newer/*' -exec sha256sum {} + | cut -d' ' -f1 | sort -u
}

write() {
    local tailor
    tailor=$(upgrade/build.sh)
    rm -rf proto/golden
    mkdir -p proto/golden
    cp -r "$work/proto/tailor" proto/golden/
    rm -rf "$dataset"
    mkdir -p "$dataset"
    (
        cd "$dataset"
        "$tailor" gen --out segments --points 3000 --seed 12 --orgs 2 --partitions 2 --points-per-series 500 --big-share 0 \
            --duplicates 0.02
        # Small tasks, so that segments are cut and shards have several partitions.
        "$tailor" run --input segments --dataset dataset --rollup 5m --job first --split-size 4KiB --partition-size 16KiB \
            --shard-config segments/shards.toml
    )
}

case ${1:-} in
    --check) check ;;
    '') write ;;
    *) echo "usage: golden.sh [--check]" >&2; exit 2 ;;
esac
