"""Patches: server-side apply, once `owners` has said what stays, strategic merge, merge, JSON."""

import copy

#: Keys by which items of a list are the same, in the order in which they are looked for.
_KEYS = ("mountPath", "name", "containerPort", "port", "topologyKey", "parameter")


def patched(old: dict, patch: object, content_type: str) -> dict:
    new = copy.deepcopy(old)
    if "json-patch" in content_type:
        for step in patch:
            _step(new, step)
        return new
    return _merged(new, patch, "strategic" in content_type)


def applied(old: dict | None, owned: dict) -> dict:
    """Takes what the owners of fields have for the whole, but for what the server itself has written."""
    new = copy.deepcopy(owned)
    if old is not None:
        new["metadata"] = {**old["metadata"], **owned["metadata"]}
        if "status" in old:
            new["status"] = old["status"]
    return new


def _merged(old: object, patch: object, is_strategic: bool) -> object:
    if isinstance(patch, dict):
        if patch.get("$patch") == "replace":
            return {key: value for key, value in patch.items() if key != "$patch"}
        new = dict(old) if isinstance(old, dict) else {}
        for key, value in patch.items():
            if key.startswith("$"):
                continue
            if value is None:
                new.pop(key, None)
            else:
                new[key] = _merged(new.get(key), value, is_strategic)
        return new
    if isinstance(patch, list) and is_strategic:
        return _merged_list(old if isinstance(old, list) else [], patch)
    return copy.deepcopy(patch)


def _merged_list(old: list, patch: list) -> list:
    key = next((key for key in _KEYS if patch and all(isinstance(item, dict) and key in item for item in patch)), None)
    if key is None:
        return copy.deepcopy(patch)
    new = {item.get(key): item for item in old}
    for item in patch:
        if item.get("$patch") == "delete":
            new.pop(item[key], None)
        else:
            new[item[key]] = _merged(new.get(item[key]), item, True)
    return list(new.values())


def _step(document: dict, step: dict) -> None:
    *path, last = [part.replace("~1", "/").replace("~0", "~") for part in step["path"].strip("/").split("/")]
    for part in path:
        document = document[int(part)] if isinstance(document, list) else document.setdefault(part, {})
    if step["op"] == "remove":
        document.pop(last, None)
    else:
        document[last] = step["value"]
