"""Fixtures that several tests share."""

import pytest
from sources import ETCD, in_code


@pytest.fixture(scope="session")
def kinds() -> dict[str, str]:
    """The kind of every metric that may be named."""
    return in_code() | ETCD


@pytest.fixture(scope="session")
def served(kinds) -> set[str]:
    """Names of all series: a histogram has three."""
    histograms = [name for name, kind in kinds.items() if kind == "histogram"]
    return set(kinds) | {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
