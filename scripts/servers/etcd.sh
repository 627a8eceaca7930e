#!/usr/bin/env bash
# etcd for the tests: `etcd.sh start` runs one member on free local ports and waits until it answers; `etcd.sh stop` ends it.
# Debian's package has the server; it is installed if it is missing. Tests find it in .cache/servers/etcd.env;
# SERVERS_HOME names another folder, so that several may run beside each other.
set -euo pipefail

cd "$(dirname "$0")/../.."
servers=${SERVERS_HOME:-.cache/servers}
home=$servers/etcd
env_file=$servers/etcd.env

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

is_running() {
    [[ -f $home/pid ]] && [[ $(cat "/proc/$(<"$home/pid")/comm" 2>/dev/null) == etcd ]]
}

# Below the range from which the kernel gives ports to connections: one of those may take a port between here and etcd.
free_ports() {
    python3 - <<'PY'
import random, socket

def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

ports = filter(is_free, random.sample(range(20000, 32000), 1000))
print(next(ports), next(ports))
PY
}

is_healthy() {
    python3 - "$1" <<'PY' 2>/dev/null
import sys, urllib.request
sys.exit(b"true" not in urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/health", timeout=1).read())
PY
}

start() {
    if is_running && [[ -f $env_file ]]; then return; fi
    install
    # A port that was free may be taken by the time etcd asks for it: then other ports are tried.
    for _ in {1..5}; do
        if try_start; then return; fi
    done
    echo "etcd did not come up; see above" >&2
    exit 1
}

try_start() {
    rm -rf "$home" && mkdir -p "$home"
    read -r client peer < <(free_ports)
    setsid etcd --name tailor-test --data-dir "$home/data" \
        --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
        --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
        --initial-cluster "tailor-test=http://127.0.0.1:$peer" >"$home/log" 2>&1 </dev/null &
    echo $! >"$home/pid"
    for _ in {1..150}; do
        if is_healthy "$client"; then
            echo "TAILOR_TEST_ETCD_ENDPOINTS=http://127.0.0.1:$client" >"$env_file"
            echo "etcd answers on 127.0.0.1:$client" >&2
            return
        fi
        is_running || break
        sleep 0.2
    done
    echo "etcd did not come up within 30 s; its log ends so:" >&2
    tail -5 "$home/log" >&2
    stop
    return 1
}

stop() {
    if is_running; then
        kill "$(<"$home/pid")"
        for _ in {1..50}; do is_running || break; sleep 0.1; done
    fi
    rm -rf "$home" "$env_file"
}

case ${1:-} in
    start) start ;;
    stop) stop ;;
    *) echo "usage: etcd.sh start|stop" >&2; exit 2 ;;
esac
