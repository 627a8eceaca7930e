"""A real Prometheus beside a real cluster: every expression answers, every metric of the documents is served.

Two coordinators and two workers run a job through etcd and an S3 server. TAILOR names the binary.
"""

import re
import time

import pytest
from gameday import units
from gameday.job import JOB
from gameday.lab import LocalLab
from gameday.local import LocalSite
from gameday.poll import until
from gameday.prometheus import CLUSTER, Prometheus
from gameday.scenario import Scenario, Topology, Workload
from gameday.tailor import binary
from sources import DASHBOARDS, METRIC, base, boxes, documented, queries, rules

#: Metrics that a calm cluster without TLS does not serve, each with the event after which it does.
AFTER_AN_EVENT = {
    "tailor_certificate_expires_timestamp_seconds": "TLS is on",
}

#: Alerts that read a series that does not exist before an event, each with the event.
ALERTS_AFTER_AN_EVENT = {"TailorCertificateExpires": "TLS is on"}

#: Panels without a series in a calm cluster, each with the reason.
ONLY_WHEN_WRONG = {
    "slowest: Shards: growth in four weeks: A": "nothing is four weeks old",
    "stores: etcd: lost answers, endpoints put aside: B": "no endpoint of etcd hangs",
}

#: Alerts that a machine with too little CPU sets off: they judge time, and the tests do not.
OF_A_BUSY_MACHINE = {
    "TailorCompletionsHeld",
    "TailorEtcdEndpointAside",
    "TailorEtcdSlow",
    "TailorLeaderSlow",
    "TailorLeasesLost",
    "TailorNoLeader",
    "TailorStoreFails",
    "TailorWorkerUnheard",
}

#: Labels that the scrape and histograms add.
ADDED = {"__name__", "cluster", "instance", "job", "le"}

_INTERVAL = "10s"
_LIMIT_S = 180.0


def _scenario() -> Scenario:
    return Scenario(
        name="scraped",
        hypothesis="",
        faults=(),
        is_fast=True,
        topology=Topology(coordinators=2, workers=2),
        workload=Workload(gen="--points 200000 --orgs 4 --partitions 3 --big-share 0", pace="50ms"),
        steps=(),
        detect=(),
        detect_within=0.0,
        alert="",
        unseen="",
        recover=None,
        recover_within=0.0,
        attempts_again_max=0,
        abort=None,
        abort_after=0.0,
        expect=(),
    )


class Scraped:
    """What the cluster and its Prometheus told while a job ran and after it had ended."""

    def __init__(self, prometheus: Prometheus, answers: dict[str, bool]):
        self.prometheus, self.answers = prometheus, answers


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    home = tmp_path_factory.mktemp("scraped")
    lab = LocalLab(home, binary())
    site = prometheus = None
    try:
        day = _scenario()
        site = LocalSite(day, lab, home)
        until("the cluster is ready", _LIMIT_S, site.is_ready)
        prometheus = Prometheus(home / "prometheus")
        prometheus.start(site.targets())
        yield Scraped(prometheus, _watch(site, day, prometheus))
    finally:
        for each in (prometheus, site, lab):
            if each is not None:
                each.stop()


def _watch(site: LocalSite, day: Scenario, prometheus: Prometheus) -> dict[str, bool]:
    """Runs a job, and asks every expression of the dashboards again until it has answered, or the time is up."""
    site.s3_weather.pace_s = units.duration(day.workload.pace)
    words = ["--input", site.input, "--dataset", site.dataset, *day.workload.job.split()]
    site.tailor.run("job", "submit", "--job", JOB, *words).done()
    expressions = {
        query.where: query.plain(CLUSTER, _INTERVAL, boxes(path)) for path in DASHBOARDS for query in queries(path)
    }
    answers = dict.fromkeys(expressions, False)
    ended_at = None
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline and (ended_at is None or time.monotonic() < ended_at + 5):
        for where in [where for where, has_answered in answers.items() if not has_answered]:
            answers[where] = _is_number(prometheus.query(expressions[where]))
        if ended_at is None:
            job = site.tailor.ask("job", "get", JOB)
            if job and job.get("ended_at_ms"):
                assert job["state"] == "done", job
                ended_at = time.monotonic()
        time.sleep(0.5)
    assert ended_at is not None, "the job did not end"
    return answers


def _is_number(found: list[dict]) -> bool:
    return any(series["value"][1] not in ("NaN", "+Inf", "-Inf") for series in found)


def test_every_expression_of_the_dashboards_answers(scraped):
    silent = {where for where, has_answered in scraped.answers.items() if not has_answered}
    assert silent == set(ONLY_WHEN_WRONG), "\n".join(sorted(silent ^ set(ONLY_WHEN_WRONG)))


def test_every_rule_is_evaluated_and_none_fires_in_a_calm_cluster(scraped):
    groups = scraped.prometheus.ask("rules")["groups"]
    found = {rule["name"]: rule for group in groups for rule in group["rules"]}
    assert set(found) == {rule["alert"] for rule in rules()}
    for name, rule in found.items():
        assert (rule["health"], rule.get("lastError", "")) == ("ok", ""), name
    firing = {series["metric"]["alertname"] for series in scraped.prometheus.query('ALERTS{alertname=~"Tailor.+"}')}
    assert OF_A_BUSY_MACHINE <= set(found)
    assert firing <= OF_A_BUSY_MACHINE


def test_every_series_that_an_alert_reads_exists_before_the_alert_is_needed(scraped):
    for rule in rules():
        selectors = re.findall(METRIC.pattern + r"(?:\{[^}]*\})?", rule["expr"])
        missing = [selector for selector in selectors if not scraped.prometheus.query(selector)]
        assert bool(missing) == (rule["alert"] in ALERTS_AFTER_AN_EVENT), f"{rule['alert']} reads {missing}"


def test_the_metrics_of_the_documents_are_served_with_their_labels_and_no_others_are(scraped, kinds):
    found: dict[str, set[str]] = {}
    for series in scraped.prometheus.query('{__name__=~"tailor_.+"}'):
        labels = series["metric"]
        found.setdefault(base(labels["__name__"], kinds), set()).update(set(labels) - ADDED)
    told = documented()
    assert set(found) - set(told) == set(), "a metric that docs/operations.md leaves out"
    assert set(told) - set(found) == set(AFTER_AN_EVENT), "a metric of docs/operations.md that nobody serves"
    assert {name: labels for name, labels in found.items() if labels != told[name]} == {}
