"""Rung 3: schemas of the oldest and the newest Kubernetes, and of the operators."""

import pytest
import schemas
from chart import CASES, CHART, HELMS, ROOT, parse, rendered
from rules import security


@pytest.mark.parametrize("version", schemas.VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_schemas_know_every_object_and_every_field(case, version):
    assert schemas.broken(rendered(case), version) == []


def test_the_oldest_version_is_that_of_the_chart():
    assert f'kubeVersion: ">={schemas.VERSIONS[0]}.0-0"' in (CHART / "Chart.yaml").read_text()


@pytest.mark.parametrize("helm", HELMS)
def test_both_helms_render_the_same_objects(helm):
    for case in CASES:
        assert _sorted(rendered(case, helm)) == _sorted(rendered(case)), case


def _sorted(objects):
    return sorted(objects, key=lambda item: (item["kind"], item["metadata"]["name"]))


def test_the_store_of_the_documents_is_accepted_and_restricted():
    objects = parse((ROOT / "docs" / "kubernetes-store.yaml").read_text())
    assert schemas.broken(objects, schemas.VERSIONS[-1]) == []
    assert [found for rule in security.RULES for found in rule(objects)] == []
