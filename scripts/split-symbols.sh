#!/usr/bin/env bash
# Splits the symbols off a release binary: `split-symbols.sh BINARY FOLDER` writes FOLDER/tailor, which is what ships, and
# FOLDER/tailor.debug. The two find each other by build id and by debuglink: debuggers, and backtraces of Tailor itself, read
# tailor.debug where it lies beside the binary or in /usr/lib/debug. OBJCOPY names the program for another architecture.
set -euo pipefail

binary=$1 folder=$2
objcopy=${OBJCOPY:-objcopy}
mkdir -p "$folder"

build_id() {
    readelf --notes "$1" 2>/dev/null | sed -n 's/ *Build ID: //p'
}

# A symbol file is made once for a binary, because compressing it takes some seconds.
if [[ ! -f $folder/tailor.debug || $(build_id "$folder/tailor.debug") != "$(build_id "$binary")" ]]; then
    "$objcopy" --only-keep-debug --compress-debug-sections "$binary" "$folder/tailor.debug"
fi
# The link holds the name and a checksum of the file, so the file has to lie where it is read from.
(cd "$folder" && "$objcopy" --strip-all --add-gnu-debuglink=tailor.debug "$(cd - >/dev/null && realpath "$binary")" tailor)
chmod 755 "$folder/tailor"
chmod 644 "$folder/tailor.debug"
