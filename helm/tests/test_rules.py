"""Rung 4: every case holds every rule."""

import pytest
from chart import CASES, HELMS, rendered
from rules import broken


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("case", CASES)
def test_every_rule_holds(case, helm):
    assert broken(rendered(case, helm)) == []
