#!/usr/bin/env bash
# Builds and tries the image of Tailor: localhost/tailor:VERSION, and VERSION-debug with a shell and the symbols.
#   image.sh build [ARCHITECTURE]   amd64 or arm64; this machine's by default
#   image.sh try                    runs the image as a pod runs it, and a small job in it
#   image.sh show                   prints sizes and layers
#   image.sh save FOLDER            writes both tags as OCI archives, each with its SHA-256, for `podman load` or `skopeo copy`
#   image.sh clean                  removes images, containers and their storage
# IMAGE_BINARY names the binary, target/release/tailor by default. (Servers refuse variables TAILOR_... that they do not know.)
# The same binary gives the same image id. NO_CACHE=1 builds every layer again.
set -euo pipefail
cd "$(dirname "$0")/.."
source deploy/lib/podman.bash

binary=${IMAGE_BINARY:-target/release/tailor}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
image=localhost/tailor:$version

architecture_here() {
    case $(uname -m) in
        x86_64) echo amd64 ;;
        aarch64) echo arm64 ;;
        *) echo "image: there is no image for $(uname -m)" >&2; exit 1 ;;
    esac
}

# Refuses a binary of another architecture than the image's.
check_binary() {
    local machine
    [[ -x $binary ]] || { echo "image: there is no $binary; run \`make build\`, or set IMAGE_BINARY" >&2; exit 1; }
    machine=$(readelf -h "$binary" | sed -n 's/ *Machine: *//p')
    case $1,$machine in
        amd64,*X86-64* | arm64,AArch64*) ;;
        *) echo "image: $binary is for '$machine', the image is for $1" >&2; exit 1 ;;
    esac
}

# Refuses a binary that needs a newer C library than the base has. The loader would say the same, once a pod starts.
check_c_library() {
    local base=$1 needed had
    needed=$(readelf --version-info "$binary" | grep -oE 'GLIBC_2\.[0-9]+' | sort -Vu | tail -n 1)
    had=$(grep -aohE 'GLIBC_2\.[0-9]+' "$base"/lib/*-linux-gnu/libc.so.6 | sort -Vu | tail -n 1)
    [[ $(printf '%s\n' "$needed" "$had" | sort -V | tail -n 1) == "$had" ]] || {
        echo "image: $binary needs $needed, the base has $had; build it on Debian 12 or older" >&2
        exit 1
    }
}

# Lays out the base: libraries, certificates, time zones, users; `base_folder DEBS FOLDER`.
base_folder() {
    local debs=$1 base=$2 package
    mkdir -p "$base"/{etc/ssl/certs,tmp,var/tmp,var/lib/dpkg/status.d}
    for package in libc6 libgcc-s1 gcc-12-base ca-certificates tzdata; do
        dpkg-deb --extract "$debs/$package.deb" "$base"
        # Scanners find the packages of an image without dpkg in this folder.
        dpkg-deb --field "$debs/$package.deb" >"$base/var/lib/dpkg/status.d/$package"
    done
    # Licences stay. Character sets, leap-second zones, manuals and Debian's own checks have no reader.
    find "$base/usr/share/doc" -type f ! -name copyright -delete
    rm -rf "$base"/usr/lib/*/{gconv,audit} "$base"/usr/share/{lintian,man,zoneinfo/{right,posix}} "$base"/usr/sbin \
        "$base"/etc/{ca-certificates,ld.so.conf.d}
    # Debian joins the certificates when the package is installed; here nothing is installed.
    find "$base/usr/share/ca-certificates" -name '*.crt' -print0 | LC_ALL=C sort -z | xargs -0 cat \
        >"$base/etc/ssl/certs/ca-certificates.crt"
    echo 'hosts: files dns' >"$base/etc/nsswitch.conf"
    printf '%s\n' root:x:0:0::/nonexistent:/nonexistent tailor:x:10001:10001::/nonexistent:/nonexistent >"$base/etc/passwd"
    printf '%s\n' root:x:0: tailor:x:10001: >"$base/etc/group"
    printf '%s\n' 'PRETTY_NAME="Tailor on Debian 12"' ID=debian VERSION_ID=12 >"$base/etc/os-release"
    chmod 1777 "$base/tmp" "$base/var/tmp"
}

# Lays out what the debug tag adds: busybox under the names that are used, and the symbols where debuggers look.
debug_folder() {
    local debs=$1 symbols=$2 debug=$3 build_id tool
    dpkg-deb --extract "$debs/busybox-static.deb" "$debug"
    find "$debug/usr/share/doc" -type f ! -name copyright -delete
    rm -rf "$debug"/usr/share/{man,initramfs-tools}
    mkdir -p "$debug/var/lib/dpkg/status.d"
    dpkg-deb --field "$debs/busybox-static.deb" >"$debug/var/lib/dpkg/status.d/busybox-static"
    for tool in sh pidof kill ps ls cat grep top wget nslookup sleep df; do
        ln -s busybox "$debug/bin/$tool"
    done
    build_id=$(readelf --notes "$symbols" 2>/dev/null | sed -n 's/ *Build ID: //p')
    install -D -m 644 "$symbols" "$debug/usr/lib/debug/.build-id/${build_id:0:2}/${build_id:2}.debug"
}

# Builds a tag from a stage of the Containerfile: `bake STAGE TAG ARCHITECTURE CONTEXT`.
bake() {
    # The name of each layer in the storage is that of its content, so a build without the cache takes no more room.
    as_root buildah bud --quiet --isolation chroot --layers ${NO_CACHE:+--no-cache} --timestamp 0 --arch "$3" --target "$1" --tag "$2" \
        --build-arg VERSION="$version" --file deploy/Containerfile "$4" >/dev/null
}

build() {
    local architecture=${1:-$(architecture_here)} work context suffix=
    work=target/image/$architecture context=target/image/$architecture/context
    check_binary "$architecture"
    deploy/base.sh fetch "$architecture" ".cache/image/debs-$architecture"
    if [[ $architecture != $(architecture_here) ]]; then
        suffix=-$architecture
        case $architecture in
            amd64) export OBJCOPY=x86_64-linux-gnu-objcopy ;;
            arm64) export OBJCOPY=aarch64-linux-gnu-objcopy ;;
            *) echo "image: there is no image for $architecture" >&2; exit 1 ;;
        esac
        command -v "$OBJCOPY" >/dev/null || { echo "image: there is no $OBJCOPY; install binutils for $architecture" >&2; exit 1; }
    fi
    scripts/split-symbols.sh "$binary" "$work"
    rm -rf "$context"
    mkdir -p "$context"/{base,tailor/usr/bin,debug}
    umask 022
    base_folder ".cache/image/debs-$architecture" "$context/base"
    check_c_library "$context/base"
    install -m 755 "$work/tailor" "$context/tailor/usr/bin/tailor"
    debug_folder ".cache/image/debs-$architecture" "$work/tailor.debug" "$context/debug"
    bake tailor "$image$suffix" "$architecture" "$context"
    bake debug "$image-debug$suffix" "$architecture" "$context"
    rm -rf "$context"
    printf '%-28s %6.1f MB with its symbols, %.1f MB without; symbols alone, compressed: %.1f MB (%s)\n' "$binary" \
        "$(megabytes "$binary")" "$(megabytes "$work/tailor")" "$(megabytes "$work/tailor.debug")" "$work/tailor.debug"
}

