#!/usr/bin/env bash
# Tests the image, and pods that are started from it.
#   test.sh           all of them
#   test.sh --short   the image, one job under TLS, and a worker that leaves: for CI
#   test.sh NAME...   some, by parts of their names
set -euo pipefail
cd "$(dirname "$0")/.."
# Unpacked images have files of root, and so has everything that pods write.
[[ $(id -u) == 0 ]] || exec sudo -n --preserve-env=PATH,IMAGE_BINARY deploy/test.sh "$@"
source deploy/lib/podman.bash
# Pods are those of the chart.
scripts/chart-tools.sh

patterns=()
case ${1:-} in
    --short) patterns=(-k test_manifest -k test_image -k a_job_is_submitted -k hands_back) ;;
    *) for name in "$@"; do patterns+=(-k "$name"); done ;;
esac
cd deploy
exec python3 -m unittest --verbose "${patterns[@]}" tests.test_manifest tests.test_image tests.test_pods
