# Starts and stops an S3 server for the tests. Sourced by the script of one, which sets `name` and `credentials` and defines
# `serve PORT STATE` and `variables ENDPOINT`.

servers=${SERVERS_HOME:-.cache/servers}
state=$servers/$name
env=$servers/$name.env
bucket=tailor-tests
start_seconds_max=60

is_running() {
    [[ -f $state/pid ]] && grep -qz "$name" "/proc/$(<"$state/pid")/cmdline" 2>/dev/null
}

answers() {
    curl --silent --fail --max-time 5 --output /dev/null --user "$credentials" --aws-sigv4 aws:amz:us-east-1:s3 \
        --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --request PUT "$1/$bucket"
}

free_port() {
    python3 - <<'PYTHON'
import random, socket

def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

print(next(filter(is_free, random.sample(range(20000, 32000), 1000))))
PYTHON
}

start() {
    if is_running && [[ -f $env ]]; then return; fi
    stop
    mkdir -p "$state"
    local port url
    port=$(free_port)
    url=http://127.0.0.1:$port
    (serve "$port" "$state" >"$state/log" 2>&1 </dev/null & echo $! >"$state/pid")
    local deadline=$((SECONDS + start_seconds_max))
    until answers "$url"; do
        if ((SECONDS > deadline)); then
            echo "$name does not answer at $url; the end of its log:" >&2
            tail -n 20 "$state/log" >&2
            stop
            exit 1
        fi
        sleep 0.2
    done
    variables "$url" >"$env"
}

stop() {
    if is_running; then kill "$(<"$state/pid")" || true; fi
    rm -rf "$state" "$env"
}

case ${1:-} in
    start) start ;;
    stop) stop ;;
    *) echo "usage: $name.sh start|stop" >&2; exit 2 ;;
esac
