"""Secrets that can be recognised by their make, or by their name, anywhere in a text.

Formats are those that the issuers document: GitHub ``ghp_``, GitLab ``glpat-``, Slack ``xox?-``,
Stripe ``sk_live_``, OpenAI and Anthropic ``sk-``, AWS ``AKIA``, Google ``AIza``, npm ``npm_``,
PyPI ``pypi-``, JSON Web Tokens, PEM private keys; bearer tokens, and credentials in URLs.

What people say is kept word for word unless it is surely a secret. What the product writes about
itself, as logs and error reports, is cleaned strictly: better a word too many than a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

REDACTED = "[redacted]"

SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,})"
    r"|\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}"
    r"|\bsk-[A-Za-z0-9_-]{20,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bAIza[\w-]{35}"
    r"|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[\w-]{30,}"
    r"|\beyJ[\w-]{8,1024}+\.eyJ[\w-]{8,}+\.[\w-]*",
    re.DOTALL,
)
# Each of the patterns below keeps its first group, and what follows that is the secret.
# A password may hold an @ that nobody escaped.
# Bounded, and possessive but for groups: hostile text must not cost time quadratic in its length.
_URL_CREDENTIALS = re.compile(
    r"\b([a-z][a-z0-9+.-]{0,30}+://)[^\s/@:]*+(?::[^\s/@]*+(?:@[^\s/@\"'<>,;]*+(?=@))*)?(?=@)",
    re.IGNORECASE,
)
_SCHEME = r"\b((?:bearer|basic)\s+)"
_LETTERS = r"[A-Za-z0-9+/=._~-]"
# With a digit in it: "bearer authentication" is no secret.
_BEARER = re.compile(rf"{_SCHEME}(?=[^\s\d]*\d){_LETTERS}{{12,}}", re.IGNORECASE)
_STRICT_BEARER = re.compile(rf"{_SCHEME}{_LETTERS}{{8,}}", re.IGNORECASE)
_WORDS = "password|passwd|passphrase|secret|token"
_KEYS = "api|access|account|private"
# Six characters or more with a digit in them: "password: at least 8 characters" is a
# requirement, password=hunter2 is none.
_ASSIGNED = re.compile(
    rf"(?<!\w)(\w{{0,40}}(?:{_WORDS}|(?:{_KEYS})"
    r"[-_]?key)[\"']?(?:\s?=\s?[\"']?|:\s?[\"']|:))(?=[^\s\"',;&]{0,80}\d)[^\s\"',;&]{6,}",
    re.IGNORECASE,
)
_STRICT_NAMES = rf"(?:{_WORDS}|pwd|(?:{_KEYS}|ssh|encryption|signing)[-_]?key)"
# The name as code, JSON, a header or an option spells it: {"api_key": "..."}, --password ... .
_STRICT_ASSIGNED = re.compile(
    rf"\b(\w*{_STRICT_NAMES}\\*[\"']?\s*[=:]\s*)"
    r"(?:\\+\"[^\"\\]+(?:\\+\"|\Z)|\"(?:[^\"\\]|\\.)+(?:\"|\Z)|'(?:[^'\\]|\\.)+(?:'|\Z)|"
    r"[^\s,;&\"']+)",
    re.IGNORECASE | re.DOTALL,
)
_OPTION = re.compile(
    rf"(--[\w-]{{0,40}}{_STRICT_NAMES}\s+)(?:\"[^\"]+\"|'[^']+'|[^\s\"'-][^\s\"']*)",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"\b((?:(?:proxy-)?authorization|(?:set-)?cookie)\\*[\"']?\s*:\s*\\*[\"']?)"
    r"(?!(?:bearer|basic)\s)[^\s\r\n\"'\\][^\r\n\"'\\]*",
    re.IGNORECASE,
)
_LENIENT = (_URL_CREDENTIALS, _BEARER, _ASSIGNED)
_STRICT = (_URL_CREDENTIALS, _STRICT_BEARER, _HEADER, _OPTION, _STRICT_ASSIGNED)
_DEPTH = 8
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|secret|token$|api[-_]?key|"
    r"(access|account|private|ssh|encryption|signing)[-_]?key|"
    r"authorization|credential|cookie|session[-_]?id$|^auth$|(^|[-_])pwd$",
    re.IGNORECASE,
)
_RARE = "zjxqkybwvgh"
"""Letters that most lines of a log do not hold at all, the rarest first."""


class Hints:
    """Words in lower case, one of which a text may hold.

    A search for a single letter takes a tenth of the time that a word takes, so words with a rare
    letter are searched for only where that is found.
    """

    def __init__(self, *words: str) -> None:
        self.words = words
        groups: dict[str, list[str]] = {}
        for word in words:
            letter = next((each for each in _RARE if each in word), "")
            groups.setdefault(letter, []).append(word)
        self._groups = [(letter, tuple(group)) for letter, group in groups.items()]

    def found_in(self, text: str) -> bool:
        """Whether any of the words is in the text, in whatever case."""
        text = text.lower()
        for letter, words in self._groups:
            if letter in text:
                for word in words:  # half the time of any()
                    if word in text:
                        return True
        return False


HINTS = Hints(
    "private key",
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox"),
    *("sk_", "rk_", "pk_", "sk-", "akia", "asia", "aiza", "npm_", "pypi-", "eyj"),
    *("://", "bearer", "basic"),
    *("passw", "passphrase", "secret", "token", "_key", "-key", "apikey", "tkey", "sskey", "ekey"),
)
"""What every text with a secret in it holds; most texts are done with after this."""
# One of these, or of the above, is in every name that ``is_secret_name`` knows, in lower case.
_NAME_HINTS = Hints("pass", "key", "auth", "credential", "cookie", "session", "pwd")
_ALL_HINTS = Hints(*HINTS.words, *_NAME_HINTS.words)


def without_secrets(text: str, *, strict: bool = False) -> str:
    """The text with each secret replaced, otherwise word for word as it was.

    Args:
        text: any text.
        strict: whether whatever is assigned to the name of a secret is one.
    """
    if not HINTS.found_in(text) and not (strict and _may_assign_secret(text)):
        return text
    text = SECRET_TEXT.sub(REDACTED, text)
    for pattern in _STRICT if strict else _LENIENT:
        text = pattern.sub(rf"\1{REDACTED}", text)
    return text


@lru_cache(maxsize=512)
def is_secret_name(name: str) -> bool:
    """Whether what is stored under the name is a secret, as far as a name can say."""
    return _SECRET_NAME.search(name) is not None


def is_suspicious(line: str) -> bool:
    """Whether JSON on a line, names of members included, may hold a secret; quick."""
    return _ALL_HINTS.found_in(line)


def data_without_secrets(value: Any, *, by_name: bool = False) -> Any:
    """Nested data with each secret replaced; names of members stay as they are.

    Args:
        value: any JSON value.
        by_name: whether all that is under a secret's name is one. For data from outside:
            the product's own names are ids as well, and a phase may be called ``auth``.
    """
    return _clean(value, "", by_name=by_name, strict=False, depth=-1)


def redacted(value: Any, name: str = "") -> Any:
    """The value without what may be a secret, strictly; ``name`` is what it is under.

    Mappings and sequences are copied, at most 8 deep; anything that is no JSON becomes text.
    """
    return _clean(value, name, by_name=True, strict=True, depth=_DEPTH)


def _clean(value: Any, name: str, *, by_name: bool, strict: bool, depth: int) -> Any:
    """The value without secrets, followed ``depth`` deep; to its end where that is below 0."""
    if value is None or isinstance(value, bool):
        return value
    if by_name and is_secret_name(name):
        return REDACTED
    if isinstance(value, int | float):
        return value
    below = partial(_clean, by_name=by_name, strict=strict, depth=depth - 1)
    if depth and isinstance(value, Mapping):
        return {str(key): below(item, str(key)) for key, item in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [below(item, "") for item in value]
    return without_secrets(str(value), strict=strict)


def _may_assign_secret(text: str) -> bool:
    return ("=" in text or ":" in text or "--" in text) and _NAME_HINTS.found_in(text)
