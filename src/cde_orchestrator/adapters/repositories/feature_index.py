"""Finds stored features, and sums them up, without decoding them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from cde_orchestrator.adapters.repositories.documents import (
    NOT_IN_HEAD,
    TouchedFeatures,
    summary_in,
    summary_of,
    work_of,
)
from cde_orchestrator.adapters.repositories.refusing import refusing_unreadable
from cde_orchestrator.domain.features import FeatureSummary
from cde_orchestrator.infrastructure.system.gc_tuning import collections_delayed
from cde_orchestrator.storage.format.feature_texts import FeatureTexts, touched_features
from cde_orchestrator.storage.format.json_patch import Document, Patch


class FeatureIndex:
    """Finds stored features by name and by the beginning of an id, and sums them up.

    It follows the documents of one store; only features that changed are read again.
    """

    def __init__(self) -> None:
        self._summaries: dict[str, FeatureSummary] = {}
        self._names: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self.touched = TouchedFeatures()

    def follow(self, document: Document, changes: Patch | None) -> None:
        """Take over what changed in a document; all of it when ``changes`` is None."""
        features: Mapping[str, Document] = document.get("features", {})
        changed = None if changes is None else touched_features(changes)
        summaries: dict[str, FeatureSummary] = {}
        names, keys = dict[str, str](), dict[str, str]()
        with refusing_unreadable(document, "features"), collections_delayed():
            texts, places = _places_of(features, changed)
            for key, place in places:
                summary = summary_in(texts, place) if place >= 0 else None
                call: Any = None
                if summary is None:
                    stored = features[key]
                    summary, call = summary_of(stored), work_of(stored).get("idempotency_key")
                summaries[key], names[summary.name] = summary, key
                if isinstance(call, str):
                    keys[call] = key
        if changed is None:
            self._summaries, self._names, self._keys = summaries, names, keys
            self.touched = TouchedFeatures()
            return
        before = {key: self._summaries.get(key) for key in changed}
        gone = [key for key in changed if key not in summaries]
        self._summaries.update(summaries)
        self._names.update(names)
        self._keys.update(keys)
        # Last, so that a reader in a thread always finds a name that is there before and after.
        for key, old in before.items():
            now = summaries.get(key)
            if old is None or (now is not None and now.name == old.name):
                continue
            if self._names.get(old.name) == key:
                del self._names[old.name]
        for key in gone:
            self._summaries.pop(key, None)
        if gone:
            self._keys = {call: key for call, key in self._keys.items() if key not in gone}

    def id_of(self, name: str) -> str | None:
        """The id of the feature with this name."""
        return self._names.get(name)

    def id_of_call(self, idempotency_key: str) -> str | None:
        """The id of the feature that the call with this key started."""
        return self._keys.get(idempotency_key)

    def ids_beginning(self, prefix: str) -> list[str]:
        """The ids that begin with ``prefix``, sorted."""
        return sorted(key for key in list(self._summaries) if key.startswith(prefix))

    def summaries(self) -> list[FeatureSummary]:
        """A summary of every feature, oldest first."""
        return list(self._summaries.values())

    def summary(self, key: str) -> FeatureSummary | None:
        """The summary of one feature; None where it went meanwhile."""
        return self._summaries.get(key)


def _places_of(
    features: Mapping[str, Document], changed: Collection[str] | None
) -> tuple[bytes, list[tuple[str, int]]]:
    """Texts and the places in them of the features, or of those that changed; -1 for objects."""
    if changed is None and isinstance(features, FeatureTexts):
        return features.places(NOT_IN_HEAD)
    return b"", [(key, -1) for key in (features if changed is None else changed) if key in features]
