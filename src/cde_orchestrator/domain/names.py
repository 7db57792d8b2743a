"""Names of features: slugs that are good for paths, branches and conversation."""

from __future__ import annotations

import hashlib
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
_DIGITS_OF_HASH = 6

_LETTERS = """
ß=ss æ=ae œ=oe ø=o đ=d ð=d ł=l ħ=h ŧ=t ŋ=ng þ=th ı=i ə=e ĸ=k
а=a б=b в=v г=g д=d е=e ж=zh з=z и=i к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=kh ц=ts
ч=ch ш=sh щ=shch ъ= ы=y ь= э=e ю=yu я=ya ђ=dj є=e і=i ј=j љ=lj њ=nj ћ=c џ=dz ґ=g
α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f
χ=ch ψ=ps ω=o
"""  # noqa: RUF001 - letters that look like Latin ones are what it is about
"""How letters are written that are no Latin ones with a mark."""
_LATIN = {ord(pair[0]): pair[2:] for pair in _LETTERS.split()}

_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)
"""Names that Windows gives to no file or folder."""


def slug_from(prompt: str) -> str:
    """A slug of the prompt's first words, at most 48 characters.

    Accents are dropped, and Cyrillic and Greek letters written as Latin ones. A prompt that has
    other letters alone gives ``feature-`` and a few digits of its hash.
    """
    decomposed = unicodedata.normalize("NFKD", prompt[:_SAMPLE]).lower()
    marked = "".join(c for c in decomposed if not unicodedata.combining(c))
    plain = re.sub(r"['\u2019]", "", marked).translate(_LATIN)
    words = re.findall(r"[a-z0-9]+", plain)[:_WORDS_IN_NAME]
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word[:_MADE_NAME_LIMIT]
        if len(longer) > _MADE_NAME_LIMIT:
            break
        slug = longer
    if slug in _DEVICES:
        return f"{slug}-{_FALLBACK}"
    return slug or _hashed(prompt)


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
    if len(name) > NAME_LIMIT or not _SLUG.fullmatch(name) or name in _DEVICES:
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
