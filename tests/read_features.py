"""Features of a project that note which of them were read."""

from __future__ import annotations

from collections.abc import Iterable

from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.features import FeatureList, FeatureSummary


class ReadFeatures(FeatureList):
    """Features that note which of them were read by their ids, and not for a list."""

    def __init__(self, features: Iterable[Feature] = ()) -> None:
        super().__init__(features)
        self.read: list[str] = []

    def by_id(self, feature_id: str) -> Feature | None:
        self.read.append(feature_id)
        return super().by_id(feature_id)

    def summaries(self) -> list[FeatureSummary]:
        found = super().summaries()
        self.read.clear()
        return found
