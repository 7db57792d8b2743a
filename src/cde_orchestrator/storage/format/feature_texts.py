"""The features of a state, each as its text of JSON until somebody asks for it.

A command needs few of a project's features, and a text takes a fifth of the memory of what it is
decoded to. So a checkpoint's features stay where they are in its bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, KeysView, Mapping, MutableMapping
from copy import deepcopy
from typing import Any

import orjson

from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.storage.format.json_patch import (
    DEPTH_LIMIT,
    Document,
    Patch,
    is_too_deep,
    keys_of,
)

INDENT = b"    "
"""What a feature's line in a checkpoint begins with."""
_DECODED = 64
"""Features that stay decoded, so that a call that touches one decodes it once."""
_COMMA = ord(",")
_BEGINNING = pattern(INDENT + rb'\{"id":"([^"\\]+)"')
_PLAIN, _TEXT = rb'"([^"\\]*)"', rb'"[^"\\]*(?:\\.[^"\\]*)*"'
HEAD = pattern(
    rb'\{"id":%(plain)b,"project_id":%(text)b,"name":%(plain)b,"prompt":%(text)b,'
    rb'"status":%(plain)b,'
    rb'"current_phase":(?:null|%(plain)b),"workflow_type":%(text)b,'
    rb'"workflow_digest":(?:null|%(plain)b),"created_at":%(plain)b,"updated_at":%(plain)b,'
    % {b"plain": _PLAIN, b"text": _TEXT}
)
"""How the text of a feature begins that this release wrote: its id, name, status, phase, digest of
its workflow, and when it was created and changed."""


class FeatureTexts(MutableMapping[str, Document]):
    """Features by id, in their order; one that was changed is kept as it is, not as text.

    What is read may be the same object twice: whoever changes it sets it afterwards.
    """

    __slots__ = ("_data", "_kept", "_recent")

    def __init__(self, data: bytes, kept: dict[str, int | Document]) -> None:
        """Features that begin at the given places of ``data``, a line each, or are objects."""
        self._data = data
        self._kept = kept
        self._recent: dict[str, Document] = {}

    @classmethod
    def in_lines(cls, data: bytes, start: int, end: int) -> FeatureTexts | None:
        """The features in lines of ``data``; None where they are not as ``lines`` writes them."""
        kept: dict[str, int | Document] = {}
        count, begin = 0, _BEGINNING.match
        while start < end:
            found, close = begin(data, start), data.find(b"\n", start, end)
            last = close if close >= 0 else end
            if found is None or not data.endswith(b"}," if close >= 0 else b"}", start, last):
                return None
            kept[found[1].decode()] = start + len(INDENT)
            count, start = count + 1, last + 1
        return cls(data, kept) if count == len(kept) else None

    def text(self, feature_id: str) -> bytes:
        """The feature's JSON, without spaces."""
        kept = self._kept[feature_id]
        return self._text_at(kept) if isinstance(kept, int) else orjson.dumps(kept)

    def problem(self) -> str | None:
        """Why a feature cannot be read; all are decoded for it, and none stays so."""
        for key, kept in self._kept.copy().items():
            try:
                if isinstance(kept, int) and decode_text(self._text_at(kept)).get("id") != key:
                    return f"feature {key} has another id"
            except ValueError as error:
                return f"feature {key} cannot be read: {error}"
        return None

    def origin(self, feature_id: str) -> tuple[object, int]:
        """The object that holds the feature, and its place there: the same while it stays so."""
        kept = self._kept[feature_id]
        return (self._data, kept) if isinstance(kept, int) else (kept, 0)

    def places(self, without: Iterable[bytes] = ()) -> tuple[bytes, list[tuple[str, int]]]:
        """All texts, and where in them that of each feature begins.

        -1 stands for one that was changed since, or has one of the words ``without``, which are
        looked for in all texts at once.
        """
        begins = {start for word in without for start in self._lines_with(word)}
        return self._data, [
            (key, kept if isinstance(kept, int) and kept not in begins else -1)
            for key, kept in self._kept.copy().items()
        ]

    def without_statuses(self, statuses: Collection[str]) -> Iterator[Document]:
        """The features in none of these statuses, and any whose text begins as of another release.

        No other one is decoded.
        """
        unwanted = {status.encode() for status in statuses}
        for key, kept in self._kept.copy().items():
            if isinstance(kept, int):
                head = HEAD.match(self._data, kept)
                is_wanted = head is None or head[3] not in unwanted
            else:
                is_wanted = kept.get("status") not in statuses
            if is_wanted:
                yield self[key]

    def _lines_with(self, word: bytes) -> Iterator[int]:
        """Where the features begin whose text has the word."""
        place = self._data.find(word)
        while place >= 0:
            yield self._data.rfind(b"\n", 0, place) + 1 + len(INDENT)
            end = self._data.find(b"\n", place)
            place = self._data.find(word, end) if end >= 0 else -1

    def _text_at(self, start: int) -> bytes:
        end = self._data.find(b"\n", start)
        return self._data[start : end - 1 if self._data[end - 1] == _COMMA else end]

    def __getitem__(self, feature_id: str) -> Document:
        """The feature, decoded.

        Raises:
            ValueError: its text is not JSON, or is nested too deeply.
        """
        kept = self._kept[feature_id]
        if not isinstance(kept, int):
            return kept
        found = self._recent.get(feature_id)
        if found is None:
            found = decode_text(self._text_at(kept))
            if len(self._recent) >= _DECODED:
                self._recent = {}
            self._recent[feature_id] = found
        return found

    def __setitem__(self, feature_id: str, feature: Document) -> None:
        self._kept[feature_id] = feature
        self._recent.pop(feature_id, None)

    def __delitem__(self, feature_id: str) -> None:
        del self._kept[feature_id]
        self._recent.pop(feature_id, None)

    def __contains__(self, feature_id: object) -> bool:
        return feature_id in self._kept

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __copy__(self) -> FeatureTexts:
        return FeatureTexts(self._data, self._kept.copy())

    def __deepcopy__(self, memo: dict[int, Any]) -> FeatureTexts:
        kept = {
            key: each if isinstance(each, int) else deepcopy(each, memo)
            for key, each in self._kept.copy().items()
        }
        return FeatureTexts(self._data, kept)


def lines(features: Mapping[str, Document]) -> Iterator[bytes]:
    """The features as a checkpoint has them, without the ends of the lines."""
    if isinstance(features, FeatureTexts):
        return (INDENT + features.text(key) for key in features)
    return (INDENT + orjson.dumps(feature) for feature in features.values())


def decode_text(text: bytes) -> Document:
    """The feature of a text.

    Raises:
        ValueError: it is not JSON, no object, or nested too deeply.
    """
    found = orjson.loads(text)
    if not isinstance(found, dict):
        raise ValueError("a feature is not an object")
    if text.count(b"[") + text.count(b"{") > DEPTH_LIMIT and is_too_deep(found):
        raise ValueError("a feature is nested too deeply")
    return found


def plain(document: Document) -> Document:
    """The document with all features decoded, as only dictionaries can be encoded."""
    features = document.get("features")
    return {**document, "features": dict(features)} if type(features) is FeatureTexts else document


def touched_features(changes: Patch) -> KeysView[str] | None:
    """The ids of the features that a change is about, in its order; None for the whole state."""
    touched: dict[str, None] = {}
    for operation in changes:
        keys = keys_of(operation["path"])
        if keys in ([], ["features"]):
            return None
        if keys[0] == "features":
            touched[keys[1]] = None
    return touched.keys()
