#!/bin/bash
# a skippable frame before, one behind, a dictionary, text behind a frame
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
for seg in first behind dictionary text; do echo "--- $seg"; "$T" run --input $seg --dataset $W/$seg --job t 2>&1 | grep -E "^(points|tailor)" | sed "s#$W/##"; echo "run exit ${PIPESTATUS[0]}"; done
