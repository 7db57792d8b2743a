"""Names of features: slugs that are good for paths, branches and conversation."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.text import counted

NAME_LIMIT = 60
"""Characters of a feature's name."""

_WORDS_IN_NAME = 7
_MADE_NAME_LIMIT = 30
_SLUG = pattern(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SAMPLE = 500
_FALLBACK = "feature"
_DIGITS_OF_HASH = 6

_SYLLABLES = "\x1f"
"""Between the signs of a script that has no blanks between its words."""

_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)
"""Names that Windows gives to no file or folder."""


def slug_from(prompt: str) -> str:
    """A slug of the prompt's first words, at most 30 characters.

    Letters of other scripts are written as Latin ones, as ``deng-lu`` and ``dobavit``. A prompt
    that has none that could be gives ``feature-`` and a few digits of its hash.
    """
    text = prompt[:_SAMPLE]
    if not text.isascii():
        text = _in_latin(text)
    words = re.findall(
        rf"[a-z0-9]+(?:{_SYLLABLES}+[a-z0-9]+)*", re.sub("['\u2019]", "", text.lower())
    )
    slug = ""
    for part in (
        each for word in words[:_WORDS_IN_NAME] for each in word.split(_SYLLABLES) if each
    ):
        longer = f"{slug}-{part}" if slug else part[:_MADE_NAME_LIMIT]
        if len(longer) > _MADE_NAME_LIMIT:
            break
        slug = longer
    if slug in _DEVICES:
        return f"{slug}-{_FALLBACK}"
    return slug or _hashed(prompt)


def _in_latin(text: str) -> str:
    """The text in Latin letters; a picture is a blank."""
    from anyascii import anyascii

    written = ""
    for character in text:
        latin = anyascii(character)
        if character.isascii():
            written += character
        elif latin.startswith(":"):  # the name of a picture
            written += " "
        elif latin[:1].isupper() and unicodedata.category(character) == "Lo":
            written += f"{_SYLLABLES}{latin}{_SYLLABLES}"
        else:
            written += latin
    return written


def _hashed(prompt: str) -> str:
    if not any(character.isalnum() for character in prompt):
        return _FALLBACK
    words = unicodedata.normalize("NFKC", " ".join(prompt.split())).casefold()
    digest = hashlib.sha256(words.encode(errors="surrogatepass")).hexdigest()
    return f"{_FALLBACK}-{digest[:_DIGITS_OF_HASH]}"


def checked_name(name: str) -> str:
    """The name, if it is a slug of at most 60 characters that any system takes for a folder.

    Raises:
        ValidationError: E304, it is not.
    """
    reason = _problem(name)
    if reason is not None:
        example = slug_from(name)
        raise ValidationError.of(
            "E304", name=name, reason=reason, limit=NAME_LIMIT, example=example
        )
    return name


def _problem(name: str) -> str | None:
    if not name:
        return "it is empty"
    if not _SLUG.fullmatch(name):
        return "it has other characters than a name may have, or a hyphen too many"
    if len(name) > NAME_LIMIT:
        return f"it has {counted(len(name), 'character')}"
    return "Windows reserves it for a device" if name in _DEVICES else None


def free_name(base: str, taken: Callable[[str], bool]) -> str:
    """``base``, or ``base-2``, ``base-3``, ...: the first that is not taken."""
    if not taken(base):
        return base
    stem, number = base[: NAME_LIMIT - 8].rstrip("-"), 2
    while taken(f"{stem}-{number}"):
        number += 1
    return f"{stem}-{number}"
