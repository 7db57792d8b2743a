"""Secrets that can be told by their make, or by their name, wherever in a text they stand.

Formats are those that the issuers document: GitHub ``ghp_``, GitLab ``glpat-``, Slack ``xox?-``,
Stripe ``sk_live_``, OpenAI and Anthropic ``sk-``, AWS ``AKIA``, Google ``AIza``, npm ``npm_``,
PyPI ``pypi-``, JSON Web Tokens, PEM private keys; bearer tokens, and credentials in URLs.
"""

from __future__ import annotations

import re
from functools import lru_cache
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
# A password may hold an @ that nobody escaped.
# Bounded and possessive: hostile text must not cost time quadratic in its length.
URL_CREDENTIALS = re.compile(
    r"\b([a-z][a-z0-9+.-]{0,30}+://)[^\s/@:]*+(?::[^\s/@]*+(?:@[^\s/@\"'<>,;]*+(?=@))*+)?@",
    re.IGNORECASE,
)
# With a digit in it: "bearer authentication" is no secret.
_BEARER = re.compile(r"\b(bearer|basic)(\s+)(?=[^\s\d]*\d)[A-Za-z0-9+/=._~-]{12,}", re.IGNORECASE)
# Six characters or more with a digit in them: "password: at least 8 characters" is a
# requirement, password=hunter2 is none.
_ASSIGNED = re.compile(
    r"(?<!\w)(\w{0,40}(?:passwd|password|passphrase|secret|token|(?:api|access|account|private)"
    r"[-_]?key)[\"']?(?:\s?=\s?[\"']?|:\s?[\"']|:))(?=[^\s\"',;&]{0,80}\d)[^\s\"',;&]{6,}",
    re.IGNORECASE,
)
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

    To look for a single letter takes a tenth of the time that a word takes, so words with a rare
    letter are looked for only where that is found.
    """

    def __init__(self, *words: str) -> None:
        self.words = words
        groups: dict[str, list[str]] = {}
        for word in words:
            letter = next((each for each in _RARE if each in word), "")
            groups.setdefault(letter, []).append(word)
        self._groups = [(letter, tuple(group)) for letter, group in groups.items()]

    def stand_in(self, text: str) -> bool:
        """Whether any of the words stands in the text, in whatever case."""
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


def without_secrets(text: str) -> str:
    """The text with each secret replaced, otherwise word for word as it was."""
    if not HINTS.stand_in(text):
        return text
    text = SECRET_TEXT.sub(REDACTED, text)
    text = URL_CREDENTIALS.sub(rf"\1{REDACTED}@", text)
    text = _BEARER.sub(rf"\1\2{REDACTED}", text)
    return _ASSIGNED.sub(rf"\1{REDACTED}", text)


@lru_cache(maxsize=512)
def is_secret_name(name: str) -> bool:
    """Whether what stands under the name is a secret, as far as a name can tell."""
    return _SECRET_NAME.search(name) is not None


def data_without_secrets(value: Any, *, by_name: bool = False) -> Any:
    """Nested data with each secret replaced; names of members stay as they are.

    Args:
        value: any JSON value.
        by_name: whether all that stands under a secret's name is one. For data from outside:
            the product's own names are ids as well, and a phase may be called ``auth``.
    """
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {
            name: REDACTED
            if by_name and item is not None and is_secret_name(str(name))
            else data_without_secrets(item, by_name=by_name)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [data_without_secrets(item, by_name=by_name) for item in value]
    return value