megabytes() {
    stat --dereference --format %s "$1" | awk '{ print $1 / 1e6 }'
}

# Runs the image as a pod with the "restricted" security standard does.
in_pod() {
    as_root podman run --rm --network none --read-only --read-only-tmpfs=false --user 10001:10001 --cap-drop all \
        --security-opt no-new-privileges --memory 256m --tmpfs /tmp:rw,size=64m,mode=1777 "$@"
}

try() {
    local said
    printf '$ podman run --read-only --user 10001:10001 ... %s --version\n' "$image"
    in_pod "$image" --version
    printf '$ podman run ... %s doctor    # there is no cluster yet, and it says so\n' "$image"
    said=$(in_pod "$image" doctor --request-timeout 1s 2>&1) && { echo "image: doctor found a coordinator in an empty network" >&2; exit 1; }
    echo "$said"
    [[ $said == *"no coordinator can answer"* ]]
    printf '$ podman run ... %s-debug sh -c "tailor gen && tailor run && tailor dataset verify"\n' "$image"
    in_pod --entrypoint sh "$image-debug" -c 'set -e; cd /tmp
        tailor gen --points 10000 --seed 1 --out segments >/dev/null
        tailor run --input segments --dataset dataset --rollup 5m --shard-config segments/shards.toml --job image --memory 64MiB >/dev/null
        tailor dataset verify dataset --level oracle --input segments'
}

show() {
    local tag
    for tag in "$image" "$image-debug"; do
        printf '\n%s\nid %s\n' "$tag" "$(as_root podman image inspect --format '{{.Id}}' "$tag")"
        as_root podman history --no-trunc --format '{{.Size}}\t{{.CreatedBy}}' "$tag" | grep -v '^0 B' | cut -c 1-100
        as_root podman image inspect --format '{{.Architecture}}, {{len .RootFS.Layers}} layers, {{.Size}} bytes' "$tag"
    done
}

# The architecture is part of the file's name, so that a release may hold several.
save() {
    local folder=$1 suffix file
    mkdir -p "$folder"
    for suffix in "" -debug; do
        file=tailor-$version$suffix-image-$(architecture_here).oci.tar
        rm -f "$folder/$file"
        as_root podman save --quiet --format oci-archive --output "$folder/$file" "$image$suffix"
        (cd "$folder" && sha256sum "$file" >"$file.sha256")
        (cd "$folder" && ls -l "$file")
    done
}

case ${1:-} in
    build) build "${2:-}" ;;
    try | show) "$1" ;;
    save) save "${2:?image: save needs a folder}" ;;
    clean)
        # It may fail over a network of a namespace that is gone; what it leaves goes with the folder.
        as_root podman system reset --force || true
        as_root rm -rf "$containers"
        ;;
    *) echo "usage: image.sh build [ARCHITECTURE] | try | show | save FOLDER | clean" >&2; exit 2 ;;
esac
