"""Secrets are taken out of what is kept; what people say is otherwise word for word the same."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cde_orchestrator.domain import secret_makes, secrets
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import Progress
from cde_orchestrator.domain.secrets import (
    HINTS,
    REDACTED,
    SecretLines,
    data_without_secrets,
    is_secret_name,
    is_suspicious,
    may_hold_secret,
    redacted,
    without_secrets,
)
from tests.fakes import NOON
from tests.proportion import require_proportion

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
PATTERNS = {
    name: re.compile(each.pattern, each.flags)
    for name, each in vars(secrets).items()
    if isinstance(each, type(secrets.PRIVATE_KEY))
}


def strictly(text: str) -> str:
    """The text as the product writes it about itself."""
    return without_secrets(text, strict=True)


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
    assert may_hold_secret(f"{text} {SECRETS[name]}")
    assert SECRETS[name] not in without_secrets(f"{text} {SECRETS[name]} {text}")
    assert SECRETS[name] not in strictly(f"{text} {SECRETS[name]} {text}")


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


@pytest.mark.parametrize("pattern", ["PRIVATE_KEY", "_BEARER", "_ASSIGNED", "_YAML", "_CURL"])
@given(data=st.data())
def test_no_text_that_a_pattern_knows_is_passed_over(pattern: str, data: st.DataObject) -> None:
    ascii_text = st.characters(codec="ascii")
    text = data.draw(st.from_regex(PATTERNS[pattern], fullmatch=True, alphabet=ascii_text))
    assert HINTS.found_in(text)


ALPHABETS = {
    secret_makes._WORD: string.ascii_letters + string.digits + "_-",
    secret_makes._LETTER: string.ascii_letters + string.digits,
    secret_makes._HEX: string.hexdigits,
    secret_makes._BASE64: string.ascii_letters + string.digits + "_+/=.-",
}


@pytest.mark.parametrize(
    ("prefix", "alphabet", "least"),
    [
        (prefix, *key)
        for key, prefixes in secret_makes._TOKENS.items()
        for prefix in prefixes.split()
    ],
)
@settings(max_examples=10)
@given(data=st.data())
def test_a_token_is_known_by_its_prefix_from_its_least_length_on(
    prefix: str, alphabet: str, least: int, data: st.DataObject
) -> None:
    rest = st.text(ALPHABETS[alphabet], min_size=least, max_size=least + 60)
    token = prefix + data.draw(rest)
    for around in ("{}", "key={}", '"{}"', "a ({}).", "x:{}\\n", "\u00e9{}"):
        assert token not in without_secrets(around.format(token))


@pytest.mark.parametrize(
    "shape", [*secret_makes._SHAPES, *secret_makes._MARKED.values()], ids=lambda each: each[:20]
)
@settings(max_examples=20)
@given(data=st.data())
def test_a_secret_of_a_shape_of_its_own_is_taken_out(shape: str, data: st.DataObject) -> None:
    secret = data.draw(
        st.from_regex(re.compile(shape, re.ASCII), fullmatch=True).filter(lambda it: len(it) < 500)
    )
    assert may_hold_secret(f"it is {secret}")
    assert secret not in without_secrets(f"it is {secret}")


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


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("curl -s -u me:hunter2 https://x", f"curl -s -u me:{REDACTED} https://x"),
        ("curl --user 'me:hunter2' x", f"curl --user 'me:{REDACTED}' x"),
        ("https://x/a?sv=1&sig=" + "aB3%2B" * 8, f"https://x/a?sv=1&sig={REDACTED}"),
        ('<add key="Password" value="hunter2" />', f'<add key="Password" value="{REDACTED}" />'),
        ("machine x login me password hunter", f"machine x login me password {REDACTED}"),
        ("api_token: " + "a1b2" * 5, f"api_token: {REDACTED}"),
        ("SERVICE_KEY := 'x'", "SERVICE_KEY := 'x'"),
        ("secretKey := `abc123def`", f"secretKey := `{REDACTED}`"),
        ("'api_key' => 'abc123def'", f"'api_key' => '{REDACTED}'"),
        ('set("api_token", "abc123def")', f'set("api_token", "{REDACTED}")'),
        ("token = parts[0].strip()", "token = parts[0].strip()"),
        ("token: docs/design/step-2-of-the-token.md", "token: docs/design/step-2-of-the-token.md"),
        ("token: implementation-details-first", "token: implementation-details-first"),
        (
            "kind: Secret\ndata:\n  a: aGVsbG8=\n  b: eA==\nmetadata:\n  name: mine\n",
            f"kind: Secret\ndata:\n  a: {REDACTED}\n  b: {REDACTED}\nmetadata:\n  name: mine\n",
        ),
        ("kind: Pod\ndata:\n  a: aGVsbG8=\n", "kind: Pod\ndata:\n  a: aGVsbG8=\n"),
    ],
)
def test_commands_configuration_and_manifests_are_kept_without_their_secret(
    text: str, kept: str
) -> None:
    assert without_secrets(text) == kept


KEY_LINES = [
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "Proc-Type: 4,ENCRYPTED",
    "",
    *("MIIEpAIBAAKCAQEAx" + str(number) * 40 for number in range(3)),
    "abc=",
    "-----END OPENSSH PRIVATE KEY-----",
]


@pytest.mark.parametrize("shown", ["{}", "  {}", "> {}", "  | {}  ", "│ {}"])
def test_a_private_key_that_comes_line_by_line_is_taken_out(shown: str) -> None:
    lines = SecretLines()
    said = [lines.clean(shown.format(line)) for line in ("before", *KEY_LINES, "after")]
    assert (said[0], said[-1]) == (shown.format("before"), shown.format("after"))
    assert not any(part and part in " ".join(said) for part in KEY_LINES)


def test_what_follows_a_key_on_its_line_is_shown() -> None:
    lines = SecretLines()
    assert lines.clean("-----BEGIN PRIVATE KEY----- and").startswith(REDACTED)
    assert lines.clean("-----END PRIVATE KEY----- done") == f"{REDACTED} done"
    assert lines.clean("next") == "next"


def test_a_key_that_is_whole_on_one_line_hides_no_other_line() -> None:
    lines = SecretLines()
    assert lines.clean("\\n".join(KEY_LINES)) == REDACTED
    assert lines.clean("abc") == "abc"


def test_a_key_that_has_no_end_hides_nothing_but_lines_like_its_own() -> None:
    lines = SecretLines()
    for line in KEY_LINES[:4]:
        assert lines.clean(line) == REDACTED
    assert lines.clean("the tests are green") == "the tests are green"
    assert lines.clean("abc") == "abc"


@pytest.mark.parametrize("kind", ["PGP PRIVATE KEY BLOCK", "RSA PRIVATE KEY", "EC PRIVATE KEY"])
def test_a_private_key_of_any_kind_is_taken_out(kind: str) -> None:
    key = f"-----BEGIN {kind}-----\n\nlQOYBF\n=ab\n-----END {kind}-----"
    assert without_secrets(f"a {key} b") == f"a {REDACTED} b"


def test_a_public_key_and_a_certificate_stay() -> None:
    for kind in ("PUBLIC KEY", "CERTIFICATE", "PGP PUBLIC KEY BLOCK"):
        text = f"-----BEGIN {kind}-----\nMIIE\n-----END {kind}-----"
        assert without_secrets(text) == text


ROOT = Path(__file__).parents[3]
SAMPLES = ("://", "hunter2")
"""What is in every line of the project's own texts that has a secret for an example."""


