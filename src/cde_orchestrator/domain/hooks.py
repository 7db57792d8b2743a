"""Events of agents' programs at which a hook is called, and the forms of its answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Literal, NamedTuple, TypeAlias

Moment: TypeAlias = Literal["start", "stop", "subagent_stop", "edit", "compact"]

IN_A_RUN = "CDE_PHASE"
"""The variable with the phase, for an agent that a run started."""
GEMINI = "gemini"
CLIENT_NAMES = ("claude-code", "codex", GEMINI)
MOMENTS: Mapping[str, Moment] = {
    "sessionstart": "start",
    "stop": "stop",
    "afteragent": "stop",
    "subagentstop": "subagent_stop",
    "pretooluse": "edit",
    "beforetool": "edit",
    "precompact": "compact",
}
"""By the name of an event in any client, in small letters."""
EVENTS: Mapping[str, tuple[str, ...]] = {
    "claude-code": ("SessionStart", "Stop", "SubagentStop", "PreToolUse", "PreCompact"),
    "codex": ("SessionStart", "Stop", "SubagentStop", "PreToolUse"),
    GEMINI: ("SessionStart", "AfterAgent", "BeforeTool"),
}
"""By client, the events for which ``cde hook`` has an answer."""
EDITING: Mapping[str, str] = {
    "claude-code": "Write|Edit|MultiEdit|NotebookEdit",
    "codex": "apply_patch|Bash|Edit|Write",
    GEMINI: "write_file|replace",
}
"""By client, the expression that matches the tools that edit files; so do commands of Codex."""
TIMEOUT_SECONDS = 10
SETTINGS: Mapping[str, str] = {
    "claude-code": ".claude/settings.json",
    "codex": ".codex/hooks.json",
    GEMINI: ".gemini/settings.json",
}
"""By client, the file of a project with its hooks."""
CONTEXT_LIMIT = 9_500
"""Characters of an answer; Claude Code shows of a longer one only how it begins."""

_SHELL = "Bash"
"""What Codex calls each of its tools that run a command."""
_EDITORS = frozenset("|".join(EDITING.values()).split("|")) - {_SHELL}
_OWN_COMMAND = r"cde(?:\.exe)? hook \w+"
_PATHS = ("file_path", "notebook_path", "absolute_path", "path")
_PATCHES = ("command", "input", "patch")
_PATCHING = r"(?s)(?:\bcd (?P<folder>\S+)\s*&&\s*)?\b(?:apply_patch|applypatch)\b(?P<patch>.+)"
"""A patch by a command, in the one form that Codex takes for an edit."""
_PATCHED = r"(?m)^\*\*\* (?:Add File|Update File|Delete File|Move to): (.+)$"


class Event(NamedTuple):
    """What a client says when it calls a hook.

    Attributes:
        name: the event's name, as the client has it.
        moment: what it is for the product.
        is_gemini: whether the answer has the form of Gemini CLI; Codex has that of Claude Code.
        session: the client's session; empty where it names none.
        agent: the subagent's id.
        cwd: the folder that the client works in.
        edited: the paths of the files that a tool is going to write; none for any other tool.
    """

    name: str
    moment: Moment
    is_gemini: bool = False
    session: str = ""
    agent: str = ""
    cwd: str = ""
    edited: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, given: Mapping[str, Any], client: str = "") -> Event | None:
        """The event; None for one that is not known.

        Args:
            name: as the hook's command has it: ``Stop``, ``session-start``.
            given: the client's JSON.
            client: whose event it is; found by the names of the event where it is not given.
        """
        said = _text(given, "hook_event_name") or name
        moment = MOMENTS.get(re.sub(r"[-_ ]", "", name or said).lower())
        if moment is None or (moment == "compact" and not _takes_words(given, client)):
            return None
        own = {"AfterAgent", "BeforeTool"}
        return cls(
            name=said,
            moment=moment,
            is_gemini=client == GEMINI if client else said in own,
            session=_text(given, "session_id"),
            agent=_text(given, "agent_id"),
            cwd=_text(given, "cwd"),
            edited=edited_paths(given) if moment == "edit" else (),
        )

    def context(self, text: str) -> str:
        """The answer that adds a text to what the agent knows."""
        text = shortened(text)
        if self.moment == "compact":  # instructions for the summary, which are no JSON
            return text
        added = {"hookEventName": self.name, "additionalContext": text}
        return _json({"hookSpecificOutput": added})

    def hold(self, reason: str) -> str:
        """The answer that lets the agent go on working."""
        return _json({"decision": "deny" if self.is_gemini else "block", "reason": reason})

    def deny(self, reason: str) -> str:
        """The answer that refuses the use of a tool."""
        if self.is_gemini:
            return _json({"decision": "deny", "reason": reason})
        decision = {"permissionDecision": "deny", "permissionDecisionReason": reason}
        return _json({"hookSpecificOutput": {"hookEventName": self.name, **decision}})


def edited_paths(given: Mapping[str, Any]) -> tuple[str, ...]:
    """The files that the use of a tool writes, as far as it is a tool that edits files."""
    tool, asked = _text(given, "tool_name"), given.get("tool_input")
    if tool == _SHELL and isinstance(asked, Mapping):
        return _patched_by(_text(asked, "command"))
    if tool not in _EDITORS:
        return ()
    if isinstance(asked, str):
        return (*re.findall(_PATCHED, asked),)
    if not isinstance(asked, Mapping):
        return ()
    named = [_text(asked, key) for key in _PATHS]
    patched = [path for key in _PATCHES for path in re.findall(_PATCHED, _text(asked, key))]
    return tuple(path.strip() for path in (*named, *patched) if path.strip())


def _patched_by(command: str) -> tuple[str, ...]:
    """The files that a command patches; what else a shell writes, its words do not say."""
    found = re.search(_PATCHING, command) if "*** Begin Patch" in command else None
    if found is None:
        return ()
    folder = PurePath((found["folder"] or "").strip("'\""))
    return tuple(str(folder / path.strip()) for path in re.findall(_PATCHED, found["patch"]))


def shortened(text: str, limit: int = CONTEXT_LIMIT) -> str:
    """The text, cut where it is longer than a client shows."""
    cut = "\n[cut: cde_resumeFeature, or cde status NAME --prompt, has it whole]"
    return text if len(text) <= limit else text[: limit - len(cut)] + cut


def settings_of(client: str, command: str = "cde") -> dict[str, list[dict[str, Any]]]:
    """What a client's ``hooks`` are to say, by event: groups that call ``cde hook``.

    Args:
        client: one of ``CLIENT_NAMES``.
        command: how the product is started.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for event in EVENTS[client]:
        words = f"{command} hook {event}" + (f" --client {GEMINI}" if client == GEMINI else "")
        seconds = TIMEOUT_SECONDS * (1000 if client == GEMINI else 1)
        entry = {"type": "command", "command": words, "timeout": seconds}
        if client == GEMINI:
            entry = {"name": f"cde-{MOMENTS[event.lower()]}", **entry}
        matcher = {"matcher": EDITING[client]} if MOMENTS[event.lower()] == "edit" else {}
        found[event] = [{**matcher, "hooks": [entry]}]
    return found


