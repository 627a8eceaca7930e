#!/usr/bin/env bash
# A cluster on this machine, and a bad day of it: etcd, an S3 server, one coordinator, three workers; a job, a worker that is
# killed, a replay, a drain. TLS and roles are on, and jobs may touch one bucket. Each command is shown as it would be typed
# by hand. Everything lies under target/cluster.
#   cluster.sh          ends with everything stopped; KEEP=1 leaves it running
#   cluster.sh stop     stops what KEEP=1 left
set -euo pipefail

cd "$(dirname "$0")/.."
tailor=${TAILOR:-target/release/tailor}
home=target/cluster
certs=$PWD/$home/certs
export SERVERS_HOME=$home/servers

step() {
    printf '\n\033[1m%s\033[0m\n' "$*"
}

show() {
    printf '$ tailor %s\n' "$*"
    "$tailor" "$@"
}

# Runs a server in the background: `serve NAME ARGUMENT...`; its log and its process id are named after it.
serve() {
    local name=$1
    shift
    printf '$ tailor %s &\n' "$*"
    "$tailor" "$@" >"$home/$name.log" 2>&1 </dev/null &
    echo $! >"$home/$name.pid"
}

is_running() {
    [[ -f $home/$1.pid ]] && [[ $(cat "/proc/$(<"$home/$1.pid")/comm" 2>/dev/null) == tailor ]]
}

