"""Secrets that can be recognised by their make, or by their name, anywhere in a text.

The makes are in ``secret_makes``: tokens of known issuers. Here is what has no form of its own:
private keys, credentials in URLs and commands, bearer tokens, and what is assigned to a name.

What people say is kept word for word unless it is surely a secret. What the product writes about
itself, as logs and error reports, is cleaned strictly: better a word too many than a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.secret_makes import holds_known_make, without_known_makes

REDACTED = "[redacted]"

_KEY_LINE = r"-{4,5} ?%s [ A-Z0-9_-]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}"
_KEY_BEGIN, _KEY_END = (pattern(_KEY_LINE % word) for word in ("BEGIN", "END"))
PRIVATE_KEY = pattern(rf"{_KEY_LINE % 'BEGIN'}.*?(?:{_KEY_LINE % 'END'}|\Z)", re.DOTALL)
_KEY_BODY = pattern(r"[\s>|│┃]*(?:[A-Za-z0-9+/=]*|[A-Z][A-Za-z0-9-]{2,30}: .*)\s*")
"""A line of a private key, between its first and its last, as some programs show it."""
# Each of the patterns below keeps its first group, and what follows that is the secret.
# A password may hold an @ that nobody escaped.
# Bounded, and possessive but for groups: hostile text must not cost time quadratic in its length.
_URL_CREDENTIALS = pattern(
    r"\b([a-z][a-z0-9+.-]{0,30}+://)[^\s/@:]*+(?::[^\s/@]*+(?:@[^\s/@\"'<>,;]*+(?=@))*)?(?=@)",
    re.IGNORECASE,
)
_SCHEME = r"\b((?:bearer|basic)\s+)"
_LETTERS = r"[A-Za-z0-9+/=._~-]"
# With a digit in it: "bearer authentication" is no secret.
_BEARER = pattern(rf"{_SCHEME}(?=[^\s\d]*\d){_LETTERS}{{12,}}", re.IGNORECASE)
_STRICT_BEARER = pattern(rf"{_SCHEME}{_LETTERS}{{8,}}", re.IGNORECASE)
_WORDS = "password|passwd|passphrase|secret|token"
_ASSIGNS = r"\s?(?::=|=>|\?=|=)\s?[\"'`]?|:\s?[\"'`]|:|[\"'],\s?[\"']"
_KEYS = "api|access|account|private|secret"
# Six characters or more with a digit in them: "password: at least 8 characters" is a
# requirement, password=hunter2 is none. A call, as token = parts[0].strip(), is code.
_ASSIGNED = pattern(
    rf"(?<!\w)(\w{{0,40}}(?:{_WORDS}|(?:{_KEYS})"
    rf"[-_]?key)(?:[\"']?(?:{_ASSIGNS})))(?![\w.\[\]]{{1,80}}\()"
    r"(?=[^\s\"'`,;&]{0,80}\d)[^\s\"'`,;&]{6,}",
    re.IGNORECASE,
)
# As YAML has it: long, of letters and digits, and no path.
_YAML = pattern(
    rf"(?<!\w)(\w{{0,40}}(?:{_WORDS}|(?:{_KEYS})[-_]?key):\s{{1,3}})"
    r"(?=[a-z_.=+~-]{0,80}\d)(?=[\d_.=+~-]{0,80}[a-z])[a-z0-9_.=+~-]{16,}(?![^\s,;])",
    re.IGNORECASE,
)
_CURL = pattern(r"(\bcurl\b[^\n]{0,200}?\s(?:-u|--user)[\s=]{1,3}[\"']?[^\s:\"']{1,100}:)[^\s\"']+")
_SIGNATURE = pattern(
    r"([?&](?:sig|x-amz-signature|x-goog-signature)=)[\w%+/=-]{20,}", re.IGNORECASE
)
_NUGET = pattern(r"(\bkey=\"(?:cleartext)?password\"\s{1,5}value=\")[^\"]+", re.IGNORECASE)
_NETRC = pattern(
    r"(\bmachine\s{1,3}\S{1,100}\s{1,3}login\s{1,3}\S{1,100}\s{1,3}password\s{1,3})\S+"
)
_MANIFEST = pattern(r"\bkind:\s{0,5}[\"']?Secret\b")
_MANIFEST_DATA = pattern(
    r"^([ \t]*)(?:data|stringData):[ \t]*\n((?:\1[ \t]+[^\n]*(?:\n|\Z))+)", re.MULTILINE
)
_STRICT_NAMES = rf"(?:{_WORDS}|pwd|(?:{_KEYS}|ssh|encryption|signing)[-_]?key)"
# The name as code, JSON, a header or an option spells it: {"api_key": "..."}, --password ... .
_STRICT_ASSIGNED = pattern(
    rf"\b(\w*{_STRICT_NAMES}\\*[\"']?\s*[=:]\s*)"
    r"(?:\\+\"[^\"\\]+(?:\\+\"|\Z)|\"(?:[^\"\\]|\\.)+(?:\"|\Z)|'(?:[^'\\]|\\.)+(?:'|\Z)|"
    r"[^\s,;&\"']+)",
    re.IGNORECASE | re.DOTALL,
)
_OPTION = pattern(
    rf"(--[\w-]{{0,40}}{_STRICT_NAMES}\s+)(?:\"[^\"]+\"|'[^']+'|[^\s\"'-][^\s\"']*)",
    re.IGNORECASE,
)
_HEADER = pattern(
    r"\b((?:(?:proxy-)?authorization|(?:set-)?cookie)\\*[\"']?\s*:\s*\\*[\"']?)"
    r"(?!(?:bearer|basic)\s)[^\s\r\n\"'\\][^\r\n\"'\\]*",
    re.IGNORECASE,
)
_ALWAYS = (_URL_CREDENTIALS, _CURL, _SIGNATURE, _NUGET, _NETRC)
_LENIENT = (*_ALWAYS, _BEARER, _ASSIGNED, _YAML)
_STRICT = (*_ALWAYS, _STRICT_BEARER, _HEADER, _OPTION, _STRICT_ASSIGNED)
_DEPTH = 8
_SECRET_NAME = pattern(
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
    *("private key", "://", "bearer", "basic", "curl", "sig=", "signature="),
    *("passw", "passphrase", "secret", "token", "_key", "-key", "apikey", "tkey", "sskey", "ekey"),
)
"""What every text with a secret of no known make in it holds."""
# One of these, or of the above, is in every name that ``is_secret_name`` knows, in lower case.
_NAME_HINTS = Hints("pass", "key", "auth", "credential", "cookie", "session", "pwd")
_ALL_HINTS = Hints(*HINTS.words, *_NAME_HINTS.words)


def without_secrets(text: str, *, strict: bool = False) -> str:
    """The text with each secret replaced, otherwise word for word as it was.

    Args:
        text: any text.
        strict: whether whatever is assigned to the name of a secret is one.
    """
    hinted = HINTS.found_in(text) or (strict and _may_assign_secret(text))
    if hinted:
        text = PRIVATE_KEY.sub(REDACTED, text)
    if holds_known_make(text):
        text = without_known_makes(text, REDACTED)
    if hinted:
        for each in _STRICT if strict else _LENIENT:
            text = each.sub(rf"\1{REDACTED}", text)
        if _MANIFEST.search(text):
            text = _MANIFEST_DATA.sub(_without_values, text)
    return text


class SecretLines:
    """Cleans a text that comes line by line, where a private key is one secret of many lines."""

    def __init__(self) -> None:
        self._inside = False

    def clean(self, line: str) -> str:
        """The next line, without what may be a secret, strictly."""
        if self._inside and (end := _KEY_END.search(line)):
            self._inside = False
            return REDACTED + without_secrets(line[end.end() :], strict=True)
        self._inside = self._inside and _KEY_BODY.fullmatch(line) is not None
        if self._inside:
            return REDACTED
        begins = [each.end() for each in _KEY_BEGIN.finditer(line)]
        self._inside = bool(begins) and not _KEY_END.search(line, begins[-1])
        return without_secrets(line, strict=True)


def may_hold_secret(text: str) -> bool:
    """Whether a text may hold a secret that ``without_secrets`` takes out leniently; quick."""
    return HINTS.found_in(text) or holds_known_make(text)


@lru_cache(maxsize=512)
def is_secret_name(name: str) -> bool:
    """Whether what is stored under the name is a secret, as far as a name can say."""
    return _SECRET_NAME.search(name) is not None


def is_suspicious(line: str) -> bool:
    """Whether JSON on a line, names of members included, may hold a secret; quick."""
    return _ALL_HINTS.found_in(line) or holds_known_make(line)


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


def _without_values(block: re.Match[str]) -> str:
    """The data of a manifest, keys alone."""
    return re.sub(r"(?m)^(\s*[\w.\"'-]+:[ \t]*)\S.*$", rf"\1{REDACTED}", block[0])


def _may_assign_secret(text: str) -> bool:
    return ("=" in text or ":" in text or "--" in text) and _NAME_HINTS.found_in(text)
