#!/usr/bin/env bash
# moto's server (PyPI) as a second S3 implementation, on a free port of this machine. It keeps everything in memory.
# SERVERS_HOME names another folder than .cache/servers, so that several may run beside each other.
#   moto.sh start     writes moto.env there once the server has made the bucket of the tests
#   moto.sh stop
set -euo pipefail

cd "$(dirname "$0")/../.."
name=moto
command=(.cache/venv/bin/moto_server -H 127.0.0.1)
[[ -x ${command[0]} || ${1:-} == stop ]] || scripts/venv.sh

serve() { # PORT STATE
    exec "${command[@]}" -p "$1"
}

variables() { # ENDPOINT
    echo "TAILOR_TEST_MOTO_ENDPOINT=$1"
}

credentials=tailor:tailor-secret
source scripts/servers/lib/store.bash
