"""Events as the clients send them, and the answers in their forms."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.domain.hooks import (
    CLIENT_NAMES,
    CONTEXT_LIMIT,
    EVENTS,
    MOMENTS,
    Event,
    edited_paths,
    settings_of,
    shortened,
    with_hooks,
    without_hooks,
)

# As Claude Code 2.1.332, Gemini CLI 0.61.0 and Codex 0.171.0 sent them, shortened; the patch that
# is no command by the schema of Codex.
CLAUDE_STOP: dict[str, Any] = {
    "session_id": "11f7",
    "transcript_path": "/home/ann/.claude/projects/shop/11f7.jsonl",
    "cwd": "/home/ann/shop",
    "prompt_id": "0fbc",
    "permission_mode": "acceptEdits",
    "effort": {"level": "medium"},
    "hook_event_name": "Stop",
    "stop_hook_active": False,
    "last_assistant_message": "All looks fine to me.",
    "background_tasks": [],
    "session_crons": [],
}
CODEX_PATCH: dict[str, Any] = {
    "session_id": "019a",
    "turn_id": "019b",
    "cwd": "/home/ann/shop",
    "hook_event_name": "PreToolUse",
    "model": "gpt",
    "permission_mode": "bypassPermissions",
    "tool_name": "apply_patch",
    "tool_use_id": "call_1",
    "transcript_path": None,
    "tool_input": {
        "command": "*** Begin Patch\n*** Update File: specs/a/spec.md\n*** Move to: b.md\n"
        "@@\n-x\n+y\n*** Add File: new.py\n+z\n*** Delete File: old.py\n*** End Patch"
    },
}
CODEX_COMMAND: dict[str, Any] = {
    **CODEX_PATCH,
    "tool_name": "Bash",
    "tool_input": {
        "command": "apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: .cde/state.json\n@@\n"
        "-{\n+{\n*** End Patch\nEOF\n"
    },
}
GEMINI_WRITE: dict[str, Any] = {
    "session_id": "5c",
    "cwd": "/home/ann/shop",
    "hook_event_name": "BeforeTool",
    "timestamp": "2026-11-29T10:00:00Z",
    "transcript_path": "/home/ann/.gemini/tmp/shop/chats/5c.jsonl",
    "tool_name": "write_file",
    "tool_input": {"file_path": "/home/ann/shop/a.py", "content": "x"},
}


PATCH = "*** Begin Patch\n*** Update File: a.py\n@@\n-x\n+y\n*** Delete File: b.py\n*** End Patch"


def event_of(given: dict[str, Any], name: str = "", client: str = "") -> Event:
    event = Event.of(name, given, client)
    assert event is not None
    return event


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            CLAUDE_STOP,
            Event(name="Stop", moment="stop", session="11f7", cwd="/home/ann/shop"),
        ),
        (
            CODEX_PATCH,
            Event(
                name="PreToolUse",
                moment="edit",
                session="019a",
                cwd="/home/ann/shop",
                edited=("specs/a/spec.md", "b.md", "new.py", "old.py"),
            ),
        ),
        (
            CODEX_COMMAND,
            Event(
                name="PreToolUse",
                moment="edit",
                session="019a",
                cwd="/home/ann/shop",
                edited=(".cde/state.json",),
            ),
        ),
        (
            GEMINI_WRITE,
            Event(
                name="BeforeTool",
                moment="edit",
                is_gemini=True,
                session="5c",
                cwd="/home/ann/shop",
                edited=("/home/ann/shop/a.py",),
            ),
        ),
    ],
    ids=["claude-code", "codex", "codex-command", "gemini"],
)
def test_an_event_is_read_as_its_client_sends_it(given: dict[str, Any], expected: Event) -> None:
    assert Event.of("", given) == expected


@pytest.mark.parametrize("name", ["session-start", "SessionStart", "SESSION_START"])
def test_the_name_of_an_event_may_be_written_in_any_way(name: str) -> None:
    assert event_of({}, name).moment == "start"


def test_an_event_without_an_answer_is_none() -> None:
    assert Event.of("Notification", CLAUDE_STOP) is None
    assert Event.of("", {}) is None


def test_a_client_that_is_named_decides_on_the_form() -> None:
    given = {"hook_event_name": "SessionStart"}
    assert event_of(given, client="gemini").is_gemini
    assert not event_of(GEMINI_WRITE, client="claude-code").is_gemini


def test_answers_have_the_form_of_the_client() -> None:
    stop, patch, write = (event_of(each) for each in (CLAUDE_STOP, CODEX_PATCH, GEMINI_WRITE))
    assert json.loads(stop.hold("why")) == {"decision": "block", "reason": "why"}
    assert json.loads(write.hold("why")) == {"decision": "deny", "reason": "why"}
    assert json.loads(write.deny("why")) == {"decision": "deny", "reason": "why"}
    assert json.loads(patch.deny("why")) == {
        "hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": "deny",
            "permissionDecisionReason": "why",
        }
    }
    start = event_of({"hook_event_name": "SessionStart"})
    assert json.loads(start.context("text")) == {
        "hookSpecificOutput": {"hookEventName": "SessionStart", "additionalContext": "text"}
    }


def test_instructions_for_a_summary_are_plain_and_for_who_takes_them() -> None:
    assert event_of({}, "PreCompact").context("Keep") == "Keep"
    assert Event.of("PreCompact", {"turn_id": "1"}) is None
    assert Event.of("PreCompact", {}, "codex") is None
    assert Event.of("PreCompress", {}) is None


@pytest.mark.parametrize(
    ("tool", "given", "paths"),
    [
        ("Write", {"file_path": "a.py"}, ("a.py",)),
        ("MultiEdit", {"file_path": "a.py", "edits": []}, ("a.py",)),
        ("NotebookEdit", {"notebook_path": "a.ipynb"}, ("a.ipynb",)),
        ("replace", {"file_path": "a.py", "old_string": "x"}, ("a.py",)),
        ("apply_patch", "*** Begin Patch\n*** Add File: a.py\n+x", ("a.py",)),
        ("apply_patch", None, ()),
        ("Write", {"file_path": 5}, ()),
        ("Read", {"file_path": "a.py"}, ()),
        ("Bash", {"command": "*** Add File: a.py"}, ()),
        ("Bash", {"command": f"apply_patch <<'EOF'\n{PATCH}\nEOF\n"}, ("a.py", "b.py")),
        (
            "Bash",
            {"command": f'cd "src/x" && apply_patch <<EOF\n{PATCH}'},
            ("src/x/a.py", "src/x/b.py"),
        ),
        ("Bash", {"command": f"cat > patch <<EOF\n{PATCH}\nEOF"}, ()),
        ("Bash", {"command": "apply_patch < changes"}, ()),
        ("Bash", {"command": ["apply_patch"]}, ()),
        ("Bash", None, ()),
        ("read_file", {"file_path": "a.py"}, ()),
    ],
)
def test_only_tools_that_edit_name_files(tool: str, given: Any, paths: tuple[str, ...]) -> None:
    assert edited_paths({"tool_name": tool, "tool_input": given}) == paths


def test_a_long_context_is_cut_with_the_way_to_the_rest() -> None:
    text = shortened("x" * 20_000)
    assert len(text) == CONTEXT_LIMIT
    assert text.endswith("cde status NAME --prompt, has it whole]")
    assert shortened("short") == "short"


@pytest.mark.parametrize("client", CLIENT_NAMES)
def test_settings_name_the_events_that_are_answered(client: str) -> None:
    found = settings_of(client)
    assert tuple(found) == EVENTS[client]
    for event, groups in found.items():
        (group,) = groups
        (entry,) = group["hooks"]
        assert entry["type"] == "command"
        assert entry["command"].startswith(f"cde hook {event}")
        assert ("matcher" in group) == (MOMENTS[event.lower()] == "edit")


OTHERS = {"Stop": [{"hooks": [{"type": "command", "command": "notify-send done"}]}], "Empty": []}


@pytest.mark.parametrize("client", CLIENT_NAMES)
def test_hooks_are_added_once_and_taken_away_alone(client: str) -> None:
    for present in ({}, OTHERS):
        added = with_hooks(present, client)
        assert with_hooks(added, client) == added
        assert without_hooks(added) == present
    assert with_hooks(OTHERS, "claude-code")["Stop"][0] == OTHERS["Stop"][0]


def test_hooks_of_another_installation_are_replaced() -> None:
    earlier = settings_of("codex", "/opt/old/bin/cde")
    assert with_hooks(earlier, "codex") == settings_of("codex")


@pytest.mark.parametrize("groups", [{}, "x", [1]])
def test_hooks_in_an_unknown_form_are_refused(groups: Any) -> None:
    with pytest.raises(ValueError, match="hooks of 'Stop' are not a list of groups"):
        with_hooks({"Stop": groups}, "codex")


def test_the_documented_settings_are_these() -> None:
    page = (Path(__file__).parents[3] / "docs" / "hooks.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```json\n(.+?)```", page, re.DOTALL)
    shown = [json.loads(block)["hooks"] for block in blocks]
    assert shown == [settings_of(client) for client in CLIENT_NAMES]


def test_settings_differ_where_the_clients_do() -> None:
    gemini = settings_of("gemini", "/opt/cde")["AfterAgent"][0]["hooks"][0]
    assert gemini == {
        "name": "cde-stop",
        "type": "command",
        "command": "/opt/cde hook AfterAgent --client gemini",
        "timeout": 10_000,
    }
    assert settings_of("claude-code")["Stop"][0]["hooks"][0]["timeout"] == 10
