#!/usr/bin/env bash
# SeaweedFS (PyPI) as an S3 server, on free ports of this machine. Its data goes when it stops.
#   s3.sh start     writes s3.env once the server takes an object
#   s3.sh stop
set -euo pipefail

cd "$(dirname "$0")/../.."
name=s3
program=.cache/venv/bin/weed
bucket=tailor-tests
[[ -x $program || ${1:-} == stop ]] || scripts/venv.sh

# SeaweedFS speaks gRPC on the port that lies ten thousand above.
ports() {
    free_ports 4 10000
}

serve() { # STATE S3 MASTER VOLUME FILER
    local state=$1 s3=$2 master=$3 volume=$4 filer=$5
    mkdir "$state/data"
    cat >"$state/s3.json" <<'JSON'
{"identities": [{"name": "tests", "actions": ["Admin", "Read", "Write", "List", "Tagging"],
                 "credentials": [{"accessKey": "tailor", "secretKey": "tailor-secret"}]}]}
JSON
    exec setsid "$program" server -dir="$state/data" -ip=127.0.0.1 -s3 -s3.port="$s3" -s3.config="$state/s3.json" \
        -s3.port.iceberg=0 -s3.port.lance=0 \
        -master.port="$master" -master.volumeSizeLimitMB=256 -volume.port="$volume" -volume.max=100 \
        -filer.port="$filer"
}

# Makes the bucket of the tests, and puts an object: a server that takes a bucket may not be ready for objects yet.
answers() { # S3
    local url=http://127.0.0.1:$1/$bucket
    put_s3 tailor:tailor-secret "$url" || true # the second time it is there
    put_s3 tailor:tailor-secret "$url/ready" --data-binary ready
}

variables() { # S3
    cat <<ENV
TAILOR_TEST_S3_ENDPOINT=http://127.0.0.1:$1
TAILOR_TEST_S3_BUCKET=$bucket
AWS_ACCESS_KEY_ID=tailor
AWS_SECRET_ACCESS_KEY=tailor-secret
AWS_REGION=us-east-1
ENV
}

source scripts/servers/lib/server.bash
