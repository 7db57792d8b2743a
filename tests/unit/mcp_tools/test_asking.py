"""What a client shows its person, and how long a call waits for them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import anyio
import anyio.to_thread
import pytest
from mcp.server.mcpserver import Context

from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.infrastructure.system.process_guard import MARK
from cde_orchestrator.mcp_tools._approving import SECTION_SHOWN, answer_by_person, read_copies
from cde_orchestrator.mcp_tools._asking import ROWS_SHOWN
from cde_orchestrator.mcp_tools._boundary import Service

pytestmark = pytest.mark.anyio


def waiting(count: int) -> dict[str, Any]:
    """A feature that waits with so many outputs and criteria."""
    sections = [{"heading": "Scope", "text": "In: prices.\nOut: " + "taxes " * 99, "more": 0}]
    output = {"sha256": None, "size": None, "changed": False, "sections": sections}
    outputs = [{**output, "path": f"{at}.md"} for at in range(count)]
    criteria = [
        {"id": f"AC{at}", "state": "unproven", "text": "it works", "sees": []}
        for at in range(count + 1)
    ]
    view: dict[str, Any] = {
        "phase": "approve",
        "description": "",
        "goal": "Sell",
        "source": None,
        "digest": "d",
    }
    view |= {"judged": [], "changed": [], "returned": "The feature went back to define: No"}
    return {
        "feature": {"id": "1", "name": "shop"},
        "approval": {**view, "outputs": outputs, "criteria": criteria, "caveats": [], "notes": []},
    }


class Absent:
    """A client whose person never answers."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        form = SimpleNamespace(form=object(), url=None)
        self.client_capabilities = SimpleNamespace(elicitation=form)
        self.protocol_version, self.request_id = "2025-11-25", 1
        self.request_context = SimpleNamespace(session=self)

    async def elicit_form(self, message: str, _schema: object, _number: object) -> None:
        self.asked.append(message)
        await anyio.Event().wait()


async def question(count: int, monkeypatch: pytest.MonkeyPatch) -> tuple[str, FeatureError]:
    """What the person was shown, and what the call was refused with."""
    monkeypatch.delenv(MARK, raising=False)
    client = Absent()
    service = SimpleNamespace(asks_clients=True, handle=lambda _: waiting(count))
    refusal = FeatureError.of("E140", feature="shop", phase="approve", reason="nobody was asked")

    def call() -> object:
        return answer_by_person(
            cast("Service", service), cast("Context", client), "shop", refusal, seconds=0
        )

    with pytest.raises(FeatureError) as caught:
        await anyio.to_thread.run_sync(call)
    (shown,) = client.asked
    return shown, caught.value


async def test_whoever_does_not_answer_holds_no_call_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, error = await question(1, monkeypatch)
    assert error.code == "E140"
    assert "did not answer in time" in error.message


async def test_what_is_not_shown_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, _ = await question(ROWS_SHOWN + 1, monkeypatch)
    assert f"{ROWS_SHOWN - 1}.md: no file" in shown
    assert "- and 1 more of the outputs" in shown
    assert "- and 2 more of the criteria" in shown
    assert "- and 1 more of the sections" in shown
    assert shown.count("\n- Scope: In: prices. Out: taxes ") == ROWS_SHOWN
    assert len(shown) <= ROWS_SHOWN * (SECTION_SHOWN + 100)
    shown, _ = await question(ROWS_SHOWN - 1, monkeypatch)
    assert "more" not in shown.replace("All of it", "")


@pytest.mark.parametrize("done", ["", "{", "[1]", '{"a": 1}', "[" * 100_000, '{"a": "b"'])
def test_what_a_client_made_of_its_state_is_nothing_or_what_it_says(done: str) -> None:
    assert read_copies(done) == []
    assert read_copies('{"a": null}') == [{"path": "a", "kept_as": None}]
