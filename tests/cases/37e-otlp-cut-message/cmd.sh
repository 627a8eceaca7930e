#!/bin/bash
# the last message is cut inside its zstd frame, its length is right
cd "$(dirname "$0")"; T=${TAILOR:-tailor}; W=$(mktemp -d); trap 'rm -rf $W' EXIT
"$T" import otlp m.otlp.pb --org 1 --out $W/seg; echo "import exit $?"
