"""Rules that stand for what an API server, a kubelet or a scheduler would refuse, and for what this chart promises.

A rule takes the objects of a release and yields a sentence for each place that breaks it.
"""

from . import names, pods, promises, references, security

RULES = [rule for module in (names, pods, references, security, promises) for rule in module.RULES]


def broken(objects: list[dict]) -> list[str]:
    """Returns every broken rule, by its name, with the place."""
    return [f"{rule.__name__}: {found}" for rule in RULES for found in _found(rule, objects)]


def _found(rule, objects: list[dict]) -> list[str]:
    try:
        return list(rule(objects))
    except ValueError as error:  # a quantity or duration that no rule can compare
        return [str(error)]
