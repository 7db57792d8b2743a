"""The tools that programs offer to their models, each by names and arguments of its own."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from tools.agents.conversation import Call, Conversation
from tools.agents.protocols import SEARCH

Arguments: TypeAlias = Mapping[str, Any]

_READING = {"Read": "file_path", "read": "filePath", "read_file": "file_path"}
_WRITING: dict[str, Callable[[str, str], Arguments]] = {
    "Write": lambda path, text: {"file_path": path, "content": text},
    "write": lambda path, text: {"filePath": path, "content": text},
    "write_file": lambda path, text: {"file_path": path, "content": text},
}
_SHELLS: dict[str, Callable[[str], Arguments]] = {
    "Bash": lambda line: {"command": line, "description": "Run a command"},
    "exec_command": lambda line: {"cmd": line},
    "run_shell_command": lambda line: {"command": line, "is_background": False},
    "bash": lambda line: {"command": line, "description": "Run a command"},
}
_SEARCHES: dict[str, Callable[[str], Arguments]] = {
    "ToolSearch": lambda tool: {"query": f"select:mcp__cde__{tool}", "max_results": 1},
    SEARCH: lambda tool: {"query": tool, "limit": 1},
}


def is_search(call: Call) -> bool:
    """Whether it only finds tools."""
    return call.tool in _SEARCHES


def offered(conversation: Conversation, tool: str, arguments: Arguments) -> Call:
    """A call of one of cde's tools, whatever the program made of its name.

    It is the search for the tool where the program offers that in its place.

    Raises:
        LookupError: there is neither.
    """
    for name, each in conversation.tools.items():
        if name == tool or name.endswith((f"_{tool}", f"-{tool}")):
            return Call(name, arguments, namespace=each.namespace)
    for name, query in _SEARCHES.items():
        if name in conversation.tools:
            return Call(name, query(tool))
    raise LookupError(f"{tool} is not among {sorted(conversation.tools)}")


def reading(conversation: Conversation, folder: str, path: str) -> list[Call]:
    """The call that reads a file; none where that is the shell's work."""
    return [
        Call(name, {argument: f"{folder}/{path}"})
        for name, argument in _READING.items()
        if name in conversation.tools
    ]


def writing(conversation: Conversation, folder: str, path: str, text: str) -> Call:
    """A call that writes a file."""
    for name, arguments in _WRITING.items():
        if name in conversation.tools:
            return Call(name, arguments(f"{folder}/{path}", text))
    if "apply_patch" in conversation.tools:
        return Call("apply_patch", _patch(path, text))
    made = f"mkdir -p {shlex.quote(str(Path(path).parent))}"
    return shell(conversation, f"{made} && printf %s {shlex.quote(text)} > {shlex.quote(path)}")


def _patch(path: str, text: str) -> str:
    lines = "".join(f"+{line}\n" for line in text.splitlines())
    return f"*** Begin Patch\n*** Add File: {path}\n{lines}*** End Patch"


def shell(conversation: Conversation, line: str) -> Call:
    """A call that runs a line of shell."""
    for name, arguments in _SHELLS.items():
        if name in conversation.tools:
            return Call(name, arguments(line))
    raise LookupError(f"there is no shell among {sorted(conversation.tools)}")
