"""Schemas: Kubernetes' own, strict, for the oldest and the newest version of the chart, and the operators' models.

A kind that neither knows is an error, and so is an unknown field, which the models alone would accept.
"""

import functools
import json
import typing
import warnings
from collections.abc import Iterator

import cloudcoil.models.cert_manager.v1 as cert_manager
import cloudcoil.models.keda.v1alpha1 as keda
import cloudcoil.models.prometheus_operator.v1 as prometheus_operator
import kubernetes_validate
import pydantic

VERSIONS = ("1.27", "1.37")
_MODELS = {
    "cert-manager.io/v1": cert_manager,
    "keda.sh/v1alpha1": keda,
    "monitoring.coreos.com/v1": prometheus_operator,
}


def broken(objects: list[dict], version: str) -> list[str]:
    """Returns a sentence for each object that a server of this version would not know or not accept."""
    named = [(f"{item['kind']} {item['metadata']['name']}", json.dumps(item, sort_keys=True)) for item in objects]
    return [f"{name}: {found}" for name, text in named for found in _found(text, version)]


@functools.cache
def _found(text: str, version: str) -> list[str]:
    """Keeps what was found in an object, because most objects are the same in many tests."""
    return list(_object(json.loads(text), version))


def _object(item: dict, version: str) -> Iterator[str]:
    module = _MODELS.get(item["apiVersion"])
    if module is not None:
        yield from _custom(item, module)
        return
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            kubernetes_validate.validate(item, version, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        yield f"{getattr(error, 'message', error)}"
        return
    for warning in warned:
        yield f"{warning.message}"


def _custom(item: dict, module) -> Iterator[str]:
    model = getattr(module, item["kind"], None)
    if model is None:
        yield f"{item['apiVersion']} has no kind {item['kind']}"
        return
    try:
        model.model_validate(item)
    except pydantic.ValidationError as error:
        for found in error.errors():
            yield f"{'.'.join(map(str, found['loc']))}: {found['msg']}"
    yield from _unknown(item.get("spec"), _field(model, "spec"), "spec")


def _unknown(value, annotation, path: str) -> Iterator[str]:
    """Yields fields that the model at this place does not have."""
    if isinstance(value, list):
        for at, item in enumerate(value):
            yield from _unknown(item, annotation, f"{path}[{at}]")
        return
    models = [one for one in _models(annotation)]
    if not isinstance(value, dict) or not models:
        return
    for key, item in value.items():
        known = [_field(model, key) for model in models if _field(model, key) is not None]
        if not known:
            yield f"{path}.{key} is not a field"
        for one in known[:1]:
            yield from _unknown(item, one, f"{path}.{key}")


@functools.cache
def _aliases(model) -> dict:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _field(model, name: str):
    return _aliases(model).get(name)


def _models(annotation) -> Iterator[type]:
    """Yields the models in an annotation; none for maps of the user's own keys."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        if not issubclass(annotation, pydantic.RootModel):
            yield annotation
        return
    if typing.get_origin(annotation) is dict:
        return
    for part in typing.get_args(annotation):
        yield from _models(part)
