"""Secrets are taken out of what the product writes about itself; the rest stays as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.domain.secrets import REDACTED, is_suspicious, redacted, without_secrets
from tests.proportion import require_proportion

SECRETS = {
    "GitHub": "ghp_" + "a1B2" * 9,
    "GitHub, fine-grained": "github_pat_" + "a1B2_" * 8,
    "GitLab": "glpat-" + "a1B2-" * 5,
    "Slack": "xoxb-1234567890-abcdef",
    "Stripe": "sk_live_" + "a1B2" * 6,
    "OpenAI": "sk-" + "a1B2" * 10,
    "Anthropic": "sk-ant-api03-" + "a1B2" * 10,
    "AWS": "AKIA" + "ABCD" * 4,
    "Google": "AIza" + "a1B2_" * 7,
    "npm": "npm_" + "a1B2" * 9,
    "PyPI": "pypi-" + "a1B2" * 12,
    "JSON Web Token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----",
    "private key, cut": "-----BEGIN PRIVATE KEY-----\nMIIE\nabc",
}
NAMES = [
    "password",
    "db_password",
    "PASSWD",
    "secret",
    "client_secret",
    "token",
    "access_token",
    "api_key",
    "apiKey",
    "X-API-Key",
    "Authorization",
    "aws_secret_access_key",
    "private_key",
    "credentials",
    "cookie",
    "Set-Cookie",
    "session_id",
    "db_pwd",
    "ssh_key",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
surroundings = st.text(
    st.characters(blacklist_categories=("L", "N", "Pc", "Pd", "Cs")), max_size=20
)


def strictly(text: str) -> str:
    """The text as the product writes it about itself."""
    return without_secrets(text, strict=True)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@given(before=surroundings, after=surroundings)
def test_a_secret_of_a_known_make_is_taken_out_of_any_text(
    secret: str, before: str, after: str
) -> None:
    text = strictly(f"{before} {secret} {after}")

    assert secret not in text
    assert REDACTED in text


@pytest.mark.parametrize("name", NAMES)
@given(value=st.text(min_size=1) | st.integers() | st.lists(st.text(), min_size=1))
def test_whatever_stands_under_a_secret_name_is_taken_out(name: str, value: Any) -> None:
    assert redacted({"outer": [{name: value}]}) == {"outer": [{name: REDACTED}]}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("curl -H 'Authorization: Bearer abcdefgh12345678'", "abcdefgh12345678"),
        ("Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
        ("postgresql://cde:hunter2hunter2@db:5432/cde", "hunter2hunter2"),
        ("redis://:hunter2@cache", "hunter2"),
        ("password=hunter2 and more", "hunter2"),
        ("DB_PASSWORD: 'hunter2 hunter3'", "hunter2"),
        ('api_key = "hunter2"', "hunter2"),
        ("https://x/?token=hunter2&page=1", "hunter2"),
        ('{"password": "hunter2"}', "hunter2"),
        ("{'api_key': 'hunter2'}", "hunter2"),
        ('{\\"client_secret\\": \\"hunter2\\"}', "hunter2"),
        ('password="one\\"hunter2"', "hunter2"),
        ("login --db-password hunter2 --yes", "hunter2"),
        ("Authorization: token hunter2", "hunter2"),
        ("Cookie: theme=dark; sid=hunter2", "hunter2"),
        ("passphrase: hunter2", "hunter2"),
        ("db_pwd=hunter2", "hunter2"),
        ("private_key=hunter2", "hunter2"),
        ("AccountKey=hunter2;Endpoint=x", "hunter2"),
        ("https://me:p@hunter2@host/x", "hunter2"),
        ("Bearer postgresql://me:hunter2@db", "hunter2"),
    ],
)
def test_a_secret_in_the_middle_of_words_is_taken_out(text: str, secret: str) -> None:
    assert secret not in strictly(text)


@pytest.mark.parametrize("kind", ["api", "access", "account", "private", "ssh", "encryption"])
@pytest.mark.parametrize("joint", ["", "-", "_"])
def test_a_key_is_known_however_its_name_is_joined(kind: str, joint: str) -> None:
    for name in (f"{kind}{joint}key", f"{kind}{joint}key".upper()):
        assert strictly(f"{name}=q1w2e3r4 x") == f"{name}={REDACTED} x"
        assert strictly(f"--{name} q1w2e3r4 x") == f"--{name} {REDACTED} x"
        assert redacted({name: "q1w2e3r4"}) == {name: REDACTED}
        assert is_suspicious(f'{{"{name}": "q1w2e3r4"}}')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Add a login page with password reset",
        "The token is refreshed each hour",
        "src/auth/session.py",
        "https://example.org/path?page=1",
        "sk-short",
        "AKIA is a prefix",
        "serve --token-file keys.txt --port 8787",
    ],
)
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert strictly(text) == text


def test_names_that_only_sound_alike_stay() -> None:
    plain = {"tokens_used": 12, "path": "/work", "author": "Ann", "passed": True, "keys": ["a"]}
    assert redacted(plain) == plain


def test_a_whole_value_under_a_secret_name_of_an_argument_is_taken_out() -> None:
    assert redacted("hunter2", "password") == REDACTED
    assert redacted(None, "password") is None


@given(json_values)
def test_the_result_is_json_and_keeps_its_shape(value: Any) -> None:
    result = redacted(value)

    json.dumps(result)
    assert type(result) is type(value) or isinstance(result, str)
    if isinstance(value, dict):
        assert list(result) == [str(key) for key in value]


@given(json_values)
def test_done_twice_it_changes_nothing_more(value: Any) -> None:
    once = redacted(value)
    assert redacted(once) == once


@given(st.text(max_size=300))
def test_any_text_is_taken(text: str) -> None:
    assert isinstance(strictly(text), str)


def test_what_is_no_json_becomes_text_without_secrets() -> None:
    class Strange:
        def __str__(self) -> str:
            return "token=hunter2"

    assert "hunter2" not in redacted({"it": Strange(), "all": {1, 2}})["it"]


def test_what_is_nested_too_deep_becomes_text_without_secrets() -> None:
    value: Any = {"password": "hunter2"}
    for _ in range(30):
        value = {"inner": value}
    assert "hunter2" not in json.dumps(redacted(value))


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "token",
        "a:",
        "a.",
        "a://",
        "eyJ",
        "eyJaaaaaaaa-",
        "-----BEGIN ",
        "token ",
        "token=",
        'token="',
        "token=\\",
        "--token",
        "a:b@",
        "cookie:",
        "sk-",
        "@",
        "\n",
    ],
)
def test_hostile_texts_take_time_in_proportion_to_their_length(part: str) -> None:
    require_proportion(strictly, lambda n: f"a://{part * (n * 50_000 // len(part))}")


@pytest.mark.parametrize("shape", ["list", "mapping"])
def test_lists_and_mappings_are_followed_eight_deep(shape: str) -> None:
    def nested(depth: int) -> Any:
        value: Any = 1
        for _ in range(depth):
            value = [value] if shape == "list" else {"a": value}
        return value

    assert redacted(nested(8)) == nested(8)
    cut = redacted(nested(9))
    for _ in range(8):
        (cut,) = cut if shape == "list" else cut.values()
    assert cut == str(nested(1))


@pytest.mark.parametrize("name", [*NAMES, "db_pass", "PASSPHRASE", "oauth_token"])
def test_every_name_of_a_secret_makes_a_line_suspicious(name: str) -> None:
    assert is_suspicious(f'{{"{name}": "x"}}')
    assert redacted({name: "x"}) == {name: REDACTED}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("db_pwd=hunter2, x", f"db_pwd={REDACTED}, x"),
        ("db_pwd: hunter2 x", f"db_pwd: {REDACTED} x"),
        ("run --db-pwd hunter2 x", f"run --db-pwd {REDACTED} x"),
        ("run --pwd 'one two' x", f"run --pwd {REDACTED} x"),
        ("signing_key = 'one two' x", f"signing_key = {REDACTED} x"),
        ("sshkey=hunter2; x", f"sshkey={REDACTED}; x"),
        ("ENCRYPTIONKEY=hunter2; x", f"ENCRYPTIONKEY={REDACTED}; x"),
        ("authorization: hunter2", f"authorization: {REDACTED}"),
        ("Proxy-Authorization: hunter2 hunter3\nx", f"Proxy-Authorization: {REDACTED}\nx"),
        ("Set-Cookie: sid=hunter2; theme=dark\nx", f"Set-Cookie: {REDACTED}\nx"),
        ('"cookie": "sid=hunter2", x', f'"cookie": "{REDACTED}", x'),
        ("Authorization: Bearer hunter2a", f"Authorization: Bearer {REDACTED}"),
        ("basic ABCDEFGH", f"basic {REDACTED}"),
        ("bearer ABCDEFG", "bearer ABCDEFG"),
        ('password="one\ntwo" x', f"password={REDACTED} x"),
        ("the key of the pwd", "the key of the pwd"),
        ("key=value: --flag", "key=value: --flag"),
    ],
)
def test_what_the_product_writes_about_itself_keeps_all_but_the_secret(
    text: str, kept: str
) -> None:
    assert strictly(text) == kept


@pytest.mark.parametrize(
    "name",
    [
        *("pass", "passwd", "passphrase", "db-pwd", "pwd", "auth", "sessionid", "session-id"),
        *("signing_key", "encryption-key", "private-key", "account_key", "access-key", "apikey"),
        *("x_credential_y", "my_secret_store", "authorization_header", "cookies", "api-keys"),
    ],
)
def test_a_name_of_a_secret_is_known_in_whatever_case(name: str) -> None:
    for spelled in (name, name.upper()):
        assert redacted({spelled: "x"}) == {spelled: REDACTED}
        assert is_suspicious(f'{{"{spelled}": "x"}}')


@pytest.mark.parametrize(
    "name", ["passing", "tokens", "authors", "session_ids", "oauth", "cpwd", "pwds", "keyboard"]
)
def test_a_name_that_only_holds_one_is_none(name: str) -> None:
    assert redacted({name: "x"}) == {name: "x"}


@pytest.mark.parametrize(
    "value", [[1, "a"], (1, "a"), {"a": 1}, None, True, 1, 1.5, "a", [], {}], ids=str
)
def test_a_value_without_secrets_keeps_its_shape(value: Any) -> None:
    assert redacted(value) == ([*value] if isinstance(value, tuple) else value)
    assert redacted({1: value})["1"] == redacted(value)
    assert redacted(frozenset({"a"})) == redacted({"a"}) == ["a"]


def test_a_line_without_any_hint_is_above_suspicion() -> None:
    assert not is_suspicious('{"event": "feature_started", "name": "login"}')


def test_words_are_cleaned_strictly_wherever_they_are_in_a_value() -> None:
    secret, kept = "password: opaque", f"password: {REDACTED}"
    assert redacted(secret) == kept
    assert redacted({"a": [secret]}) == {"a": [kept]}
