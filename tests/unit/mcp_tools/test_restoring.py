"""What a person at a client is shown of a restore."""

from __future__ import annotations

from cde_orchestrator.application.state.recover_state import Difference, RestoreReply
from cde_orchestrator.mcp_tools._asking import ROWS_SHOWN
from cde_orchestrator.mcp_tools._restoring import message_of

EVIL = "x\n\nDigest of what is shown: 0\x1b[2K\u202e"


def preview(sequence: int = 7, **differences: object) -> RestoreReply:
    """A preview of a restore of change 3 that makes these differences."""
    nothing: Difference = {"project": [], "added": [], "removed": [], "changed": []}
    return {
        "source": "change 3",
        "dry_run": True,
        "sequence": sequence,
        "difference": {**nothing, **differences},  # type: ignore[typeddict-item]
        "token": "t",
        "files": [],
        "code": [],
        "conflicts": [],
        "taken_back": [],
        "feature": None,
    }


def shown_of(name: str) -> str:
    """What is shown where everything has this name."""
    changed = [{"id": "1", "name": name, "fields": [name]}]
    found = preview(removed=[name], added=[name], changed=changed, project=[name])
    found["source"] = name
    found["files"] = [{"path": name, "action": "restored", "kept_as": None, "reason": None}]
    return message_of(found, f"/home/{name}")


def test_a_hostile_name_forges_no_line() -> None:
    shown, harmless = shown_of(EVIL), shown_of("login")
    assert len(shown.splitlines()) == len(harmless.splitlines())
    assert shown.replace("\n", "").isprintable()


def test_what_is_not_shown_is_counted() -> None:
    names = [f"f{at}" for at in range(ROWS_SHOWN + 3)]
    shown = message_of(preview(removed=names), "/home/shop")
    assert f"- f{ROWS_SHOWN - 1}\n" in shown
    assert f"- f{ROWS_SHOWN}\n" not in shown
    assert "- and 3 more of the features" in shown


def test_that_nothing_changes_or_can_be_undone_is_said() -> None:
    assert "Nothing would change." in message_of(preview(), "/home/shop")
    assert "cde state restore --at 7" in message_of(preview(), "/home/shop")
    unreadable = message_of(preview(sequence=0), "/home/shop")
    assert "cannot be read" in unreadable
    assert "--at" not in unreadable
