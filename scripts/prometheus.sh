#!/usr/bin/env bash
# Puts prometheus and promtool into .cache/prometheus. They are in Debian's package of Prometheus, which is unpacked here and
# not installed, so that no server starts. Running it again changes nothing.
set -euo pipefail

cd "$(dirname "$0")/.."
home=.cache/prometheus
[[ ! -x $home/prometheus || ! -x $home/promtool ]] || exit 0
mkdir -p "$home"
work=$(mktemp -d "$home/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
(
    cd "$work"
    if ! apt-get download -qq prometheus 2>/dev/null; then
        if [[ $(id -u) == 0 ]]; then apt-get update -qq; else sudo -n apt-get update -qq; fi
        apt-get download -qq prometheus
    fi
    dpkg-deb --fsys-tarfile prometheus_*.deb | tar --extract ./usr/bin/prometheus ./usr/bin/promtool
)
"$work/usr/bin/promtool" --version | head -1
mv "$work/usr/bin/prometheus" "$work/usr/bin/promtool" "$home/"
