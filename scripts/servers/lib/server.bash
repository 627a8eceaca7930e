# Starts and stops one server for the tests. Sourced by the script of a server, which sets `name` and defines
#   ports                  prints free ports for it, the one that clients use first
#   serve STATE PORT...    becomes the server (exec), with its files in the folder STATE
#   answers PORT...        succeeds once the server does its work
#   variables PORT...      prints the lines that tests find it by
# SERVERS_HOME names another folder than .cache/servers, so that several may run beside each other.

servers=${SERVERS_HOME:-.cache/servers}
state=$servers/$name
env=$servers/$name.env
start_seconds_max=60
starts_max=5

# Whether the process of the last start runs; a process that only got its number since does not count.
is_running() {
    [[ -f $state/pid ]] && grep -qz "$name" "/proc/$(<"$state/pid")/cmdline" 2>/dev/null
}

# free_ports COUNT [ABOVE]: ports that nobody holds, nor the ports ABOVE them. They lie below the range from which the
# kernel gives ports to connections: one of those may take a port between here and the server.
free_ports() {
    python3 - "$@" <<'PYTHON'
import random, socket, sys

def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

count, above = int(sys.argv[1]), [int(text) for text in sys.argv[2:]]
free = (port for port in random.sample(range(20000, 32000), 2000) if all(is_free(port + more) for more in [0, *above]))
print(*(next(free) for _ in range(count)))
PYTHON
}

# put_s3 USER:SECRET URL [CURL_ARGUMENT...]: puts a bucket or an object.
put_s3() {
    local user=$1
    shift
    curl --silent --fail --max-time 5 --output /dev/null --user "$user" --aws-sigv4 aws:amz:us-east-1:s3 \
        --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --request PUT "$@"
}

# A port that was free may be taken by the time the server asks for it: then it is started on others.
start() {
    if is_running && [[ -f $env ]]; then return; fi
    for ((tries = 1; tries <= starts_max; tries++)); do
        if try_start; then return; fi
    done
    echo "$name did not come up in $starts_max starts; see above" >&2
    exit 1
}

try_start() {
    stop
    mkdir -p "$state"
    local ports pid deadline=$((SECONDS + start_seconds_max))
    read -ra ports < <(ports)
    serve "$state" "${ports[@]}" >"$state/log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$state/pid"
    until answers "${ports[@]}"; do
        # By its number alone: on a busy machine the process may not have become the server yet.
        if ! kill -0 "$pid" 2>/dev/null || ((SECONDS > deadline)); then
            echo "$name does not answer on port ${ports[0]}; its log ends so:" >&2
            tail -n 20 "$state/log" >&2
            kill -9 "$pid" 2>/dev/null || true
            return 1
        fi
        sleep 0.2
    done
    variables "${ports[@]}" >"$env"
    echo "$name answers on 127.0.0.1:${ports[0]}" >&2
}

stop() {
    if is_running; then
        local pid
        pid=$(<"$state/pid")
        kill "$pid" 2>/dev/null || true
        for _ in {1..100}; do
            is_running || break
            sleep 0.1
        done
        if is_running; then kill -9 "$pid" 2>/dev/null || true; fi
    fi
    rm -rf "$state" "$env"
}

case ${1:-} in
    start) start ;;
    stop) stop ;;
    *) echo "usage: $name.sh start|stop" >&2; exit 2 ;;
esac
