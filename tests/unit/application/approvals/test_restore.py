"""What keeps a yes from counting is known beforehand, restored as one change, and read first."""

from __future__ import annotations

import pytest
from rich.console import Console

from cde_orchestrator.application.approvals.restore import RestoreOutputs, RestoreOutputsReply
from cde_orchestrator.application.approvals.shown import ShowApproval
from cde_orchestrator.cli.views.approval import to_decide
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.mcp_tools._approving import _message
from tests.fakes import World
from tests.unit.application.approvals.test_decide import SPEC, approve, asking, shown, wait, waiting

__all__ = ["waiting"]
COPY = f"{SPEC}.before-rollback"


def restored(world: World, *, dry_run: bool = False) -> RestoreOutputsReply:
    """The reply."""
    return world.run(RestoreOutputs(feature_id="shop", dry_run=dry_run))


def test_a_restore_is_said_first_done_once_and_noted(waiting: World) -> None:
    assert shown(waiting)["changed"] == []
    waiting.files.contents[SPEC] = b"By hand"
    (changed,) = shown(waiting)["changed"]
    assert (changed["path"], changed["phase"], changed["kept"]) == (SPEC, "define", True)

    would = restored(waiting, dry_run=True)
    assert (would["restored"], would["undo_at"]) == ([{"path": SPEC, "kept_as": COPY}], None)
    assert waiting.files.contents[SPEC] == b"By hand"
    done = restored(waiting)
    assert done["restored"] == would["restored"]
    assert waiting.files.contents[SPEC] == b"Sell it\n"
    assert waiting.files.contents[COPY] == b"By hand"
    feature = waiting.project.feature("shop")
    event = feature.events[-1]
    (file,) = event["files"]
    assert (event["event"], file["path"]) == ("outputs_restored", SPEC)
    assert (file["before"], file["after"]) == (changed["sha256"], changed["accepted"])

    again = restored(waiting)
    assert (again["restored"], again["undo_at"]) == ([], None)
    assert waiting.project.feature("shop") == feature
    assert approve(waiting, shown(waiting)["digest"])["feature"]["current_phase"] == "ship"
    with pytest.raises(CDEError) as caught:
        restored(waiting)
    assert caught.value.code == "E145"


def test_one_that_is_not_shown_keeps_a_yes_from_counting_as_well(world: World) -> None:
    wait(world, asking(inputs=("notes",)))
    world.files.contents[SPEC] = b"By hand"
    assert SPEC not in {each["path"] for each in shown(world)["outputs"]}
    assert [each["path"] for each in shown(world)["changed"]] == [SPEC]
    with pytest.raises(CDEError) as caught:
        approve(world, shown(world)["digest"])
    assert caught.value.code == "E132"
    del world.files.contents[SPEC]
    assert restored(world)["restored"] == [{"path": SPEC, "kept_as": None}]
    assert shown(world)["changed"] == []


def test_every_face_says_first_what_was_wanted_and_whether_it_counts(waiting: World) -> None:
    waiting.files.contents[SPEC] = b"Sell more"
    reply = waiting.run(ShowApproval(feature_id="shop"))
    console = Console(width=300)
    with console.capture() as capture:
        console.print(to_decide(reply))
    refusal = f"{SPEC} is not as it was accepted in define"
    for words in (capture.get(), _message(reply, ())):
        said = ("Goal", refusal, "changed", "Sell more", f"{reply['approval']['digest'][:12]}")
        places = [words.index(each) for each in said]
        assert places == sorted(places)
        assert words.rindex("9 bytes" if "9 bytes" in words else "9 B") > places[3]
