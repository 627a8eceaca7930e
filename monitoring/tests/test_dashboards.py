"""Dashboards can be imported anywhere, and each panel explains itself."""

import re

import pytest
import yaml
from sources import DASHBOARDS, METRIC, boxes, dashboard, promtool, queries, rules

SOURCE = {"type": "prometheus", "uid": "${datasource}"}

by_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)


def test_there_are_four_with_names_of_their_own():
    boards = [dashboard(path) for path in DASHBOARDS]
    assert [path.stem for path in DASHBOARDS] == ["overview", "slowest", "stores", "workers"]
    for key in ("uid", "title"):
        assert len({board[key] for board in boards}) == len(boards)


@by_dashboard
def test_promtool_parses_every_expression(path, tmp_path):
    found = [query.plain("c", "5m", boxes(path)) for query in queries(path)]
    assert found
    # promtool checks expressions of rules alone.
    records = [{"record": f"panel:{at}", "expr": expr} for at, expr in enumerate(found)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.dump({"groups": [{"name": "panels", "rules": records}]}))
    done = promtool("check", "rules", "--lint=none", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert not any("$" in expr for expr in found), "a variable that no test replaces"


@by_dashboard
def test_source_and_cluster_are_chosen_by_the_viewer(path):
    board = dashboard(path)
    variables = {each["name"]: each for each in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["cluster"]["query"]["query"] == "label_values(tailor_is_leader, cluster)"
    assert "current" not in variables["datasource"] and "current" not in variables["cluster"]
    of_panels = [panel["datasource"] for panel in board["panels"]]
    of_targets = [target["datasource"] for panel in board["panels"] for target in panel["targets"]]
    assert all(source == SOURCE for source in [*of_panels, *of_targets, variables["cluster"]["datasource"]])
    for query in queries(path):
        named = [*METRIC.findall(query.expr), *re.findall(r"\bALERTS\b", query.expr)]
        assert len(named) == query.expr.count('{cluster="$cluster"'), query.where


@by_dashboard
def test_a_panel_has_a_title_a_description_and_a_unit(path):
    for panel in dashboard(path)["panels"]:
        assert panel["title"] and len(panel["description"].split()) > 3, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert all(target["legendFormat"] for target in panel["targets"]), panel["title"]


@by_dashboard
def test_panels_have_ids_and_places_of_their_own(path):
    panels = dashboard(path)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, f"{panel['title']} lies over another panel"
        taken |= cells


@by_dashboard
def test_a_line_that_is_said_to_be_the_limit_of_an_alert_lies_there(path):
    limits = {rule["alert"]: float(_product(rule["expr"])) for rule in rules() if _product(rule["expr"]) is not None}
    for panel in dashboard(path)["panels"]:
        for sentence in re.split(r"(?<=[.;:]) ", panel["description"]):
            if "limit of" not in sentence:
                continue
            for alert in re.findall(r"\bTailor[A-Z]\w+", sentence):
                steps = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
                assert limits[alert] in steps, f"{panel['title']}: {alert} has {limits[alert]}"


def _product(expr: str) -> float | None:
    """The number with which a rule compares at its end."""
    found = re.search(r"> ([\d.]+)(?: \* ([\d.]+))?$", expr.strip())
    return float(found[1]) * float(found[2] or 1) if found else None