stop() {
    local file name
    for file in "$home"/*.pid; do
        name=$(basename "$file" .pid)
        ! is_running "$name" || kill "$(<"$file")"
    done
    for file in "$home"/*.pid; do
        name=$(basename "$file" .pid)
        for _ in {1..100}; do is_running "$name" || break; sleep 0.1; done
        rm -f "$file"
    done
    for server in scripts/servers/*.sh; do "$server" stop; done
}

# Waits until `CONDITION...` holds: `await SECONDS WHAT CONDITION...`.
await() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        if ((SECONDS > deadline)); then
            echo "cluster: $what takes too long; the logs are in $home/*.log" >&2
            exit 1
        fi
        sleep 0.1
    done
}

# Below the range from which the kernel gives ports to connections.
free_ports() {
    python3 - "$1" <<'PYTHON'
import random, socket, sys

def is_free(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0

print(*[port for port in random.sample(range(20000, 32000), 200) if is_free(port)][:int(sys.argv[1])])
PYTHON
}

is_ready() {
    curl --silent --fail --max-time 1 --output /dev/null --cacert "$certs/ca.crt" "https://127.0.0.1:$1/readyz"
}

# `worker N`: a worker with one slot, called worker-N.
worker() {
    local port=${ports[$1 + 1]}
    serve "worker-$1" worker --name "worker-$1" --slots 1 --memory 64MiB --lease-ttl 5s \
        --tls-cert "$certs/worker.crt" --tls-key "$certs/worker.key" --roots-allowed "s3://$TAILOR_TEST_S3_BUCKET" \
        --scratch-dir "$home/scratch" --http-listen "127.0.0.1:$port"
    await 20 "worker-$1" is_ready "$port"
}

# Succeeds if the worker of this name has a task of the job.
works_on() {
    "$tailor" task list --job "$1" --state running 2>/dev/null | grep -q "$2"
}

# Prints the number of attempts beyond the number of tasks of a done job, from its `job get -o json`.
tell_attempts() {
    python3 -c '
import json, sys
job = json.load(sys.stdin)
shards = job["shards"]
tasks = sum(shard["map_tasks"] + shard["partitions"] for shard in shards)
attempts = sum(shard["attempts"] for shard in shards)
again = [shard["shard"] for shard in shards if shard["attempts"] > shard["map_tasks"] + shard["partitions"]]
print(f"{tasks} tasks took {attempts} attempts; run again: {attempts - tasks}, in", ", ".join(again) or "no shard")'
}

if [[ ${1:-} == stop ]]; then
    stop
    exit
fi
[[ -x $tailor ]] || { echo "cluster: there is no $tailor; run \`make build\` first" >&2; exit 1; }
stop
rm -rf "$home"
mkdir -p "$SERVERS_HOME"
[[ -n ${KEEP:-} ]] || trap stop EXIT

step "1. etcd has the cluster's state, an S3 server its data"
for server in scripts/servers/*.sh; do "$server" start; done
set -a
. "$SERVERS_HOME/etcd.env"
. "$SERVERS_HOME/s3.env"
set +a
read -r -a ports <<<"$(free_ports 7)"
printf '$ scripts/certificates.sh %s trial coordinator/coordinator worker/worker operator/alice viewer/victor\n' "$home/certs"
scripts/certificates.sh "$home/certs" trial coordinator/coordinator worker/worker operator/alice viewer/victor
cat >"$home/env" <<ENV
export TAILOR_ETCD_ENDPOINTS=$TAILOR_TEST_ETCD_ENDPOINTS
export TAILOR_COORDINATORS=https://127.0.0.1:${ports[0]}
export TAILOR_TLS_CA=$certs/ca.crt TAILOR_TLS_CERT=$certs/alice.crt TAILOR_TLS_KEY=$certs/alice.key
export AWS_ENDPOINT_URL_S3=$TAILOR_TEST_S3_ENDPOINT AWS_REGION=$AWS_REGION
export AWS_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
ENV
. "$home/env"
sed 's/^/$ /' "$home/env"
input=s3://$TAILOR_TEST_S3_BUCKET/segments
dataset=s3://$TAILOR_TEST_S3_BUCKET/dataset

step "2. One coordinator, three workers; coordinators are as many as you like, and one leads"
serve coordinator coordinator --name coordinator-1 --grpc-listen "127.0.0.1:${ports[0]}" \
    --tls-cert "$certs/coordinator.crt" --tls-key "$certs/coordinator.key" --auth-cluster trial \
    --roots-allowed "s3://$TAILOR_TEST_S3_BUCKET" --http-listen "127.0.0.1:${ports[1]}"
await 20 "the coordinator" is_ready "${ports[1]}"
for number in 1 2 3; do worker $number; done
show worker list
serve dashboard dashboard --listen "127.0.0.1:${ports[6]}" --actions
link() {
    grep -o 'http://127.0.0.1:.*' "$home/dashboard.log"
}
await 20 "the dashboard" link >/dev/null
printf 'the dashboard, as the operator alice: %s\n' "$(link)"
refused() {
    printf '$ %s\n' "$*"
    if "$@"; then
        echo "cluster: that should have been refused" >&2
        exit 1
    fi
}
refused env TAILOR_TLS_CERT="$certs/victor.crt" TAILOR_TLS_KEY="$certs/victor.key" \
    "$tailor" worker drain worker-1 --reason "a viewer may look, and change nothing" --yes
refused "$tailor" job submit --job elsewhere --input /etc --dataset "$dataset"

step "3. Two million points of eight organisations, and a look at what the job relies on"
show gen --points 2000000 --seed 7 --orgs 8 --big-share 0 --out "$input"
show doctor --input "$input" --dataset "$dataset"

step "4. Submit a job; kill -9 a worker in the middle of it"
options=(--input "$input" --dataset "$dataset" --rollup 5m,1h --split-size 32KiB)
show job submit --job nightly "${options[@]}"
await 30 "the first task of worker-2" works_on nightly worker-2
printf '$ kill -9 %s    # worker-2\n' "$(<"$home/worker-2.pid")"
kill -9 "$(<"$home/worker-2.pid")"
{ wait "$(<"$home/worker-2.pid")"; } 2>/dev/null || true # or the shell tells of it in the middle of something else
show task list --job nightly --state running

step "5. Its lease ends after 5 s; only what it held runs again, on whoever is there: worker-4 as well"
worker 4
show job watch nightly
"$tailor" job get nightly -o json | tell_attempts

step "6. Verify: read the input a second time, plainly, and compare every point and rollup"
show dataset verify "$dataset" --level oracle --input "$input"

step "7. Replay a shard: a new version beside the old, and the same bytes"
shard=$("$tailor" shard list --job nightly -o name | head -n 1)
show shard replay "$shard" --job nightly --reason rehearsal --wait --yes
show dataset manifests "$dataset" --shard "$shard"

step "8. Drain a worker in the middle of a job: it finishes or hands back what it has, and leaves"
show job submit --job again "${options[@]}"
await 30 "the first task of worker-1" works_on again worker-1
show worker drain worker-1 --reason rehearsal --wait --yes
wait "$(<"$home/worker-1.pid")"
printf 'worker-1 has left with exit code 0\n'
show job wait again
"$tailor" job get again -o json | tell_attempts
show worker list
show job list

cat <<NEXT

Look at the dashboard, while the cluster is up: $(link)
Try next, after \`KEEP=1 make cluster\` and \`. $home/env\`:
  $tailor job submit --input $input --dataset $dataset --rollup 5m,1h --job third --wait
  $tailor dataset diff $dataset --shard $shard
  $tailor dataset rollback $dataset --shard $shard --to 1 --yes
  $tailor coordinator --print-config
  curl -s --cacert $home/certs/ca.crt https://127.0.0.1:${ports[1]}/metrics | grep ^tailor_
  grep audit $home/coordinator.log
  scripts/cluster.sh stop
NEXT