def _takes_words(given: Mapping[str, Any], client: str) -> bool:
    """Whether the client makes what a hook prints instructions for its summary; Codex does not."""
    return client in {"", "claude-code"} and "turn_id" not in given


def with_hooks(present: Mapping[str, Any], client: str) -> dict[str, Any]:
    """The hooks of a client, by event, with those that call the product; others stay.

    Raises:
        ValueError: they are not of the form that the client reads.
    """
    return {**without_hooks(present), **_next_to(without_hooks(present), settings_of(client))}


def without_hooks(present: Mapping[str, Any]) -> dict[str, Any]:
    """Those that do not call the product; raises as ``with_hooks``."""
    left = {event: _others(event, groups) for event, groups in present.items()}
    return {event: groups for event, groups in left.items() if groups or not present[event]}


def _next_to(
    others: Mapping[str, Any], own: Mapping[str, list[dict[str, Any]]]
) -> dict[str, list[dict[str, Any]]]:
    return {event: [*others.get(event, ()), *groups] for event, groups in own.items()}


def _others(event: str, groups: Any) -> list[Any]:
    """The groups of an event that do something else."""
    if not isinstance(groups, list) or not all(isinstance(each, Mapping) for each in groups):
        raise ValueError(f"its hooks of '{event}' are not a list of groups")
    return [each for each in groups if not re.search(_OWN_COMMAND, json.dumps(each.get("hooks")))]


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    return value if isinstance(value, str) else ""


def _json(answer: Mapping[str, Any]) -> str:
    return json.dumps(answer)
