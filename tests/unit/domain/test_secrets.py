from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.domain import secrets
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import Progress
from cde_orchestrator.domain.secrets import (
    HINTS,
    REDACTED,
    data_without_secrets,
    is_secret_name,
    without_secrets,
)
from tests.fakes import NOON

SECRETS = {
    "github": "ghp_" + "aB3" * 12,
    "github fine-grained": "github_pat_" + "a1B2" * 8,
    "gitlab": "glpat-" + "aB3-" * 5,
    "slack": "xoxb-" + "1234567890",
    "stripe": "sk_live_" + "aB3d" * 4,
    "openai": "sk-proj-" + "aB3d" * 6,
    "aws": "AKIA" + "ABCD1234" * 2,
    "google": "AIza" + "a1B2c" * 7,
    "npm": "npm_" + "aB3" * 12,
    "pypi": "pypi-" + "aB3" * 12,
    "json web token": "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    "half a private key": "-----BEGIN PRIVATE KEY-----\nMIIEow",
}

ASSIGNED_NAMES = [
    *("password", "passwd", "passphrase", "secret", "token"),
    *(
        f"{kind}{joint}key"
        for kind in ("api", "access", "account", "private")
        for joint in ("", "-", "_")
    ),
]
PATTERNS = {
    name: pattern for name, pattern in vars(secrets).items() if isinstance(pattern, re.Pattern)
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_of_a_known_make_is_taken_out_of_a_text(name: str) -> None:
    assert without_secrets(f"Use {SECRETS[name]}") == f"Use {REDACTED}"


def test_credentials_and_bearer_tokens_are_taken_out() -> None:
    text = "GET https://user:pa55@example.org/x with Bearer abc123def456ghi"
    assert without_secrets(text) == (f"GET https://{REDACTED}@example.org/x with Bearer {REDACTED}")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("password=hunter2 works", f"password={REDACTED} works"),
        ('{"api_key": "short1", "n": 1}', f'{{"api_key": "{REDACTED}", "n": 1}}'),
        ("DB_PASSWORD = 's3cret!' and more", f"DB_PASSWORD = '{REDACTED}' and more"),
        ("access-token:abc123", f"access-token:{REDACTED}"),
    ],
)
def test_what_a_text_assigns_to_the_name_of_a_secret_is_taken_out(text: str, kept: str) -> None:
    assert without_secrets(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=128000, token_count: 123456, password_length=1000000",
        "password: 8 characters or more, token: opaque",
        "Add basic authentication and a bearer token",
        "Set password: at least 8 characters; token=JWT",
        "See https://example.org/a@b and task_list",
        "desk-top, risk_free, basic understanding",
    ],
)
def test_other_texts_stay_word_for_word(text: str) -> None:
    assert without_secrets(text) == text


def test_names_of_members_stay() -> None:
    secret = SECRETS["github"]
    data = {"auth": {"token": "short"}, "list": [secret, 1, None], "n": 2}
    assert data_without_secrets(data) == {
        "auth": {"token": "short"},
        "list": [REDACTED, 1, None],
        "n": 2,
    }


def test_progress_is_kept_without_what_stands_under_the_name_of_a_secret() -> None:
    data = {"api_key": "short", "list": [{"password": 7, "token": None}], "auth": {"user": "me"}}
    kept = Progress.checked(NOON, "me", f"Tried {SECRETS['github']}", data)
    assert kept.note == f"Tried {REDACTED}"
    assert kept.data == {
        "api_key": REDACTED,
        "list": [{"password": REDACTED, "token": None}],
        "auth": REDACTED,
    }


@given(st.text(), st.sampled_from(sorted(SECRETS)))
def test_wherever_a_secret_stands_it_is_looked_for(text: str, name: str) -> None:
    assert HINTS.found_in(text + SECRETS[name])
    assert SECRETS[name] not in without_secrets(f"{text} {SECRETS[name]} {text}")


