"""Names, labels and annotations that the API server would refuse."""

import re

from objects import walk, workloads

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_KEY_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
#: Longest names, where they become labels or the beginning of longer names: a CronJob adds 11 letters to those of its
#: Jobs, a StatefulSet a hash to a label of its pods.
_LENGTHS = {"Service": 63, "CronJob": 52, "Deployment": 63, "StatefulSet": 52, "Pod": 63, "Job": 63}


def object_names_are_valid(objects):
    for item in objects:
        kind, name = item["kind"], item["metadata"]["name"]
        form = _SERVICE if kind == "Service" else _SUBDOMAIN
        if not form.fullmatch(name):
            yield f"{kind} {name}: the name has letters that are not allowed"
        if len(name) > _LENGTHS.get(kind, 253):
            yield f"{kind} {name}: the name is longer than {_LENGTHS.get(kind, 253)}"


def objects_are_unique(objects):
    seen = set()
    for item in objects:
        key = (item["apiVersion"], item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])
        if key in seen:
            yield f"{key} is there twice"
        seen.add(key)


def container_and_volume_names_are_labels(objects):
    for workload in workloads(objects):
        named = [container for _, container in workload.containers()] + workload.spec.get("volumes", [])
        for item in named:
            if not _LABEL.fullmatch(item["name"]) or len(item["name"]) > 63:
                yield f"{workload.at}: {item['name']} is not a name"


def labels_and_annotations_are_valid(objects):
    for item in objects:
        for path, value in walk(item):
            field = path.rsplit(".", 1)[-1]
            if (
                field in ("labels", "matchLabels", "nodeSelector")
                and isinstance(value, dict)
                and "dashboard" not in path
            ):
                yield from _wrong_labels(item, path, value)
            if field == "annotations" and isinstance(value, dict) and ".rules" not in path:
                yield from _wrong_annotations(item, path, value)


def _wrong_labels(item, path, labels):
    if item["kind"] == "PrometheusRule" and ".rules" in path:
        return
    for key, value in labels.items():
        if not _is_key(key):
            yield f"{item['kind']}{path}: '{key}' is not a key of a label"
        if not isinstance(value, str) or not _VALUE.fullmatch(value) or len(value) > 63:
            yield f"{item['kind']}{path}: '{value}' is not a value of a label"


def _wrong_annotations(item, path, annotations):
    for key, value in annotations.items():
        if not _is_key(key):
            yield f"{item['kind']}{path}: '{key}' is not a key of an annotation"
        if not isinstance(value, str):
            yield f"{item['kind']}{path}: {key} is not text"


def _is_key(key: str) -> bool:
    prefix, _, name = key.rpartition("/")
    is_prefix = not prefix or (_SUBDOMAIN.fullmatch(prefix) and len(prefix) <= 253)
    return bool(is_prefix and _KEY_NAME.fullmatch(name) and len(name) <= 63)


RULES = [
    object_names_are_valid,
    objects_are_unique,
    container_and_volume_names_are_labels,
    labels_and_annotations_are_valid,
]
