#!/usr/bin/env bash
# Installs the programs that the build and the tests need besides the Rust toolchain. Running it again changes nothing.
#   setup.sh          a C compiler (zstd is built from source), protoc (etcd-client) and Python with venv
#   setup.sh servers  also curl and openssl, for the servers of scripts/servers/ and their certificates
#   setup.sh tests    also curl, openssl, npm and cargo-nextest
#   setup.sh browser  also curl, node, npm and Chromium, for the journeys of tests/browser
#   setup.sh image    also curl, and what builds and runs images: buildah, podman, runc, umoci
#   setup.sh spark    also Debian's JDK 17, for bench/spark
#   setup.sh gameday  also curl and openssl, and what game days do to processes with: strace, libfaketime, etcdctl, etcd
set -euo pipefail

as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    elif ! sudo -n "$@"; then
        echo "setup: run as root, or run this once as root: apt-get install -y ${debian_packages[*]}" >&2
        exit 1
    fi
}

debian_packages=()
command -v cc >/dev/null || debian_packages+=(build-essential)
command -v protoc >/dev/null || debian_packages+=(protobuf-compiler) # for etcd-client
command -v python3 >/dev/null || debian_packages+=(python3)
python3 -c 'import ensurepip, venv' 2>/dev/null || debian_packages+=(python3-venv)
[[ -z ${1:-} ]] || command -v curl >/dev/null || debian_packages+=(curl)
[[ -z ${1:-} ]] || command -v openssl >/dev/null || debian_packages+=(openssl) # for scripts/certificates.sh
if [[ ${1:-} == tests ]]; then
    command -v npm >/dev/null || debian_packages+=(nodejs npm) # for the third S3 server
fi
if [[ ${1:-} == browser ]]; then
    command -v npm >/dev/null || debian_packages+=(nodejs npm)
    command -v chromium >/dev/null || debian_packages+=(chromium)
fi
if [[ ${1:-} == spark ]]; then
    compgen -G '/usr/lib/jvm/java-17-openjdk-*/bin/javac' >/dev/null || debian_packages+=(openjdk-17-jdk-headless)
fi
if [[ ${1:-} == gameday ]]; then
    command -v strace >/dev/null || debian_packages+=(strace)
    command -v faketime >/dev/null || debian_packages+=(faketime)
    command -v etcd >/dev/null || debian_packages+=(etcd-server)
    command -v etcdctl >/dev/null || debian_packages+=(etcd-client)
fi
apt_options=()
if [[ ${1:-} == image ]]; then
    # Without what they recommend: neither a desktop's session nor containers of users without rights are needed.
    apt_options=(--no-install-recommends)
    for package in buildah podman runc conmon catatonit netavark aardvark-dns iptables umoci binutils debian-archive-keyring; do
        dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed' ||
            debian_packages+=("$package")
    done
fi
if ((${#debian_packages[@]})); then
    echo "installing ${debian_packages[*]}" >&2
    as_root apt-get update -qq
    # Services of packages must not start, because they would take the ports of real ones.
    as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${apt_options[@]}" "${debian_packages[@]}"
fi

if [[ ${1:-} == tests ]] && ! command -v cargo-nextest >/dev/null; then
    # The version that the pinned toolchain builds.
    cargo install cargo-nextest --locked --version 0.9.143
fi
