"""What the secrets of each issuer look like: facts about prefixes, alphabets and lengths.

The rule set of gitleaks (MIT, config of 2026) is the measure of which makes there are; formats
are those that the issuers document. What has no form of its own, a bare number in hexadecimal
say, is known by the name that it is assigned to, in ``secrets``.
"""

from __future__ import annotations

import re
from functools import cache

_WORD, _LETTER, _HEX, _BASE64 = r"[A-Za-z0-9_-]", r"[A-Za-z0-9]", r"[0-9A-Fa-f]", r"[\w+/=.-]"

# The alphabet and the least number of its characters, and the prefixes that they follow.
_TOKENS = {
    (_WORD, 8): "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xapp- xoxe.xoxb- xoxe.xoxp-",
    (_WORD, 12): "FLWSECK_TEST- FLWSECK- FLWPUBK_TEST- FLWPUBK- sm_aat_ sm_pat_ sm_sat_",
    (_LETTER, 10): "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_ pk_live_ pk_test_",
    (_WORD, 16): """
        glpat- glcbt- gldt- glffct- glft- glimt- glagent- gloas- glptt- glrt- glrtr- glsoat-
        GR1348941 GOCSPX- ya29. tskey- fo1_ lsv2_pt_ lsv2_sk_ sb_secret_ dckr_pat_ dckr_oat_
        bedrock-api-key- whsec_ NRAK- NRII- NRJS- NRRA- glsa_
    """,
    (_LETTER, 20): "ghp_ gho_ ghu_ ghs_ ghr_ LTAI",
    (_WORD, 20): """
        sk- github_pat_ ATATT3 ATCTT3 ATBB hvs. hvb. hvr. sq0csp- sq0atp- sq0idp- tvly-
    """,
    (_WORD, 30): """
        npm_ pypi- hf_ api_org_ r8_ tgp_v1_ gsk_ xai- pplx- nvapi- csk- pcsk_ jina_ phc_ phx_
        lin_api_ lin_oauth_ ntn_ dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit. duffel_test_
        duffel_live_ fio-u- ico- pnu_ pnb_ rdme_ tk-us- sgp_ pscale_tkn_ pscale_oauth_ pscale_pw_
        xkeysib- xsmtpsib- sntryu_ sbp_ figd_ nfp_ HRKU- AQVN AIza squ_ sqp_ sqa_ dnkey-
        access-sandbox- access-development- access-production- CCIPAT_ CCIPRJ_ bkua_ tfp_ sha256~
        shippo_live_ shippo_test_ PMAK- _gitlab_session=
    """,
    (_WORD, 40): "pa- 1//0 EAAA",
    (_LETTER, 32): "p8e- cio oy2",
    (_LETTER, 43): "secret_",
    (_LETTER, 50): "AKCp cmVmd AGE-SECRET-KEY-1 EZAK EZTK CLOJARS_ clojars_",
    (_LETTER, 80): "EAA",
    (_HEX, 32): """
        SK key- pubkey- dapi shpat_ shpca_ shppa_ shpss_ rubygems_ pul- doo_v1_ dop_v1_ dor_v1_
        s-s4t2ud- s-s4t2af- sk_
    """,
    (_BASE64, 32): "glc_ sntrys_ sntryi_ SG. dt0c01. dt0s01. fm1r_ fm1a_ fm2_ pk.eyJ sk.eyJ t1.",
    (_BASE64, 60): "ops_eyJ eyJrIjoi ABSK ZXlK",
}
_SHAPES = (
    r"AKIA[A-Z0-9]{16}(?!\w)",
    r"ASIA[A-Z0-9]{16}(?!\w)",
    r"ABIA[A-Z0-9]{16}(?!\w)",
    r"ACCA[A-Z0-9]{16}(?!\w)",
    r"A3T[A-Z0-9]{17}(?!\w)",
    r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{5,11}-){3,4}[A-Z0-9]{5}",
    r"API-[A-Z0-9]{26}(?!\w)",
    r"eyJ[\w-]{8,1024}\.eyJ[\w/-]{8,4096}\.[\w-]*",
    r"4b1d[A-Za-z0-9]{38}(?!\w)",
    r"v1\.0-[0-9a-f]{24}-[0-9a-f]{100,}",
    r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}",
    r"pat\.[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}",
    r"sat\.[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}",
    r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}",
    r"sc_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[\w+/=-]{30,}",
    r"ext_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[\w+/=-]{30,}",
)
"""Makes that are more than a prefix and what follows it; each begins with a character of its own,
by which they are found."""
_MARKED = {
    "q~": r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}",
    ":a": r"(?:bot)?\d{8,10}:A[A-Za-z0-9_-]{34}(?![\w-])",
    "|": r"\d{15,16}\|[A-Za-z0-9_-]{27,40}(?![\w-])",
    ".atlasv1.": r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70}",
    "_mmk": r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk(?!\w)",
    "-us": r"[0-9a-f]{32}-us\d{1,2}(?!\w)",
    "/webhookb2/": r"[a-z0-9]+\.webhook\.office\.com/webhookb2/[\w@/-]{60,}",
    "hooks.slack.com": r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w+/-]{20,}",
    "hooks.zapier.com": r"hooks\.zapier\.com/hooks/catch/\d+/\w{5,}",
    "/api/webhooks/": r"discord(?:app)?\.com/api/webhooks/\d{5,}/[\w-]{20,}",
}
"""Makes that begin with anything, by what is always in them, in lower case."""
SHORTEST = 13
"""Characters of the shortest secret that begins in a way of its own."""
_START = r"(?<![A-Za-z0-9])"


@cache
def _known() -> re.Pattern[str]:
    """What matches the makes that have a beginning of their own."""
    by_first: dict[str, list[str]] = {}
    for (alphabet, least), prefixes in _TOKENS.items():
        for prefix in prefixes.split():
            rest = rf"{re.escape(prefix[1:])}{alphabet}{{{least},}}"
            by_first.setdefault(prefix[0], []).append(rest)
    for shape in _SHAPES:
        by_first.setdefault(shape[0], []).append(shape[1:])
    tree = (f"{first}(?:{'|'.join(rests)})" for first, rests in sorted(by_first.items()))
    return re.compile(rf"{_START}(?:{'|'.join(tree)})", re.ASCII)


@cache
def _marked(mark: str) -> re.Pattern[str]:
    return re.compile(_START + _MARKED[mark], re.ASCII)


def holds_known_make(text: str) -> bool:
    """Whether a secret of a known make may be in the text; most texts are done with quickly."""
    known = _known()
    # None of them has a blank, a quote or a comma in it.
    for word in text.replace('"', " ").replace(",", " ").split():
        if len(word) >= SHORTEST and known.search(word):
            return True
    lower = text.lower()
    for mark in _MARKED:  # noqa: SIM110 - half the time of any()
        if mark in lower:
            return True
    return False


def without_known_makes(text: str, replacement: str) -> str:
    """The text with each secret of a known make replaced."""
    text, lower = _known().sub(replacement, text), text.lower()
    for mark in _MARKED:
        if mark in lower:
            text = _marked(mark).sub(replacement, text)
    return text
