"""Rung 5: alerts and dashboards parse, fire when they should, and name metrics that the programs export."""

import json
import re
from pathlib import Path

import pytest
import yaml
from chart import CHART, ROOT, rendered, run
from objects import of_kind, one

ALERTS = CHART / "files" / "alerts.yaml"
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


def rules() -> list[dict]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def expressions(dashboard: dict) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]


def test_promtool_accepts_the_rendered_alerts(tmp_path):
    spec = one(rendered("production"), "PrometheusRule", "tailor")["spec"]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.dump(spec))
    done = run("promtool", "check", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert spec == yaml.safe_load(ALERTS.read_text()), "templates of Prometheus reach it as they are"


def test_every_alert_fires_and_stays_silent_in_its_own_tests():
    path = Path(__file__).parent / "alerts_test.yaml"
    done = run("promtool", "test", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    tested = [test for case in yaml.safe_load(path.read_text())["tests"] for test in case["alert_rule_test"]]
    for rule in rules():
        own = [bool(test["exp_alerts"]) for test in tested if test["alertname"] == rule["alert"]]
        assert set(own) == {True, False}, f"{rule['alert']} needs a test in which it fires and one in which it does not"


def test_alerts_say_what_is_wrong_and_what_to_do():
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}, rule["alert"]


def test_alerts_name_metrics_that_the_programs_export():
    for rule in rules():
        assert set(METRIC.findall(rule["expr"])) <= exported(), rule["alert"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_parses_and_names_metrics_that_the_programs_export(path, tmp_path):
    dashboard = json.loads(path.read_text())
    queries = expressions(dashboard)
    assert queries
    for query in queries:
        assert set(METRIC.findall(query)) <= exported(), query
    # promtool checks expressions of rules; Grafana's variables become what they stand for.
    plain = [query.replace("$__rate_interval", "5m").replace("$namespace", "metrics") for query in queries]
    records = [{"record": f"panel:{at}", "expr": query} for at, query in enumerate(plain)]
    (tmp_path / "panels.yaml").write_text(yaml.dump({"groups": [{"name": "panels", "rules": records}]}))
    done = run("promtool", "check", "rules", "--lint=none", str(tmp_path / "panels.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


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
