"""Text from outside as a part of a Markdown document, where it shows and does nothing.

What GitHub and GitLab make of a text counts too: a mention notifies people, ``fixes #1`` closes an
issue once it is merged.
"""

from __future__ import annotations

import re

from cde_orchestrator.domain.errors.template import plain

_NOTHING = "&#8203;"
"""A space without width, as the document's reader writes it: it parts a sign from its name."""
_SIGNS = re.compile(r"[\\`*\[\]<>|~&$]|(?<![^\W_])_|_(?![^\W_])")
_AT_START = re.compile(r"\A(\d{0,9})(?=[#+=.)-])")
_LINKS = re.compile(r"(?<=\w)(?=://)|(?<=@)(?=\w)|(?<=#)(?=\d)|(?<=[!%&^$])(?=\d)|(?<=www)(?=\.)")
_ISSUE = re.compile(r"\b(GH|gh|Gh)-(?=\d)")
_TICKS = re.compile("`+")


def quoted(text: object, limit: int = 2_000) -> str:
    """A text in one line that is no markup, mention, link or reference wherever it stands."""
    words = plain(text, limit).strip()
    words = _SIGNS.sub(lambda sign: f"\\{sign[0]}", words)
    words = _AT_START.sub(r"\1\\", words)
    words = _LINKS.sub(_NOTHING, words)
    return _ISSUE.sub(rf"\1-{_NOTHING}", words)


def quoted_lines(text: str, limit: int = 2_000) -> list[str]:
    """The lines of a text, each as ``quoted``."""
    return [quoted(line, limit) for line in text.strip().split("\n")]


def code(text: object, limit: int = 300) -> str:
    """A name, path or command in a code span, in which nothing else is markup."""
    words = plain(text, limit).strip() or " "
    longest = max((len(ticks) for ticks in _TICKS.findall(words)), default=0)
    fence = "`" * (longest + 1)
    room = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{fence}{room}{words}{room}{fence}"


def undirected(text: object, limit: int = 2_000) -> str:
    """A text in one line for a message of a commit: it notifies nobody, closes and skips nothing.

    Brackets become round ones, as ``[skip ci]`` keeps checks from running.
    """
    words = plain(text, limit).strip().replace("[", "(").replace("]", ")")
    words = re.sub(r"(?<![\w.])@(?=\w)", "@ ", words)
    words = re.sub(r"#(?=\d)", "# ", words)
    words = _ISSUE.sub(r"\1 ", words)
    return re.sub(r"(?<=\w)://", ": //", words)
