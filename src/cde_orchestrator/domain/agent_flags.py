"""The flags of the known agent programs: continue a session, allow commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_ALLOWABLE = re.compile(r"[\w./:=@+%-]+")
"""Words that mean themselves in every program's rules, and in a shell."""
_PYTHON = re.compile(r"python(3(\.\d+)?)?")


def resuming(output: str, session: str) -> list[str]:
    """The words that continue a session; none for a new one, or where nobody knows how."""
    if not _SESSION.fullmatch(session):
        return []
    known = {
        "claude-json": ["--resume", session],
        "codex-json": ["resume", session],
        "gemini-json": ["--resume", session],
    }
    return known.get(output, [])


def allowing(output: str, commands: Sequence[Sequence[str]]) -> list[str]:
    """The words that let a program run these commands, with any further arguments.

    Codex needs none: its sandbox lets it run whatever stays inside.
    """
    lines = [" ".join(each) for each in _with_other_names(commands)]
    if output == "claude-json" and lines:
        return ["--allowedTools", ",".join(f"Bash({line}:*)" for line in lines)]
    if output == "gemini-json" and lines:
        return ["--allowed-tools", ",".join(f"run_shell_command({line})" for line in lines)]
    return []


def is_asked_for(words: Sequence[str], commands: Sequence[Sequence[str]]) -> bool:
    """Whether the words are one of these commands, with any further arguments."""
    given = tuple(words)
    return any(given[: len(each)] == each for each in _with_other_names(commands))


def plain_words(line: str) -> tuple[str, ...]:
    """The words of a command line; none where it is more to a shell than one plain command."""
    if "\n" in line or "\r" in line:
        return ()
    try:
        words = tuple(shlex.split(line))
    except ValueError:
        return ()
    return words if all(map(_ALLOWABLE.fullmatch, words)) else ()


def _with_other_names(commands: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """The commands whose words need no quotes, each once, Python by both of its names."""
    found: dict[tuple[str, ...], None] = {}
    for command in commands:
        words = tuple(command)
        if not words or not all(map(_ALLOWABLE.fullmatch, words)):
            continue
        found[words] = None
        if _PYTHON.fullmatch(words[0]) and len(words) > 1:
            found |= dict.fromkeys((name, *words[1:]) for name in ("python3", "python"))
    return list(found)
