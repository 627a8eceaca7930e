"""A Prometheus beside a cluster: scrapes every server once a second, and evaluates the alerts of `monitoring/`.

The wait of each alert (`for`) is cut to a second, because a day is shorter than most waits; expressions are as they are.
"""

import json
import os
import re
import shutil
import urllib.parse
import urllib.request
from pathlib import Path

from . import ports
from .poll import until
from .process import Process
from .tailor import REPOSITORY, CommandFailed

RULES = REPOSITORY / "monitoring/rules.yml"

#: Value of the label `cluster` of all that is scraped.
CLUSTER = "day"

_START_LIMIT_S = 30.0

_CONFIG = """\
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: tailor
    file_sd_configs: [{files: [targets.json], refresh_interval: 1s}]
"""


class Prometheus:
    """A server of its own, in a folder of its own; ended by `stop`."""

    def __init__(self, home: Path, rules: Path = RULES):
        home.mkdir(parents=True, exist_ok=True)
        self._home = home
        (home / "prometheus.yml").write_text(_CONFIG)
        (home / "rules.yml").write_text(re.sub(r"^(\s+for): \S+$", r"\1: 1s", rules.read_text(), flags=re.M))
        self._url = f"http://127.0.0.1:{ports.free()}"
        self._process: Process | None = None

    def start(self, targets: dict[str, str]) -> None:
        """Starts the server, and waits until it has scraped each target."""
        self.aim(targets)
        line = [program("prometheus"), f"--config.file={self._home / 'prometheus.yml'}"]
        line += [f"--storage.tsdb.path={self._home / 'data'}", "--log.level=warn"]
        line += [f"--web.listen-address={self._url.removeprefix('http://')}"]
        self._process = Process("prometheus", line, {}, self._home / "prometheus.log")
        self._process.start()
        until("Prometheus has scraped every target", _START_LIMIT_S, lambda: len(self.up()) == len(targets))

    def stop(self) -> None:
        """Ends the server, if it was started."""
        if self._process is not None:
            self._process.end()

    def aim(self, targets: dict[str, str]) -> None:
        """Sets what is scraped: addresses by the value of the label `instance`."""
        groups = [
            {"targets": [address], "labels": {"cluster": CLUSTER, "instance": name}}
            for name, address in targets.items()
        ]
        # Prometheus reads the file again when it changes, and must not find half of it.
        fresh = self._home / "targets.new"
        fresh.write_text(json.dumps(groups))
        fresh.rename(self._home / "targets.json")

    def up(self) -> set[str]:
        """Names of the targets that answered when they were scraped last."""
        try:
            return {series["metric"]["instance"] for series in self.query("up == 1")}
        except OSError:
            return set()

    def query(self, expression: str) -> list[dict]:
        """Series of an expression, now."""
        return self.ask("query", query=expression)["result"]

    def ask(self, path: str, **words: str):
        """Returns the data of an answer of the API."""
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(words, doseq=True)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def first_fired(self, alert: str) -> float | None:
        """Instant since 1970 at which an alert fired first within the last hour; None if it did not."""
        series = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
        found = self.query(f"min(min_over_time(timestamp({series})[1h:1s]))")
        return float(found[0]["value"][1]) if found else None


def program(name: str) -> str:
    """A program of Prometheus: the one on PATH, or the one that `scripts/prometheus.sh` has fetched."""
    found = shutil.which(name, path=f"{REPOSITORY / '.cache/prometheus'}:{os.environ.get('PATH', '')}")
    if found is None:
        raise CommandFailed(f"there is no {name}; run scripts/prometheus.sh")
    return found
