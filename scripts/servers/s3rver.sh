#!/usr/bin/env bash
# s3rver (npm) as a third S3 implementation, on a free port of this machine: a store that ignores the conditions of a put.
#   s3rver.sh start     writes s3rver.env once the server has made the bucket of the tests
#   s3rver.sh stop
set -euo pipefail

cd "$(dirname "$0")/../.."
name=s3rver
version=3.7.1
home=.cache/npm
program=$home/node_modules/.bin/s3rver

install() {
    [[ -x $program && -f $home/s3rver-$version ]] && return
    command -v npm >/dev/null || { echo "s3rver needs npm (Debian's packages nodejs and npm)" >&2; exit 1; }
    npm install --silent --no-fund --no-audit --prefix "$home" "s3rver@$version"
    touch "$home/s3rver-$version"
}
[[ ${1:-} == stop ]] || install

ports() {
    free_ports 1
}

serve() { # STATE PORT
    exec setsid "$program" --address 127.0.0.1 --port "$2" --directory "$1/data" --silent
}

answers() { # PORT; s3rver accepts only these credentials
    put_s3 S3RVER:S3RVER "http://127.0.0.1:$1/tailor-tests"
}

variables() { # PORT
    echo "TAILOR_TEST_S3RVER_ENDPOINT=http://127.0.0.1:$1"
}

source scripts/servers/lib/server.bash