def test_a_prompt_is_kept_without_secrets(project: Project) -> None:
    feature = project.start_feature(f"Call the API with {SECRETS['github']}")
    assert feature.prompt == f"Call the API with {REDACTED}"
    assert "ghp" not in feature.name


@pytest.mark.parametrize("name", ASSIGNED_NAMES)
@pytest.mark.parametrize("assignment", ["=", " = ", ": '", ":", '": "'])
def test_every_name_of_a_secret_is_known_in_whatever_case(name: str, assignment: str) -> None:
    for spelled in (name, name.upper(), f"my_{name.title()}"):
        text = f"Set {spelled}{assignment}q1w2e3r4"
        assert without_secrets(text) == f"Set {spelled}{assignment}{REDACTED}"
        assert is_secret_name(spelled)


@pytest.mark.parametrize("pattern", ["SECRET_TEXT", "_BEARER", "_ASSIGNED"])
@given(data=st.data())
def test_no_text_that_a_pattern_knows_is_passed_over(pattern: str, data: st.DataObject) -> None:
    ascii_text = st.characters(codec="ascii")
    text = data.draw(st.from_regex(PATTERNS[pattern], fullmatch=True, alphabet=ascii_text))
    assert HINTS.found_in(text)


def test_a_text_without_hints_is_done_with_at_once() -> None:
    assert not HINTS.found_in("Add a login page, and say who may see it")


@pytest.mark.parametrize(
    "secret",
    [
        *(f"gh{kind}_{'aB3d' * 5}" for kind in "pousr"),
        *(f"xox{kind}-1234567890" for kind in "abeprs"),
        *(f"{kind}_{use}_{'aB3d' * 4}" for kind in ("sk", "rk", "pk") for use in ("live", "test")),
        *(f"{kind}{'AB12' * 4}" for kind in ("AKIA", "ASIA")),
        "github_pat_" + "aB3_" * 5,
        "glpat-" + "aB-_" * 4,
        "sk-" + "aB-_" * 5,
        "AIza" + "aB3_-" * 7,
        "npm_" + "aB3" * 10,
        "pypi-" + "aB_-1" * 6,
        "eyJhbGciOiJI.eyJzdWIiOiIx.",
    ],
)
def test_the_shortest_secret_of_each_make_is_taken_out(secret: str) -> None:
    assert without_secrets(f"Use {secret} here") == f"Use {REDACTED} here"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("ftp://user@host", f"ftp://{REDACTED}@host"),
        ("HTTPS://user:p@ss@host/a", f"HTTPS://{REDACTED}@host/a"),
        ("Basic dXNlcjpwYXNz1", f"Basic {REDACTED}"),
        ("BEARER ABCDEFGHIJK1", f"BEARER {REDACTED}"),
        ("bearer abcdefghijk", "bearer abcdefghijk"),
    ],
)
def test_what_is_in_an_address_or_behind_a_scheme_is_taken_out(text: str, kept: str) -> None:
    assert without_secrets(text) == kept


def test_a_secret_is_replaced_by_words_that_say_so() -> None:
    assert without_secrets("Use Bearer abc123def456ghi now") == "Use Bearer [redacted] now"


def test_a_private_key_ends_where_it_says_so() -> None:
    key = SECRETS["private key"]
    assert without_secrets(f"a\n{key}\nb\n{key}\nc") == f"a\n{REDACTED}\nb\n{REDACTED}\nc"


def test_data_is_followed_to_its_end_and_cleaned_as_people_wrote_it() -> None:
    value: object = {"n": 1.5, "yes": True, "say": "password: 8 characters", "auth": "me"}
    cleaned: object = {**value, "auth": REDACTED} if isinstance(value, dict) else None
    for _ in range(20):
        value, cleaned = [value], [cleaned]

    assert data_without_secrets(value) == value
    assert data_without_secrets(value, by_name=True) == cleaned
    assert data_without_secrets((1, "a")) == [1, "a"]
