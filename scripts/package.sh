#!/usr/bin/env bash
# Packs a release: `package.sh BINARY ARCHITECTURE FOLDER` writes tailor-VERSION-linux-ARCHITECTURE.tar.gz to FOLDER, beside
# it the symbols of its binary (.debug) and the SHA-256 of each. The version is the binary's own; a tag in RELEASE_TAG has to
# be v and that version.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=$1 architecture=$2 folder=$3
version=$("$binary" --version)
version=${version#tailor }
if [[ -n ${RELEASE_TAG:-} && $RELEASE_TAG != "v$version" ]]; then
    echo "package: the tag is $RELEASE_TAG, the binary is of version $version" >&2
    exit 1
fi

name=tailor-$version-linux-$architecture
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/$name" "$folder"
scripts/split-symbols.sh "$binary" "$work/split"
install -m 755 "$work/split/tailor" "$work/$name/tailor"
install -m 644 "$work/split/tailor.debug" "$folder/$name.debug"
cp LICENSE README.md CHANGELOG.md "$work/$name/"

# Check that the binary in the archive works.
"$work/$name/tailor" gen --points 10000 --seed 1 --out "$work/segments"
"$work/$name/tailor" run --input "$work/segments" --dataset "$work/dataset" --rollup 5m \
    --shard-config "$work/segments/shards.toml" --job package >/dev/null
"$work/$name/tailor" dataset verify "$work/dataset" --level oracle --input "$work/segments"

# The same content gives the same bytes, on any machine and at any time.
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime='2000-01-01 UTC' --directory "$work" "$name" |
    gzip --no-name >"$folder/$name.tar.gz"
for file in "$name.tar.gz" "$name.debug"; do
    (cd "$folder" && sha256sum "$file" >"$file.sha256")
done
ls -l "$folder/$name".*
