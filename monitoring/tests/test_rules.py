"""Alerts parse, are tested from both sides, and lead to a runbook."""

import re

import pytest
import yaml
from sources import METRIC, MONITORING, ROOT, RULES, RUNBOOKS, promtool, rules

TESTS = sorted((MONITORING / "rules_test").glob("*.yml"))
SECTIONS = ["Meaning", "Look at", "Do"]

by_alert = pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])


def test_promtool_accepts_the_rules_and_the_example_of_a_scrape():
    for words in (("rules", RULES), ("config", "--syntax-only", MONITORING / "prometheus.yml")):
        done = promtool("check", *map(str, words))
        assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_and_stay_silent_as_their_tests_say():
    done = promtool("test", "rules", *map(str, TESTS))
    assert done.returncode == 0, done.stdout + done.stderr


@by_alert
def test_an_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not(rule):
    cases = [case for path in TESTS for case in yaml.safe_load(path.read_text())["tests"]]
    tested = [test for case in cases for test in case["alert_rule_test"] if test["alertname"] == rule["alert"]]
    assert {bool(test["exp_alerts"]) for test in tested} == {True, False}


@by_alert
def test_an_alert_says_what_is_wrong_and_leads_to_its_runbook(rule):
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    runbook = ROOT / rule["annotations"]["runbook"]
    assert runbook == RUNBOOKS / f"{rule['alert']}.md"
    text = runbook.read_text()
    assert text.startswith(f"# {rule['alert']}\n")
    assert re.findall(r"^## (.+)$", text, re.M) == SECTIONS
    assert f"({rule['alert']}.md)" in (RUNBOOKS / "README.md").read_text(), "the list of runbooks leaves it out"


@by_alert
def test_an_alert_names_its_cluster(rule):
    if rule["alert"] == "TailorNotScraped":
        return  # there is no series that could name one
    aggregated = re.findall(r"\b(?:by|on) \(([a-z_, ]+)\)", rule["expr"])
    assert aggregated and all("cluster" in labels.split(", ") for labels in aggregated)
    assert "$labels." in rule["annotations"]["summary"]


def test_no_runbook_is_left_over():
    names = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}
    assert names == {rule["alert"] for rule in rules()}


def test_alerts_are_named_only_where_they_exist():
    names = {rule["alert"] for rule in rules()}
    places = [*ROOT.glob("docs/*.md"), *RUNBOOKS.glob("*.md"), *MONITORING.glob("dashboards/*.json")]
    for path in [*places, *ROOT.glob("chaos/scenarios/*.toml"), ROOT / "chaos/README.md", MONITORING / "README.md"]:
        named = set(re.findall(r"\bTailor[A-Z]\w+", path.read_text()))
        assert named <= names, f"{path} names {named - names}"


def test_runbooks_name_metrics_as_they_are(served):
    for path in RUNBOOKS.glob("*.md"):
        named = set(METRIC.findall(path.read_text()))
        assert named <= served, f"{path} names {named - served}"
