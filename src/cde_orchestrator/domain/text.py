"""What text the product accepts from people and agents."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterable, Sequence

from cde_orchestrator.domain.exceptions import ValidationError

PROMPT_LIMIT = 20_000
"""Characters of a feature's prompt."""

EXCERPT_LIMIT = 1_200
"""Characters of an excerpt of a file."""

UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that neither a path nor an excerpt may have."""

_KEPT_CHARACTERS = frozenset("\n\t\u200c\u200d")


def command_words(words: Sequence[str]) -> str:
    """A command line to be read by whoever decides about it."""
    return marked_lines(shlex.join(words))


def marked_lines(text: str) -> str:
    """The text in one line, with a mark where one ended: in a shell another command begins there.

    A blank in its place would let what is run seem to be part of a comment.
    """
    return " ⏎ ".join(text.splitlines())


def checked_prompt(prompt: str) -> str:
    """The prompt without surrounding blanks, its lines ended by a line feed alone.

    Raises:
        ValidationError: E301 empty or blank, E302 too long, E303 NUL or lone surrogates.
    """
    checked_text("The prompt", prompt, PROMPT_LIMIT)
    stripped = prompt.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not any(character.isprintable() and not character.isspace() for character in stripped):
        raise ValidationError.of("E301")
    return stripped


def checked_text(field: str, text: str, limit: int) -> str:
    """The text, if it can be stored and is at most ``limit`` characters long.

    Raises:
        ValidationError: E302 too long, E303 NUL or lone surrogates.
    """
    if len(text) > limit:
        raise ValidationError.of("E302", field=field, length=len(text), limit=limit)
    if "\x00" in text:
        raise ValidationError.of("E303", field=field, characters="NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        characters = "bytes that are not UTF-8"
        raise ValidationError.of("E303", field=field, characters=characters) from None
    return text


def checked_line(argument: str, text: str, limit: int) -> str:
    """The text without outer blanks, if it is one line of at most ``limit`` visible characters.

    Raises:
        ValidationError: E302 too long, E303 NUL or lone surrogates, E305 no visible line.
    """
    line = checked_text(argument, text, limit).strip()
    if not line or not line.isprintable():
        reason = "it must be one line of visible text"
        raise ValidationError.of("E305", argument=argument, reason=reason)
    return line


def why_unreadable(error: Exception) -> str:
    """What a parser has against a text, in words."""
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)


def as_file(text: str) -> bytes:
    """The text as a file of a project has it: the last line gets its end."""
    ending = "\n" if text and not text.endswith("\n") else ""
    return (text + ending).encode()


def excerpt_of(data: bytes, size: int, limit: int) -> str:
    """A file's first lines, at most ``limit`` characters of harmless text.

    Lines are whole, unless already the first one is too long.

    Args:
        data: the file's first bytes, four times ``limit`` at least where it has so many.
        size: bytes of the whole file.
        limit: characters.
    """
    head = data[: 4 * limit]
    text = harmless(head.decode("utf-8-sig", errors="replace"))
    if size > len(head) or len(text) > limit:
        whole, _, _ = text[: limit + 1].rpartition("\n")
        text = whole if whole.strip() else text[: limit - 1] + "…"
    return text.strip("\n")


def harmless(text: str) -> str:
    """The text without characters that are not seen or change how others are."""
    return "".join(filter(_is_harmless, text))


def hidden_character(text: str, kept: str = "\n\t") -> str | None:
    """The first character, as U+202E, that is not seen or changes how others are; or None."""
    for character in text:
        if character not in kept and unicodedata.category(character) in UNSAFE:
            return f"U+{ord(character):04X}"
    return None


def _is_harmless(character: str) -> bool:
    return character in _KEPT_CHARACTERS or unicodedata.category(character) not in UNSAFE


def opening_words(text: str, limit: int = 50) -> str:
    """The beginning of a text, ended between words: half a secret looks like a word."""
    if len(text) <= limit:
        return text
    opening = text[: limit + 1]
    end = max((place for place, character in enumerate(opening) if character.isspace()), default=0)
    return opening[:end].rstrip()


def did_you_mean(wanted: str, known: Iterable[str], most: int = 1) -> str:
    """The names that are most like one that is not known, in brackets; empty where none is."""
    from difflib import get_close_matches

    near = get_close_matches(wanted, list(known), most)
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def counted(count: int, noun: str, plural: str = "", *, spec: str = "") -> str:
    """A number of things, as in a sentence: ``no phases``, ``1 phase``, ``3 phases``."""
    number = format(count, spec) if count else "no"
    return f"{number} {noun if count == 1 else plural or noun + 's'}"


def shortened(text: str, limit: int) -> str:
    """The text, cut in the middle to about ``limit`` characters: causes are at both ends."""
    if len(text) <= limit:
        return text
    head, tail = text[: limit // 3], text[-(limit - limit // 3) :]
    return f"{head}\n[{counted(len(text) - limit, 'character')} left out]\n{tail}"
