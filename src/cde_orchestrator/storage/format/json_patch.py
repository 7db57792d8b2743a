"""Differences between two states of a document, as JSON Patch (RFC 6902).

Only ``add`` (which sets a member, old or new) and ``remove`` are written: they are enough
for after-images. Objects are compared member by member; lists are values.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from copy import copy
from typing import Any, TypeGuard, TypeVar

import orjson

Document = dict[str, Any]
Object = TypeVar("Object", bound=MutableMapping[str, Any])
"""An object of JSON: a dictionary, or what decodes its members when they are asked for."""
Patch = list[dict[str, Any]]
DEPTH_LIMIT = 200
"""Levels of a stored document."""
_ENCODED_DEPTH = 254  # of orjson, which decodes 1,024


def is_too_deep(value: Any) -> bool:
    """Whether what was parsed is nested deeper than anything here writes, and Python follows."""
    for _ in range(_ENCODED_DEPTH - DEPTH_LIMIT):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return True
    return False


def pointer(*keys: str) -> str:
    """The JSON Pointer (RFC 6901) to a member."""
    return "".join(f"/{_escape(key)}" for key in keys)


def keys_of(path: str) -> list[str]:
    """The keys that a JSON Pointer names, outermost first; none for the whole document."""
    parts = path.split("/")[1:]
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


def is_patch(value: object) -> bool:
    """Whether it has the shape of a patch; the operations may still not fit a document."""
    return isinstance(value, list) and all(
        isinstance(each, dict)
        and isinstance(path := each.get("path"), str)
        and (each.get("op") == "remove" or (each.get("op") == "add" and "value" in each))
        and (path or isinstance(each.get("value"), dict))
        for each in value
    )


def diff(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> Patch:
    """The operations that turn ``before`` into ``after``; paths are JSON Pointers."""
    operations: Patch = [
        {"op": "remove", "path": f"{path}/{_escape(key)}"} for key in before if key not in after
    ]
    for key, value in after.items():
        old = before.get(key, _ABSENT)
        if old is value:
            continue
        where = f"{path}/{_escape(key)}"
        if _is_object(value) and _is_object(old):
            operations.extend(diff(old, value, where))
        elif not _same(old, value):
            kept = dict(value) if _is_object(value) else value
            operations.append({"op": "add", "path": where, "value": kept})
    return operations


def apply(
    document: Document, operations: Sequence[Mapping[str, Any]], in_place: Sequence[str] = ()
) -> Document:
    """The document with the operations applied; objects on the way are copied, others shared.

    Members named by ``in_place`` are changed themselves, with the document, so that the cost does
    not grow with their size.

    Raises:
        ValueError: an operation does not fit the document.
    """
    owned: dict[int, Any] = {}
    if in_place:
        kept = (document, *(document[name] for name in in_place if name in document))
        owned = {id(each): each for each in kept}
    for operation in operations:
        document = _apply_one(document, operation, owned)
    return document


def replay(document: Document, operations: Sequence[Mapping[str, Any]]) -> Document:
    """``apply`` where nobody else has the document, or the operations: nothing is copied.

    Raises:
        ValueError: an operation does not fit; those before it are applied.
    """
    for operation in operations:
        document = _apply_one(document, operation, None)
    return document


_ABSENT = object()
_LEAVES = frozenset({str, int, float, bool, type(None), list, tuple})
_SORTED = orjson.OPT_SORT_KEYS


def _apply_one(
    root: Document, operation: Mapping[str, Any], owned: dict[int, Any] | None
) -> Document:
    keys = keys_of(str(operation["path"]))
    if not keys:
        if operation["op"] != "add":
            raise ValueError("the whole document cannot be removed")
        return dict(operation["value"])
    if owned is not None:
        root = _own(root, owned)
    parent: MutableMapping[str, Any] = root
    for key in keys[:-1]:
        child = parent.get(key)
        if not _is_object(child):
            raise ValueError(f"{operation['path']} does not exist")
        if owned is not None:
            parent[key] = child = _own(child, owned)
        elif not isinstance(parent, dict):
            parent[key] = child  # it was decoded for this
        parent = child
    if operation["op"] == "add":
        parent[keys[-1]] = operation["value"]
    elif operation["op"] == "remove" and keys[-1] in parent:
        del parent[keys[-1]]
    else:
        raise ValueError(f"{operation['op']} {operation['path']} does not fit")
    return root


def _is_object(value: object) -> TypeGuard[MutableMapping[str, Any]]:
    # Most are none, and to ask an abstract class takes long.
    return type(value) not in _LEAVES and isinstance(value, (dict, MutableMapping))


def _own(child: Object, owned: dict[int, Any]) -> Object:
    if id(child) not in owned:
        child = copy(child)
        owned[id(child)] = child
    return child


def _same(old: object, new: object) -> bool:
    # 1 == True and 1 == 1.0 in Python, but not in JSON.
    if type(old) is not type(new):
        return False
    if isinstance(old, list | tuple):
        return orjson.dumps(old, option=_SORTED) == orjson.dumps(new, option=_SORTED)
    return old == new


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
