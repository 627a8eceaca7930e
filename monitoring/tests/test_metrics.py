"""The documents and the code name the same metrics; rules and dashboards name no others, and use them by their kind."""

import re

import pytest
from sources import DASHBOARDS, METRIC, base, documented, emitted, in_code, queries, rules

EXPRESSIONS = [
    *((rule["alert"], rule["expr"]) for rule in rules()),
    *((query.where, query.expr) for path in DASHBOARDS for query in queries(path)),
]

by_expression = pytest.mark.parametrize(
    "expr", [expr for _, expr in EXPRESSIONS], ids=[where for where, _ in EXPRESSIONS]
)

#: The series of the alerts themselves, which Prometheus writes.
OF_PROMETHEUS = {"ALERTS"}


def test_every_metric_of_the_code_is_documented_and_the_other_way_round():
    assert set(documented()) == set(in_code())


def test_every_metric_that_is_set_is_described():
    assert emitted() <= set(in_code())
    assert len(emitted()) > 20, "the search finds names no more"


@by_expression
def test_an_expression_names_metrics_that_are_served(expr, served):
    assert set(METRIC.findall(expr)) <= served
    selected = set(re.findall(r"\b([A-Za-z_:]+)(?=[{\[])", expr))
    assert {name for name in selected if not METRIC.fullmatch(name)} <= OF_PROMETHEUS


@by_expression
def test_a_selector_asks_for_labels_that_the_metric_has(expr, kinds):
    for metric, matchers in re.findall(rf"({METRIC.pattern})\{{([^}}]*)\}}", expr):
        asked = set(re.findall(r"([a-z_]+)(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', "", matchers)))
        has = documented().get(base(metric, kinds), set()) | {"cluster", "instance"}
        assert asked <= has, metric


@by_expression
def test_counters_are_read_by_their_rate_and_gauges_as_they_are(expr, kinds):
    for name in set(METRIC.findall(expr)):
        uses = len(re.findall(rf"\b{name}\b", expr))
        rates = len(re.findall(rf"\b(?:rate|increase)\({name}\b", expr))
        is_gauge = kinds[base(name, kinds)] == "gauge"
        assert rates == (0 if is_gauge else uses), f"{name} is a {kinds[base(name, kinds)]}"


def test_counters_end_in_total_and_durations_in_seconds():
    for name, kind in in_code().items():
        assert name.endswith("_total") == (kind == "counter"), name
        assert kind != "histogram" or name.endswith("_seconds"), name
