"""What the tests compare: rules, dashboards, the table of metrics in the documents, and the metrics in the code."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "monitoring"
RULES = MONITORING / "rules.yml"
RUNBOOKS = ROOT / "docs/runbooks"
DASHBOARDS = sorted((MONITORING / "dashboards").glob("*.json"))

sys.path.insert(0, str(ROOT / "chaos"))

#: Metrics of etcd that are named here; the test against a real Prometheus finds them in a real etcd.
ETCD = {
    "etcd_mvcc_db_total_size_in_bytes": "gauge",
    "etcd_server_quota_backend_bytes": "gauge",
    "etcd_disk_wal_fsync_duration_seconds": "histogram",
    "etcd_disk_backend_commit_duration_seconds": "histogram",
}

#: Any metric of an expression that a scrape brings.
METRIC = re.compile(r"\b(?:tailor|etcd)_[a-z_]+\b")

_PARTS = ("_bucket", "_sum", "_count")


def promtool(*words: str) -> subprocess.CompletedProcess:
    """Runs promtool to its end."""
    from gameday.prometheus import program

    return subprocess.run([program("promtool"), *words], capture_output=True, text=True, timeout=60)


def rules() -> list[dict]:
    """Every alert, with `alert`, `expr`, `labels` and `annotations`."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def dashboard(path: Path) -> dict:
    """A dashboard as it is imported."""
    return json.loads(path.read_text())


@dataclass(frozen=True)
class Query:
    """An expression of a panel, with the name by which a failed test tells of it."""

    where: str
    expr: str

    def plain(self, cluster: str, interval: str, variables: dict[str, str]) -> str:
        """The expression with Grafana's variables replaced."""
        text = self.expr.replace("$__rate_interval", interval).replace("$cluster", cluster)
        for name, value in variables.items():
            text = text.replace(f"${name}", value)
        return text


def queries(path: Path) -> list[Query]:
    """Every expression of a dashboard."""
    panels = dashboard(path)["panels"]
    return [
        Query(f"{path.stem}: {panel['title']}: {target['refId']}", target["expr"])
        for panel in panels
        for target in panel["targets"]
    ]


def boxes(path: Path) -> dict[str, str]:
    """Variables that a viewer types, with their defaults."""
    variables = dashboard(path)["templating"]["list"]
    return {each["name"]: each["query"] for each in variables if each["type"] == "textbox"}


def base(metric: str, kinds: dict[str, str]) -> str:
    """The metric that a series belongs to: a histogram has three kinds of series."""
    for part in _PARTS:
        if kinds.get(metric.removesuffix(part)) == "histogram":
            return metric.removesuffix(part)
    return metric


def documented() -> dict[str, set[str]]:
    """Metrics of the table in docs/operations.md, with their labels."""
    text = (ROOT / "docs/operations.md").read_text()
    table = text.split("| metric | meaning |\n|---|---|\n", 1)[1].split("\n\n", 1)[0]
    cells = " ".join(row.split("|")[1] for row in table.splitlines())
    names = re.findall(r"`(tailor_[a-z_]+)(?:\{([a-z_,]+)\})?`", cells)
    return {name: set(labels.split(",")) if labels else set() for name, labels in names}


def in_code() -> dict[str, str]:
    """Metrics that the programs describe, each with its kind."""
    kinds = {}
    for path, text in code():
        for kind, argument in re.findall(r"describe_(counter|gauge|histogram)!\(\s*([\w:]+|\"[a-z_]+\")", text):
            kinds[_resolved(argument, path)] = kind
    return kinds


def emitted() -> set[str]:
    """Metrics that the programs set somewhere, as far as the name stands there."""
    found = set()
    for path, text in code():
        for argument in re.findall(r"\b(?:counter|gauge|histogram)!\(\s*([A-Z_]{2,}|\"[a-z_]+\")", text):
            found.add(_resolved(argument, path))
    return found


def code() -> list[tuple[Path, str]]:
    """Every file of the programs, without its tests."""
    files = [path for path in ROOT.glob("*/src/**/*.rs") if "tests" not in path.parts and path.stem != "tests"]
    return [(path, path.read_text().partition("#[cfg(test)]\nmod tests {")[0]) for path in files]


def _resolved(argument: str, path: Path) -> str:
    """The name behind a literal, or behind a constant of that file or of its crate."""
    if argument.startswith('"'):
        return argument.strip('"')
    constant = re.compile(rf'const {argument.rpartition("::")[2]}: &str =\s*"([a-z_]+)"')
    crate = ROOT / path.relative_to(ROOT).parts[0]
    for candidate in [path, *crate.glob("src/**/*.rs")]:
        if found := constant.search(candidate.read_text()):
            return found[1]
    raise AssertionError(f"{path}: no constant {argument} has the name of a metric")
