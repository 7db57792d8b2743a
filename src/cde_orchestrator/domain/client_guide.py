"""What agents read about phases: a paragraph in ``AGENTS.md``, a command ``/cde`` in clients."""

from __future__ import annotations

from collections.abc import Mapping

AGENTS_FILE = "AGENTS.md"
_BEGIN, _END = "<!-- cde: begin -->", "<!-- cde: end -->"
_SIGN = "cde_submitWork"
"""A command of the name without it is somebody else's."""

PARAGRAPH = f"""\
{_BEGIN}
## Features go through phases

Work on a feature follows the phases of CDE Orchestrator. The tools of the MCP server `cde`, or the
command `cde`, give the prompt of each phase and accept its outputs.

- Begin with `cde_listFeatures` (`cde list`). Continue an open feature with `cde_resumeFeature`
  (`cde resume`), or start one with `cde_startFeature` (`cde start`).
- Follow the phase's prompt, then submit with `cde_submitWork` (`cde submit`). When it is refused,
  correct what the refusal names and submit again.
- Save progress with `cde_saveProgress` (`cde save`) before your context ends.
- What waits for a person is theirs to decide: say so, and stop.
{_END}
"""

_ABOUT = "Take a feature through its phases"
_PROMPT = """\
Take a feature through the phases of CDE Orchestrator, with the tools of the MCP server cde.

What is wanted: {arguments}

If that names an open feature, or nothing is said and one is open, call cde_resumeFeature. If it is
a new goal, call cde_startFeature. Follow the phase's prompt, write its outputs and call
cde_submitWork; when it is refused, correct what the refusal names and submit again. Continue until
the feature is completed. What waits for a person is theirs to decide: say so, and stop.
"""
_MARKDOWN = "---\ndescription: {about}\n---\n{prompt}"
_PLAIN = "{prompt}"
_TOML = 'description = "{about}"\nprompt = """\n{prompt}"""\n'

_COMMANDS: Mapping[str, tuple[str, str, str]] = {
    "claude-code": (".claude/commands/cde.md", _MARKDOWN, "$ARGUMENTS"),
    "cursor": (".cursor/commands/cde.md", _PLAIN, "what I say after the command"),
    "gemini": (".gemini/commands/cde.toml", _TOML, "{{args}}"),
    "opencode": (".opencode/command/cde.md", _MARKDOWN, "$ARGUMENTS"),
}


def command_file(client: str) -> str | None:
    """The file of the client's own command ``/cde``, in a project; None where it has none."""
    return _COMMANDS[client][0] if client in _COMMANDS else None


def with_command(client: str, text: str) -> str:
    """What the file of the command is to have.

    Raises:
        ValueError: it has somebody else's command.
    """
    if text and _SIGN not in text:
        raise ValueError("it has another command of that name")
    _, form, arguments = _COMMANDS[client]
    prompt = _PROMPT.replace("{arguments}", arguments)
    return form.replace("{about}", _ABOUT).replace("{prompt}", prompt)


def without_command(text: str) -> str:
    """What is left of the file: nothing, unless it has somebody else's command."""
    return "" if _SIGN in text else text


def with_paragraph(text: str) -> str:
    """The text with the paragraph, at its end unless it has it elsewhere.

    Raises:
        ValueError: it has the paragraph's beginning without its end.
    """
    line = "\r\n" if "\r\n" in text else "\n"
    paragraph = PARAGRAPH.rstrip("\n").replace("\n", line)
    if _BEGIN in text:
        start, end = _place(text)
        return text[:start] + paragraph + text[end:]
    if text and not text.endswith("\n"):
        return text + line + line + paragraph
    return text + (line if text else "") + paragraph + line


def without_paragraph(text: str) -> str:
    """The text without the paragraph; raises as ``with_paragraph``."""
    if _BEGIN not in text:
        return text
    start, end = _place(text)
    before, after = text[:start], text[end:]
    line = "\r\n" if "\r\n" in text else "\n"
    if not after:  # the text before had no line's end
        return before.removesuffix(line).removesuffix(line)
    if not before or before.endswith(line * 2):  # the empty line before it goes with it
        return before.removesuffix(line) + after.removeprefix(line)
    return before + after


def _place(text: str) -> tuple[int, int]:
    start = text.index(_BEGIN)
    end = text.find(_END, start)
    if end < 0:
        raise ValueError(f"its part after {_BEGIN} has no {_END}")
    return start, end + len(_END)
