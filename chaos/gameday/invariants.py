"""Every invariant by its id: how a game day checks it, and what came of it."""

import json
from dataclasses import dataclass, field
from typing import Literal

from . import history, manifests, metrics
from .job import JOB

Outcome = Literal["holds", "violated", "not checked"]


@dataclass(frozen=True)
class Check:
    """Holds the result of one invariant on one day."""

    id: str
    how: str
    outcome: Outcome
    details: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Evidence:
    """Collects the evidence of a day on which the invariants are judged."""

    site: object
    manifests: manifests.Manifests
    verification: dict | None  # `tailor dataset verify --level oracle -o json`
    calm: dict[str, str] | None  # none where the content cannot be that of a calm run
    has_ended: bool


def check_all(evidence: Evidence) -> list[Check]:
    """Judges all of them."""
    oracle = _by_invariant(evidence.verification)
    seen = evidence.manifests.violations
    return [
        _plans(evidence),
        _oracle("PL-2", "the oracle finds every point of the input once", oracle, ("", "DT-1")),
        *_leases(evidence),
        _of(
            "CM-1",
            "each manifest when first seen, with the completions in etcd's history, and `dataset verify`",
            seen["CM-1"] + _unrecorded(evidence),
            oracle,
            "CM-1",
        ),
        _of(
            "CM-2",
            "what a manifest names is there when it is first seen; digests by `dataset verify`",
            seen["CM-2"],
            oracle,
            "CM-2",
        ),
        _of(
            "CM-3",
            "the listing of manifests, every second: none changes, versions rise without gaps",
            seen["CM-3"],
            oracle,
            "CM-3",
        ),
        _of("CM-4", "each version, when first seen, names only objects that are all there", seen["CM-4"], oracle, None),
        _oracle("DT-1", "`dataset verify`: books and counts", oracle, ("DT-1",)),
        _oracle("DT-2", "`dataset verify --level rows`: order", oracle, ("DT-2",)),
        _sameness(evidence),
        Check("LV-1", "the job ended within its limit", "holds" if evidence.has_ended else "violated"),
        _of(
            "GC-1",
            "no manifest vanishes, and every object of every version is there at the end",
            seen["GC-1"],
            oracle,
            "CM-2",
        ),
        _nothing_left(evidence),
        _counted(evidence),
    ]


def _by_invariant(verification: dict | None) -> dict[str, list[str]] | None:
    if verification is None:
        return None
    found: dict[str, list[str]] = {}
    for difference in verification["differences"]["listed"]:
        text = f"{difference['class']} in {difference['place']}: {difference['detail']}"
        found.setdefault(difference["invariant"] or "", []).append(text)
    return found


def _of(id_: str, how: str, seen: list[str], oracle: dict[str, list[str]] | None, of_oracle: str | None) -> Check:
    details = seen + ((oracle or {}).get(of_oracle, []) if of_oracle else [])
    return Check(id_, how, "violated" if details else "holds", details)


def _oracle(id_: str, how: str, oracle: dict[str, list[str]] | None, ids: tuple[str, ...]) -> Check:
    if oracle is None:
        return Check(id_, how, "not checked", ["the input is not what it was, or nothing was committed"])
    details = [text for each in ids for text in oracle.get(each, [])]
    return Check(id_, how, "violated" if details else "holds", details)


def _plans(evidence: Evidence) -> Check:
    how = "the plans in the dataset: the ranges of each segment cover it exactly once"
    s3, lab = evidence.site.lab.s3, evidence.site.lab
    listed = s3.list(f"{lab.key(evidence.site.dataset)}/jobs/{JOB}/plans/")
    plans = [json.loads(s3.get(found.key)) for found in listed]
    details = [key for plan in plans for key in manifests.uncovered(plan)]
    if not plans:
        return Check("PL-1", how, "not checked", ["there is no plan"])
    return Check("PL-1", how, "violated" if details else "holds", details)


_LEASES = {
    "LS-1": "etcd's history: the numbers of a task's claims rise",
    "LS-2": "etcd's history: no task is recorded done while it is",
    "LS-3": "etcd's history: whatever is recorded done held its claim until then",
}


def _leases(evidence: Evidence) -> list[Check]:
    past = evidence.site.history
    if past is None:
        return [
            Check(id_, how, "not checked", ["etcd cannot be reached here, see simulation"])
            for id_, how in _LEASES.items()
        ]
    if past.gaps:
        return [Check(id_, how, "not checked", [*past.gaps, "see simulation"]) for id_, how in _LEASES.items()]
    found = history.violations(past.changes)
    return [Check(id_, how, "violated" if found[id_] else "holds", found[id_]) for id_, how in _LEASES.items()]


def _unrecorded(evidence: Evidence) -> list[str]:
    """Lists what manifests name that etcd's history, where it is whole, does not."""
    past = evidence.site.history
    if past is None or past.gaps:
        return []
    named = [seen.manifest for seen in evidence.manifests.seen.values()]
    return [f"{each}, which was never recorded" for each in manifests.unrecorded(named, history.recorded(past.changes))]


def _sameness(evidence: Evidence) -> Check:
    how = "content digests equal those of a calm run in one process"
    if evidence.calm is None:
        return Check("DT-3", how, "not checked", ["the content is not to be that of a calm run"])
    found = evidence.site.lab.digests(evidence.site.dataset)
    details = [
        f"{shard}: {found.get(shard)}, calm {digest}"
        for shard, digest in evidence.calm.items()
        if found.get(shard) != digest
    ]
    details += [f"{shard} is not in the calm run" for shard in found if shard not in evidence.calm]
    return Check("DT-3", how, "violated" if details else "holds", details)


def _nothing_left(evidence: Evidence) -> Check:
    how = "etcd has no key of a job that has ended"
    left = evidence.site.keys_of_jobs()
    if left is None or not evidence.has_ended:
        return Check("state", how, "not checked", ["etcd cannot be reached here, or the job is open"])
    return Check("state", how, "violated" if left else "holds", left[:5])


_VIOLATIONS = "tailor_invariant_violations_total"


def _counted(evidence: Evidence) -> Check:
    """Checks the counters of the coordinators that still run."""
    how = f"`{_VIOLATIONS}` of every coordinator that is left is 0"
    told = evidence.site.scrape("coordinators")
    if not told:
        return Check("metric", how, "not checked", ["no coordinator answers"])
    details = [
        f"{name}: {series} {value:g}"
        for name, found in told.items()
        for series, value in found.items()
        if series.startswith(_VIOLATIONS) and value
    ]
    details += [
        f"{name} does not have it" for name, found in told.items() if not any(s.startswith(_VIOLATIONS) for s in found)
    ]
    return Check("metric", how, "violated" if details else "holds", details)