def test_nothing_is_taken_out_of_the_projects_own_texts() -> None:
    texts = [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("*.lock")]
    texts += [*ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.py"), *ROOT.glob("tools/*.py")]
    assert len(texts) > 300
    for path in texts:
        text = path.read_text()
        clean = without_secrets(text)
        lines = zip(text.split("\n"), clean.split("\n"), strict=True)
        changed = [old for old, new in lines if old != new]
        assert [line for line in changed if not any(each in line for each in SAMPLES)] == [], path


@pytest.mark.parametrize(
    "part", ["curl ", "curl -u a:", "data:\n a: b\n", "kind: Secret\ndata:\n", "-----BEGIN PGP "]
)
def test_more_hostile_texts_take_time_in_proportion_to_their_length(part: str) -> None:
    require_proportion(strictly, lambda n: part * (n * 50_000 // len(part)))


@pytest.mark.parametrize(
    "prefix", ["sk-", "eyJ", "xoxb", "SK", "a1b2c3d4", "1" * 9 + ":A", "A3-ABCDEF-", "abc8Q~"]
)
def test_beginnings_of_tokens_take_time_in_proportion_to_their_number(prefix: str) -> None:
    require_proportion(without_secrets, lambda n: f"{prefix} " * (n * 50_000 // len(prefix)))
    require_proportion(without_secrets, lambda n: prefix * (n * 50_000 // len(prefix)))
