#!/usr/bin/env bash
# SeaweedFS as an S3 server, on free ports of this machine. Its data goes when it stops. SERVERS_HOME names another folder than
# .cache/servers, so that several may run beside each other.
#   s3.sh start     writes s3.env there once the server takes an object
#   s3.sh stop
set -euo pipefail

cd "$(dirname "$0")/../.."
weed=.cache/venv/bin/weed
servers=${SERVERS_HOME:-.cache/servers}
state=$servers/s3
env=$servers/s3.env
bucket=tailor-tests
start_seconds_max=60

is_running() {
    [[ -f $state/pid ]] && [[ $(cat "/proc/$(<"$state/pid")/comm" 2>/dev/null) == weed ]]
}

request() {
    curl --silent --fail --max-time 5 --output /dev/null --user tailor:tailor-secret \
        --aws-sigv4 aws:amz:us-east-1:s3 --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --request PUT "$@"
}

# Makes the bucket of the tests, and puts an object: a server that takes a bucket may not be ready for objects yet.
answers() {
    request "$1/$bucket" || true # the second time it is there
    request --data-binary ready "$1/$bucket/ready"
}

# Prints ports of which the ten thousands above are free as well: SeaweedFS speaks gRPC there.
free_ports() {
    python3 - "$1" <<'PYTHON'
import random, socket, sys

def is_free(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0

found = []
while len(found) < int(sys.argv[1]):
    port = random.randrange(20000, 32000)
    if port not in found and is_free(port) and is_free(port + 10000):
        found.append(port)
print(*found)
PYTHON
}

start() {
    is_running && return
    stop
    [[ -x $weed ]] || scripts/venv.sh
    mkdir -p "$state/data"
    cat >"$state/s3.json" <<'JSON'
{"identities": [{"name": "tests", "actions": ["Admin", "Read", "Write", "List", "Tagging"],
                 "credentials": [{"accessKey": "tailor", "secretKey": "tailor-secret"}]}]}
JSON
    read -r s3 master volume filer < <(free_ports 4)
    nohup "$weed" server -dir="$state/data" -ip=127.0.0.1 -s3 -s3.port="$s3" -s3.config="$state/s3.json" \
        -s3.port.iceberg=0 -s3.port.lance=0 \
        -master.port="$master" -master.volumeSizeLimitMB=256 -volume.port="$volume" -volume.max=100 \
        -filer.port="$filer" >"$state/log" 2>&1 &
    echo $! >"$state/pid"
    wait_for "http://127.0.0.1:$s3"
    cat >"$env" <<ENV
TAILOR_TEST_S3_ENDPOINT=http://127.0.0.1:$s3
TAILOR_TEST_S3_BUCKET=$bucket
AWS_ACCESS_KEY_ID=tailor
AWS_SECRET_ACCESS_KEY=tailor-secret
AWS_REGION=us-east-1
ENV
}

wait_for() {
    local url=$1 deadline=$((SECONDS + start_seconds_max))
    until answers "$url"; do
        if ! is_running || ((SECONDS > deadline)); then
            echo "SeaweedFS does not answer at $url; the end of its log:" >&2
            tail -n 20 "$state/log" >&2
            stop
            exit 1
        fi
        sleep 0.2
    done
}

stop() {
    if is_running; then
        local pid
        pid=$(<"$state/pid")
        kill "$pid"
        for _ in {1..100}; do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null || true
    fi
    rm -rf "$state" "$env"
}

case ${1:-} in
    start) start ;;
    stop) stop ;;
    *) echo "usage: s3.sh start|stop" >&2; exit 2 ;;
esac
