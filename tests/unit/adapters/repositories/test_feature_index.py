"""Features are found and summed up from their texts as from what those decode to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cde_orchestrator.adapters.repositories.codec import encode_feature
from cde_orchestrator.adapters.repositories.documents import summary_of
from cde_orchestrator.adapters.repositories.feature_index import FeatureIndex
from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.workflow import Workflow
from cde_orchestrator.storage.format.checkpoint import Checkpoint, decode, encode
from tests.state_stores import decoded_from_now_on

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROMPTS = (
    "Make it faster",
    'With "quotes", a \\ and\nlines; "status":"completed","current_phase":null',
    'Says "claim":{ and "idempotency_key":"k" itself 🌳',
    "\x1b[31m\x7f" + "x" * 10_000,
)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the features that are decoded."""
    return decoded_from_now_on(monkeypatch)


def feature(number: int, prompt: str, **changes: Any) -> dict[str, Any]:
    made = Feature.create(
        project_id="p", name=f"n-{number}", prompt=prompt, workflow=Workflow.canonical(), now=NOW
    )
    return {**encode_feature(made), **changes}


def stored(*features: dict[str, Any]) -> dict[str, Any]:
    document = {"path": ".", "features": {each["id"]: each for each in features}}
    found = decode(encode(document, 1, "abc"))
    assert isinstance(found, Checkpoint)
    return found.document


def followed(document: dict[str, Any]) -> FeatureIndex:
    index = FeatureIndex()
    index.follow(document, None)
    return index


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_summary_of_a_text_is_that_of_the_feature(prompt: str, decoded: list[str]) -> None:
    features = [
        feature(1, prompt),
        feature(2, prompt, status="completed", current_phase=None, workflow_digest="d"),
        feature(3, prompt, created_at="2026-01-01T00:00:00"),
    ]
    document = stored(*features)
    found = followed(document).summaries()
    assert decoded == []
    assert found == [summary_of(each) for each in features]


def test_one_with_a_lease_or_a_key_is_decoded_for_it(decoded: list[str]) -> None:
    claim = {"agent": "agent", "until": (NOW + timedelta(hours=1)).isoformat()}
    leased = feature(3, "P", work={"claim": claim})
    keyed = feature(1, "P", work={"idempotency_key": "key"})
    document = stored(leased, keyed, feature(2, "P"))
    index = followed(document)
    assert decoded == [leased["id"], keyed["id"]]
    assert index.summaries()[0].claimed_by == "agent"
    assert index.id_of_call("key") == keyed["id"]


def test_one_with_members_in_another_order_is_decoded(decoded: list[str]) -> None:
    turned = feature(1, "P")
    turned = {"id": turned.pop("id"), **dict(reversed(turned.items()))}
    document = stored(turned)
    assert followed(document).summaries() == [summary_of(turned)]
    assert decoded == [turned["id"]]


def test_one_of_which_nothing_can_be_made_is_refused() -> None:
    for harm in ({"created_at": "yesterday"}, {"work": {"claim": {"by": "nobody"}}}):
        with pytest.raises(StateError) as refused:
            followed(stored(feature(1, "P", **harm)))
        assert refused.value.code == "E201"
