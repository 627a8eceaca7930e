#!/usr/bin/env bash
# Certificates of a cluster for trials and tests: an authority of its own, and a certificate for each owner.
#   certificates.sh FOLDER CLUSTER PART/NAME...
# PART is coordinator, worker, viewer, operator or admin. FOLDER gets ca.crt and ca.key, once, and NAME.crt and NAME.key for
# each owner, anew with each call. A certificate names its owner by tailor://CLUSTER/PART/NAME, and this machine.
#   DAYS=30            how long the certificates hold
#   UNTIL=YYMMDDHHMMSSZ  their end instead, also one that has passed
#   HOSTS=DNS:...,IP:... more hosts for which they are valid
# The key of the authority lies beside the certificates. That is right for a trial on one machine, and wrong for anything else.
set -euo pipefail

[[ $# -ge 3 ]] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
command -v openssl >/dev/null || { echo "certificates: there is no openssl; run scripts/setup.sh" >&2; exit 1; }
folder=$1 cluster=$2
shift 2
umask 077
mkdir -p "$folder"
work=$(mktemp -d "$folder/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT

key() {
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null ||
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}

# Two files that belong together change one after the other; each by a rename, so that nobody reads half of one.
put() {
    chmod 600 "$1"
    mv -f "$1" "$2"
}

if [[ ! -f $folder/ca.crt ]]; then
    key "$work/ca.key"
    openssl req -x509 -new -key "$work/ca.key" -days 3650 -subj "/CN=Tailor $cluster" -out "$work/ca.crt" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
    put "$work/ca.key" "$folder/ca.key"
    put "$work/ca.crt" "$folder/ca.crt"
fi

# `x509 -req` counts in days alone; `ca` takes the end of a certificate to the second, but wants books.
: >"$work/index"
openssl rand -hex 16 >"$work/serial"
cat >"$work/ca.cnf" <<CNF
[ca]
default_ca = books
[books]
database = $work/index
serial = $work/serial
new_certs_dir = $work
certificate = $folder/ca.crt
private_key = $folder/ca.key
default_md = sha256
policy = anything
unique_subject = no
[anything]
commonName = supplied
CNF
if [[ -n ${UNTIL:-} ]]; then
    ends=(-startdate 200101000000Z -enddate "$UNTIL")
else
    ends=(-days "${DAYS:-30}")
fi

for owner in "$@"; do
    part=${owner%%/*} name=${owner#*/}
    [[ $cluster/$name =~ ^[A-Za-z0-9._@-]+/[A-Za-z0-9._@-]+$ ]] || { echo "certificates: '$cluster' or '$name' is not a plain name" >&2; exit 2; }
    case $part in
        coordinator | worker | viewer | operator | admin) ;;
        *) echo "certificates: '$part' is not coordinator, worker, viewer, operator or admin" >&2; exit 2 ;;
    esac
    key "$work/$name.key"
    openssl req -new -key "$work/$name.key" -subj "/CN=$name" -out "$work/$name.csr"
    cat >"$work/$name.ext" <<EXT
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectAltName = URI:tailor://$cluster/$part/$name,DNS:localhost,IP:127.0.0.1${HOSTS:+,$HOSTS}
EXT
    openssl ca -batch -notext -config "$work/ca.cnf" -extfile "$work/$name.ext" -in "$work/$name.csr" \
        -out "$work/$name.crt" "${ends[@]}" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
    put "$work/$name.key" "$folder/$name.key"
    put "$work/$name.crt" "$folder/$name.crt"
done
