"""What the page refuses of a feature that is closed, and since when it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.web.actions.action import Action, Asked
from cde_orchestrator.web.actions.close import CLOSE
from cde_orchestrator.web.actions.note import NOTE
from tests.fakes import World


@pytest.mark.parametrize("action", [CLOSE, NOTE])
def test_it_says_since_when(world: World, action: Action) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    asked: Any = SimpleNamespace(about="login", handle=world.run)
    assert action.show(cast("Asked", asked))["digest"]
    world.run(CloseFeature(feature_id="login", outcome="cancelled", reason="x"))
    with pytest.raises(FeatureError) as refused:
        action.show(cast("Asked", asked))
    assert refused.value.code == "E105"
    assert "It is cancelled since" in refused.value.message
