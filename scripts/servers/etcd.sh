#!/usr/bin/env bash
# etcd for the tests, one member on free ports of this machine. Debian's package has the server; it is installed if it is
# missing.
#   etcd.sh start     writes etcd.env once the member is healthy
#   etcd.sh stop
set -euo pipefail

cd "$(dirname "$0")/../.."
name=etcd

as_root() {
    if [[ $(id -u) == 0 ]]; then "$@"; else sudo -n "$@"; fi
}

install() {
    command -v etcd >/dev/null && return
    echo "installing etcd-server" >&2
    as_root apt-get update -qq
    # The package's own service must not take the ports of a real one.
    as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq etcd-server >/dev/null
}
[[ ${1:-} == stop ]] || install

ports() {
    free_ports 2
}

serve() { # STATE CLIENT PEER
    local state=$1 client=http://127.0.0.1:$2 peer=http://127.0.0.1:$3
    exec setsid etcd --name tailor-test --data-dir "$state/data" \
        --listen-client-urls "$client" --advertise-client-urls "$client" \
        --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "tailor-test=$peer"
}

answers() { # CLIENT
    curl --silent --fail --max-time 1 "http://127.0.0.1:$1/health" | grep -q true
}

variables() { # CLIENT
    echo "TAILOR_TEST_ETCD_ENDPOINTS=http://127.0.0.1:$1"
}

source scripts/servers/lib/server.bash
