#!/usr/bin/env bash
# moto's server (PyPI) as a second S3 implementation, on a free port of this machine. It keeps everything in memory.
#   moto.sh start     writes moto.env once the server has made the bucket of the tests
#   moto.sh stop
set -euo pipefail

cd "$(dirname "$0")/../.."
name=moto
program=.cache/venv/bin/moto_server
[[ -x $program || ${1:-} == stop ]] || scripts/venv.sh

ports() {
    free_ports 1
}

serve() { # STATE PORT
    exec setsid "$program" -H 127.0.0.1 -p "$2"
}

answers() { # PORT
    put_s3 tailor:tailor-secret "http://127.0.0.1:$1/tailor-tests"
}

variables() { # PORT
    echo "TAILOR_TEST_MOTO_ENDPOINT=http://127.0.0.1:$1"
}

source scripts/servers/lib/server.bash
