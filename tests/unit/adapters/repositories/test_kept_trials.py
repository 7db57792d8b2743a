"""How checks ended before the work is stored with the feature, and read back as it was."""

from __future__ import annotations

import json
from typing import get_type_hints

from cde_orchestrator.adapters.repositories.codec import (
    _readers_of,
    decode_feature,
    encode_feature,
)
from cde_orchestrator.adapters.repositories.documents import WORK
from cde_orchestrator.adapters.repositories.validation import _require_fit
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.trial import Trial
from tests.unit.domain.test_trial import FAILED


def test_trials_are_read_back() -> None:
    feature = Feature.create("p", "Take cards")
    feature.trials = [FAILED]

    read = decode_feature(json.loads(json.dumps(encode_feature(feature))))

    assert read == feature
    _require_fit(read, Feature)


def test_each_field_of_a_trial_can_be_read() -> None:
    assert _readers_of(Trial).keys() == get_type_hints(Trial).keys()


def test_a_feature_without_trials_is_stored_as_before() -> None:
    document = encode_feature(Feature.create("p", "Take cards"))

    assert "trials" not in document.get(WORK, {})
    assert decode_feature(document).trials == []
