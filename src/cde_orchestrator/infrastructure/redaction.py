"""Takes secrets out of what is written down: logs, error reports and the journal's own words.

Two ways lead to a secret: the name that it stands under, and its make. Formats are those that
the issuers document: GitHub ``ghp_``, GitLab ``glpat-``, Slack ``xox?-``, Stripe ``sk_live_``,
OpenAI and Anthropic ``sk-``, AWS ``AKIA``, Google ``AIza``, npm ``npm_``, PyPI ``pypi-``, JSON
Web Tokens, PEM private keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"

_DEPTH = 8

_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|secret|token$|api[-_]?key|access[-_]?key|private[-_]?key|"
    r"authorization|credential|cookie|session[-_]?id$|^auth$|^pwd$",
    re.IGNORECASE,
)

_SECRET_TEXT = re.compile(
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
_BEARER = re.compile(r"\b(bearer|basic)(\s+)[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE)
# Bounded and possessive: hostile text must not cost time quadratic in its length.
_URL_CREDENTIALS = re.compile(
    r"\b([a-z][a-z0-9+.-]{0,30}+://)[^\s/@:]*+(?::[^\s/@]*+)?@", re.IGNORECASE
)
_ASSIGNMENT = re.compile(
    r"\b(\w*(?:password|passwd|secret|token|api[-_]?key|access[-_]?key))(\s*[=:]\s*)"
    r"(\"[^\"]+\"|'[^']+'|[^\s,;&\"']+)",
    re.IGNORECASE,
)


def redacted(value: Any, name: str = "") -> Any:
    """The value without the secrets in it; ``name`` is what it stands under.

    Mappings and sequences are copied, at most 8 deep; anything that is no JSON becomes text.
    """
    return _redacted(value, name, _DEPTH)


def redacted_text(text: str) -> str:
    """The text with secrets of a known make, and assigned ones, replaced."""
    text = _SECRET_TEXT.sub(REDACTED, text)
    text = _BEARER.sub(rf"\1\2{REDACTED}", text)
    text = _URL_CREDENTIALS.sub(rf"\1{REDACTED}@", text)
    return _ASSIGNMENT.sub(rf"\1\2{REDACTED}", text)


def _redacted(value: Any, name: str, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if name and _SECRET_NAME.search(name):
        return REDACTED
    if isinstance(value, int | float):
        return value
    if depth and isinstance(value, Mapping):
        return {str(key): _redacted(item, str(key), depth - 1) for key, item in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_redacted(item, name, depth - 1) for item in value]
    return redacted_text(str(value))
