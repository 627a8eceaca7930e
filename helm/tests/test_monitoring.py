"""Rung 5: the chart brings the alerts and dashboards of monitoring/, whose own tests judge them, and names their series."""

import json
import re
import tarfile

import pytest
import yaml
from chart import CHART, HELMS, ROOT, rendered, run
from objects import of_kind, one

RULES = CHART / "files" / "rules.yml"
DASHBOARDS = sorted((CHART / "files" / "dashboards").glob("*.json"))
METRIC = re.compile(r"\btailor_[a-z_]+\b")
#: A ConfigMap holds 1 MiB, and an annotation of a client-side apply a quarter of it.
DASHBOARD_BYTES_MAX = 256 * 1024


def exported() -> set[str]:
    """Names of metrics in the code of the programs; a histogram has three of them."""
    names = set()
    for path in ROOT.glob("*/src/**/*.rs"):
        names |= set(re.findall(r'"(tailor_[a-z_]+)"', path.read_text()))
    return names | {f"{name}_{part}" for name in names for part in ("bucket", "sum", "count")}


def test_the_rule_object_has_the_alerts_as_they_are():
    spec = one(rendered("production"), "PrometheusRule", "tailor")["spec"]
    assert spec == yaml.safe_load(RULES.read_text()), "templates of Prometheus reach it as they are"


def test_alerts_and_dashboards_have_one_source():
    for name, file in (("rules.yml", RULES), ("dashboards", CHART / "files" / "dashboards")):
        assert (ROOT / "monitoring" / name).resolve() == file.resolve()
        # `helm package` and those who fetch the chart alone follow no link out of it.
        assert not file.is_symlink()
    assert len(DASHBOARDS) == 4 and not any(path.is_symlink() for path in DASHBOARDS)


@pytest.mark.parametrize("helm", HELMS)
def test_the_packed_chart_has_alerts_and_dashboards(helm, tmp_path):
    done = run(helm, "package", str(CHART), "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("tailor-*.tgz")
    with tarfile.open(archive) as packed:
        for path in (RULES, *DASHBOARDS):
            assert packed.extractfile(f"tailor/{path.relative_to(CHART)}").read() == path.read_bytes()


def test_series_are_told_apart_by_cluster_and_instance():
    monitor = one(rendered("production"), "PodMonitor", "tailor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    labels = {each["targetLabel"]: each for each in endpoint["relabelings"]}
    assert labels["cluster"]["replacement"] == "metrics/tailor"
    assert labels["instance"]["sourceLabels"] == ["__meta_kubernetes_pod_name"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_a_config_map_of_its_own(path):
    made = one(rendered("production"), "ConfigMap", f"tailor-dashboard-{path.stem}")
    assert json.loads(made["data"][path.name]) == json.loads(path.read_text())
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert path.stat().st_size < DASHBOARD_BYTES_MAX


def test_scalers_read_one_metric_and_the_documents_say_if_it_is_exported():
    scalers = of_kind(rendered("pools"), "HorizontalPodAutoscaler", "ScaledObject")
    assert len(scalers) == 3
    assert set(METRIC.findall(json.dumps(scalers))) == {"tailor_workers_wanted"}
    is_missing = "does not export `tailor_workers_wanted` yet" in (ROOT / "docs" / "kubernetes.md").read_text()
    assert is_missing == ("tailor_workers_wanted" not in exported()), "correct docs/kubernetes.md, section Autoscaling"


def test_a_scaler_uses_the_total_and_not_a_mean():
    objects = rendered("pools")
    (hpa,) = of_kind(objects, "HorizontalPodAutoscaler")
    (metric,) = hpa["spec"]["metrics"]
    assert metric["external"]["target"] == {"type": "AverageValue", "averageValue": "1"}
    for scaled in of_kind(objects, "ScaledObject"):
        (trigger,) = scaled["spec"]["triggers"]
        assert trigger["metricType"] == "AverageValue"
        assert "avg" not in trigger["metadata"].get("query", "")
