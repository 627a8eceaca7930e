"""Parses the text format of Prometheus as far as sums of series need it."""

import re
import urllib.request

_LINE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)")

Metrics = dict[str, float]


def scrape(url: str, timeout: float = 1.0) -> Metrics | None:
    """Reads the metrics of a server; None if the server does not answer."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return parse(answer.read().decode())
    except OSError:
        return None


def parse(text: str) -> Metrics:
    """Parses series by their name with labels, exactly as written."""
    found = (_LINE.fullmatch(line) for line in text.splitlines() if not line.startswith("#"))
    return {_series(match["name"], match["labels"]): float(match["value"]) for match in found if match}


def total(metrics: Metrics, name: str) -> float:
    """The sum over all series of that name; `name{label="value"}` takes those with these labels alone."""
    wanted, _, labels = name.partition("{")
    wanted_labels = set(filter(None, labels.rstrip("}").split(",")))
    sum_ = 0.0
    for series, value in metrics.items():
        series_name, _, series_labels = series.partition("{")
        if series_name == wanted and wanted_labels <= set(series_labels.rstrip("}").split(",")):
            sum_ += value
    return sum_


def _series(name: str, labels: str | None) -> str:
    return f"{name}{{{labels}}}" if labels else name
