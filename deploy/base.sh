#!/usr/bin/env bash
# The base of the image: a few packages of Debian, pinned by version and SHA-256 in deploy/base/packages-ARCHITECTURE.lock.
# apt verifies Debian's signatures; its state lies in .cache/image, so the machine's own lists and sources stay as they are.
#   base.sh lock                        writes the locks of amd64 and arm64 anew, from the suites of debian.sources
#   base.sh fetch ARCHITECTURE FOLDER   puts the pinned packages there, each checked against its lock
# A mirror drops a version once a newer one is out. `fetch` then asks snapshot.debian.org, which keeps all of them.
# IMAGE_SOURCES names other sources, a mirror of your own for example.
set -euo pipefail
cd "$(dirname "$0")/.."

# gcc-12-base has the licence of libgcc-s1.
packages=(libc6 libgcc-s1 gcc-12-base ca-certificates tzdata busybox-static)
state=$PWD/.cache/image/apt
sources=${IMAGE_SOURCES:-$PWD/deploy/base/debian.sources}

lock_of() {
    echo "deploy/base/packages-$1.lock"
}

# Runs apt-get for an architecture with these sources: `apt SOURCES ARCHITECTURE ARGUMENT...`.
apt() {
    local sources=$1 architecture=$2
    shift 2
    local folder
    folder=$state/$architecture-$(basename "$sources" .sources)
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
    touch "$folder/status"
    apt-get -qq -o Dir::Etc::sourcelist="$sources" -o Dir::Etc::sourceparts=- -o Dir::State="$folder" \
        -o Dir::State::status="$folder/status" -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=root \
        -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" "$@"
}

# Writes the lock of an architecture: `package version sha256`, a line each, below the day for snapshot.debian.org.
lock() {
    local architecture=$1 folder package file
    folder=$(mktemp -d)
    apt "$sources" "$architecture" update
    (cd "$folder" && apt "$sources" "$architecture" download "${packages[@]}")
    {
        echo "# Written by \`deploy/base.sh lock\`: package, version, SHA-256."
        echo "snapshot $(date -u +%Y%m%dT%H%M%SZ)"
        for package in "${packages[@]}"; do
            file=$(echo "$folder/${package}"_*.deb)
            echo "$package $(dpkg-deb -f "$file" Version) $(sha256sum "$file" | cut -d ' ' -f 1)"
        done
    } >"$(lock_of "$architecture")"
    rm -r "$folder"
}

# Lists the pinned packages as `package version sha256`.
pinned() {
    grep -v -e '^#' -e '^snapshot ' "$(lock_of "$1")"
}

# Succeeds if every pinned package lies in the folder with the bytes of its lock.
is_complete() {
    local package version sha256
    while read -r package version sha256; do
        echo "$sha256  $2/$package.deb" | sha256sum --check --status 2>/dev/null || return 1
    done < <(pinned "$1")
}

# The same suites as they were when the lock was written.
snapshot_sources() {
    local day
    day=$(sed -n 's/^snapshot //p' "$(lock_of "$1")")
    sed "s#http://deb.debian.org/\([a-z-]*\)#http://snapshot.debian.org/archive/\1/$day\nCheck-Valid-Until: no#" \
        deploy/base/debian.sources
}

# Downloads the missing packages by version: `download SOURCES ARCHITECTURE FOLDER`.
download() {
    local sources=$1 architecture=$2 folder=$3 package version sha256 file
    apt "$sources" "$architecture" update
    while read -r package version sha256; do
        (cd "$folder" && apt "$sources" "$architecture" download "$package=$version") || return 1
        file=$(echo "$folder/${package}"_*.deb)
        mv "$file" "$folder/$package.deb"
    done < <(pinned "$architecture")
}

fetch() {
    local architecture=$1 folder=$2
    mkdir -p "$folder"
    is_complete "$architecture" "$folder" && return
    if ! download "$sources" "$architecture" "$folder"; then
        echo "base: a pinned version is no longer there; asking snapshot.debian.org" >&2
        snapshot_sources "$architecture" >"$state/snapshot.sources"
        download "$state/snapshot.sources" "$architecture" "$folder" || {
            echo "base: run \`deploy/base.sh lock\` to take the versions of today, and review the change" >&2
            exit 1
        }
    fi
    is_complete "$architecture" "$folder" || { echo "base: a package is not the one of $(lock_of "$architecture")" >&2; exit 1; }
}

mkdir -p "$state"
case ${1:-} in
    lock) lock amd64 && lock arm64 ;;
    fetch) fetch "$2" "$3" ;;
    *) echo "usage: base.sh lock | base.sh fetch ARCHITECTURE FOLDER" >&2; exit 2 ;;
esac
