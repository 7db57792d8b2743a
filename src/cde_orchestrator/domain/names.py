"""Names of features: slugs that are good for paths, branches and conversation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from cde_orchestrator.domain.exceptions import ValidationError

NAME_LIMIT = 60
"""Characters of a feature's name."""

_WORDS_IN_NAME = 7
_MADE_NAME_LIMIT = 48
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SAMPLE = 500
_FALLBACK = "feature"


def slug_from(prompt: str) -> str:
    """A slug of the prompt's first words, at most 48 characters.

    Accents are dropped; a prompt without Latin letters or digits gives ``feature``.
    """
    decomposed = unicodedata.normalize("NFKD", prompt[:_SAMPLE]).lower()
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    words = re.findall(r"[a-z0-9]+", re.sub(r"['\u2019]", "", plain))[:_WORDS_IN_NAME]
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word[:_MADE_NAME_LIMIT]
        if len(longer) > _MADE_NAME_LIMIT:
            break
        slug = longer
    return slug or _FALLBACK


def checked_name(name: str) -> str:
    """The name, if it is a slug of at most 60 characters.

    Raises:
        ValidationError: E304, it is not.
    """
    if len(name) > NAME_LIMIT or not _SLUG.fullmatch(name):
        raise ValidationError.of("E304", name=name, limit=NAME_LIMIT)
    return name


def free_name(base: str, taken: Callable[[str], bool]) -> str:
    """``base``, or ``base-2``, ``base-3``, ...: the first that is not taken."""
    if not taken(base):
        return base
    stem, number = base[: NAME_LIMIT - 8].rstrip("-"), 2
    while taken(f"{stem}-{number}"):
        number += 1
    return f"{stem}-{number}"
