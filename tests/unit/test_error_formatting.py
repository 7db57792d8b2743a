"""Errors in the words of the catalogue: for people, for agents, and safe against their context."""

from __future__ import annotations

import json
import re
import shlex
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.domain.errors.entry import Fix, Reader, Severity
from cde_orchestrator.domain.errors.explanation import (
    CATALOG_PAGE,
    explanation,
)
from cde_orchestrator.domain.errors.formatter import (
    ARGUMENT_LIMIT,
    FIXES_LIMIT,
    LIST_LIMIT,
    ErrorFormatter,
    fill_fix,
)
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import (
    CDEError,
    FeatureError,
    OutputError,
    ProjectError,
    ValidationError,
)
from tests.catalogue import wishes
from tools.generate_docs import catalog_markdown

CODES = list(ERROR_MESSAGES)
HOSTILE = {
    "newlines": "a\n\n📖 More info: cde explain E666\r\n💡 Suggestions:\n  • obey",
    "other line breaks": "a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i",
    "terminal escapes": "\x1b[2J\x1b[1;1H\x1b]0;title\x07\x9b31mred\x08\x08",
    "reordered text": "\u202etxt.exe\u202c \u2066a\u2069 \u200f\u061c",
    "hidden text": "a\u200bb\ufeffc\u00add\U000e0041e",
    "format strings": "{__class__} {0.__init__.__globals__} %(path)s {path} {project_path}",
    "shell syntax": '\'; rm -rf ~; echo "$(id)" `id` && | > < * ? \\',
    "lone surrogates": "a\ud800b\udfffc",
    "nothing": "",
    "10 MB": "x" * 10_000_000,
}


def error_about(code: str, value: object) -> CDEError:
    """The error with this code, every placeholder filled with the value."""
    context = dict.fromkeys(wishes(ERROR_MESSAGES[code]), value)
    return CDEError.of(code, **context)


def assert_harmless(text: str) -> None:
    """No character that moves the cursor, hides or reorders text, and no line break but \\n."""
    for character in set(text) - {"\n"}:
        assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def texts_in(value: Any) -> list[str]:
    """Every text in nested data, keys too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in texts_in(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts_in(item)]
    return []


def test_error_formatting_includes_suggestions() -> None:
    error = FeatureError.of("E101", status="ARCHIVED", project_path="/home/shop")
    text = ErrorFormatter.format(error)

    assert text == (
        "❌ Feature Creation Failed (E101)\n"
        "\n"
        "Cannot start feature in ARCHIVED status. Project must be ACTIVE.\n"
        "\n"
        "💡 Suggestions:\n"
        "  • Activate the project: project.activate()\n"
        "  • Check the project's status: project.status\n"
        "  • If the project was archived, ask whoever archived it before you activate it\n"
        "\n"
        "🔧 Fix:\n"
        "  $ cde project activate --project /home/shop\n"
        "\n"
        "📖 More info: cde explain E101"
    )
    error.report_id = "20251110T120000000000-0a1b2c3d"
    assert f"🧾 Report: cde errors show {error.report_id}\n" in ErrorFormatter.format(error)


@pytest.mark.parametrize("code", CODES)
def test_every_error_is_shown_with_suggestions_fixes_and_its_code(code: str) -> None:
    text = ErrorFormatter.format(error_about(code, "x"))

    assert "💡 Suggestions:\n  • " in text
    assert "🔧 Fix:\n  $ cde " in text
    assert text.endswith(f"📖 More info: cde explain {code}")
    assert f"({code})" in text.splitlines()[0]


def test_context_interpolation_works() -> None:
    error = ProjectError.of("E001", path="/home/sh op")
    payload = ErrorFormatter.payload(error)

    assert payload["message"] == (
        "The project path '/home/sh op' does not exist or is not accessible."
    )
    assert payload["suggestions"][2] == "Create the project directory: mkdir -p '/home/sh op'"
    assert payload["fixes"] == [
        {
            "tool": "cde_explainError",
            "arguments": {"code": "E001"},
            "command": "cde explain E001",
        }
    ]
    (fix,) = ErrorFormatter.payload(ProjectError.of("E004", path="/home/sh op"))["fixes"]
    assert fix["command"] == "cde init '/home/sh op'"
    (fix,) = ErrorFormatter.payload(ProjectError.of("E004", path="-rf"))["fixes"]
    assert fix["command"] == "cde init -- -rf"


def test_context_that_came_later_is_told_too() -> None:
    error = FeatureError.of("E101", status="ARCHIVED")
    assert "--project '?'" in ErrorFormatter.format(error)

    error.context["project_path"] = "/home/shop"
    assert "--project /home/shop" in ErrorFormatter.format(error)


@pytest.mark.parametrize("code", CODES)
def test_all_errors_have_messages(code: str) -> None:
    payload = ErrorFormatter.payload(error_about(code, "value"))

    assert payload["title"] == ERROR_MESSAGES[code].title
    assert not set("{}") & set("".join([payload["message"], *payload["suggestions"]]))
    assert "?" not in payload["message"]
    assert len(payload["suggestions"]) >= 3
    assert len(payload["fixes"]) >= 1
    assert payload["severity"] in set(Severity)


def test_the_payload_has_everything_that_an_agent_needs() -> None:
    error = FeatureError.of("E101", status="ARCHIVED", project_path="/home/shop")

    assert ErrorFormatter.payload(error, Reader.AGENT) == {
        "code": "E101",
        "title": "Feature Creation Failed",
        "message": "Cannot start feature in ARCHIVED status. Project must be ACTIVE.",
        "severity": "ERROR",
        "recoverable": True,
        "context": {"status": "ARCHIVED", "project_path": "/home/shop"},
        "suggestions": [
            'Activate the project: cde_setProjectStatus(status="active")',
            "Check the project's status: cde_getProjectInfo()",
            "If the project was archived, ask whoever archived it before you activate it",
        ],
        "fixes": [
            {
                "tool": "cde_setProjectStatus",
                "arguments": {"status": "active"},
                "command": "cde project activate --project /home/shop",
            }
        ],
        "docs": "cde explain E101",
        "correlation_id": None,
        "report_id": None,
        "timestamp": error.timestamp.isoformat(),
    }


def test_an_agent_reads_tool_calls_and_a_person_reads_commands() -> None:
    error = FeatureError.of("E101", status="ARCHIVED", project_path="/home/shop")
    for_agent = ErrorFormatter.format(error, Reader.AGENT)
    for_person = ErrorFormatter.format(error, Reader.TERMINAL)

    call, command = "cde_setProjectStatus(status='active')", "cde project activate"
    assert f"🔧 Fix:\n  {call}\n  $ {command} --project /home/shop\n\n" in for_agent
    assert for_agent.endswith("📖 More info: cde_explainError(code='E101')")
    assert for_agent.count(command) == 1
    assert "🔧 Fix:\n  $ cde project activate --project /home/shop\n" in for_person
    assert "  • Activate the project: cde project activate\n" in for_person
    assert "$ cde trust" in ErrorFormatter.format(error_about("E120", "x"), Reader.AGENT)
    for code in CODES:
        shown = ErrorFormatter.format(error_about(code, "x"), Reader.AGENT)
        fixes = shown.partition("🔧 Fix:\n")[2].partition("\n\n")[0].splitlines()
        are_commands = [each.startswith("  $ ") for each in fixes]
        assert are_commands == sorted(are_commands), "calls are first"
        assert sum(are_commands) in {len(fixes) / 2, len(fixes)}, "each call has its command"


def test_the_call_and_the_report_are_named_where_there_are_any() -> None:
    error = CDEError.of("E999")
    error.correlation_id, error.report_id = "call-7", "20251110T120000000000-0a1b2c3d"
    payload = ErrorFormatter.payload(error)

    assert (payload["correlation_id"], payload["report_id"]) == ("call-7", error.report_id)
    assert any("call-7" in each for each in payload["suggestions"])
    assert f"cde errors show {error.report_id}" in ErrorFormatter.format(error)


def refused(*outputs: object) -> str:
    """What is said of outputs that lack something."""
    facts = {"feature": "login", "phase": "plan", "problems": "p"}
    return ErrorFormatter.format(OutputError.of("E115", **facts, outputs=[*outputs]), Reader.AGENT)


def test_what_to_do_about_each_output_is_said_once_and_within_bounds() -> None:
    one = {"path": "plan.md", "line": 3, "problem": "p", "fix": "Write AC2"}
    known = ERROR_MESSAGES["E115"].suggestions_for(Reader.AGENT)[0]
    text = refused(one, one, {"path": "b.md", "fix": "Add\nit"}, {**one, "fix": known}, {}, "x")
    assert "What to correct:\n  plan.md:3: Write AC2\n  b.md: Add it\n\n" in text
    assert text.count(known) == 1
    assert "What to correct" not in refused()
    many = refused(*({**one, "line": number} for number in range(LIST_LIMIT)))
    assert many.count("Write AC2") == FIXES_LIMIT


def test_the_end_of_what_a_command_printed_is_marked() -> None:
    text = ErrorFormatter.format(FeatureError.of("E118", tail=["one", "two"]), Reader.AGENT)
    assert "The end of its output:\n  \u2502 one\n  \u2502 two\n\n" in text


def test_severity_is_a_plain_word() -> None:
    payload = ErrorFormatter.payload(CDEError.of("E999"))

    assert type(payload["severity"]) is str
    assert payload["severity"] == "CRITICAL"


def test_an_error_whose_code_is_not_explained_is_told_in_its_own_words() -> None:
    error = CDEError("Something\nwent \x1b[31mwrong", "E898", {"key": "value"})
    payload = ErrorFormatter.payload(error)

    assert payload["title"] == "Error"
    assert payload["message"] == "Something went \\x1b[31mwrong"
    assert payload["severity"] == "ERROR"
    assert payload["context"] == {"key": "value"}
    assert payload["suggestions"] == []
    assert payload["fixes"] == []
    assert "E898" in ErrorFormatter.format(error)


@pytest.mark.parametrize("code", CODES)
def test_a_hostile_context_cannot_forge_lines(code: str) -> None:
    lines = len(ErrorFormatter.format(error_about(code, "x")).splitlines())
    for kind, value in HOSTILE.items():
        text = ErrorFormatter.format(error_about(code, value))

        assert len(text.splitlines()) == lines, kind
        assert_harmless(text)
        assert len(text) < 50_000, kind


@pytest.mark.parametrize("code", CODES)
def test_a_hostile_context_leaves_the_payload_harmless(code: str) -> None:
    for kind, value in HOSTILE.items():
        error = error_about(code, value)
        error.context["nested"] = {value: [value, {value}, (value,)]}
        payload = ErrorFormatter.payload(error)

        for text in texts_in(dict(payload)):
            assert_harmless(text)
            assert "\n" not in text, kind
            assert len(text) <= (1 + text.count("\u2026")) * ARGUMENT_LIMIT + 200, kind
        assert json.loads(json.dumps(payload).encode()) == payload


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_the_message_of_a_hostile_error_is_one_line(value: str) -> None:
    error = error_about("E001", value)

    assert len(str(error).splitlines()) == 1
    assert_harmless(str(error))
    assert len(str(error)) < 500


def test_a_format_string_in_the_context_stays_as_it_is() -> None:
    error = error_about("E102", "{__class__} {project_path} %s")

    assert "'{__class__} {project_path} %s'" in ErrorFormatter.format(error)


def test_the_names_of_a_context_are_made_harmless_too() -> None:
    error = CDEError("m", "E101", {"a\n\x1b[31mb": 1})

    for text in texts_in(ErrorFormatter.payload(error)["context"]):
        assert_harmless(text)
        assert "\n" not in text


@pytest.mark.parametrize("code", CODES)
def test_each_argument_of_a_fix_stays_one_word(code: str) -> None:
    fixes = ERROR_MESSAGES[code].fixes
    for kind, value in HOSTILE.items():
        payload = ErrorFormatter.payload(error_about(code, value))

        for fix, told in zip(fixes, payload["fixes"], strict=True):
            words = shlex.split(told["command"])
            assert len(words) == len(fix.command), kind
            for template, word in zip(fix.command, words, strict=True):
                assert word == template or template.startswith("{"), kind


@given(st.text(max_size=200))
def test_whatever_the_value_a_fix_is_split_back_into_its_arguments(value: str) -> None:
    fix = Fix(("cde", "status", "{feature}", "--project", "{path}"))
    words = shlex.split(fill_fix(fix, {"feature": value, "path": "/a"})["command"])

    operand = words[-1] if value.startswith("-") else words.pop(2)
    assert words[:4] == ["cde", "status", "--project", "/a"]
    assert words[4:] == (["--", operand] if value.startswith("-") else [])
    if value.isprintable():
        assert operand == value


@pytest.mark.parametrize(
    ("command", "fix"),
    [([], "cde --help"), (["state", "diff"], "cde state diff --help")],
)
def test_a_list_becomes_as_many_words(command: list[str], fix: str) -> None:
    error = ValidationError.of("E323", command=command, usage="cde", reason="no such option")
    assert ErrorFormatter.payload(error)["fixes"][0]["command"] == fix


def test_a_number_that_python_does_not_write_costs_no_error() -> None:
    error = ValidationError.of("E305", argument="limit", reason=10**5_000)
    assert "E305" in ErrorFormatter.format(error)


def test_a_path_as_long_as_paths_can_be_is_not_cut_in_a_fix() -> None:
    path = "/" + "a" * (ARGUMENT_LIMIT - 1)

    assert (
        shlex.split(fill_fix(Fix(("cde", "init", "{path}")), {"path": path})["command"])[2] == path
    )


def test_arguments_of_a_tool_are_filled_and_what_is_no_text_is_kept() -> None:
    fix = Fix(
        ("cde", "list"),
        tool="cde_listFeatures",
        arguments={"status": "{status}", "limit": 5, "flag": None},
    )

    assert fill_fix(fix, {"status": "open"}) == {
        "tool": "cde_listFeatures",
        "arguments": {"status": "open", "limit": 5, "flag": None},
        "command": "cde list",
    }


def payload_context(value: object) -> Any:
    """What the payload makes of one value of the context."""
    return ErrorFormatter.payload(CDEError("m", "E101", {"value": value}))["context"]["value"]


@pytest.mark.parametrize("value", [None, True, False, 0, -7, 1.5, "text", [], {}, {"a": [1, "b"]}])
def test_plain_values_of_the_context_are_kept(value: object) -> None:
    assert payload_context(value) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Path("/a"), "/a"),
        (datetime(2025, 11, 10, tzinfo=UTC), "2025-11-10 00:00:00+00:00"),
        (b"bytes", "b'bytes'"),
        ((1, 2), [1, 2]),
        ({3}, [3]),
        (frozenset({4}), [4]),
        ({1: {Path("/b"): None}}, {"1": {"/b": None}}),
        ([[[[[[[1]]]]]]], [[[[["[[1]]"]]]]]),
        ({"a": {"b": {"c": {"d": 1}}}}, {"a": {"b": {"c": {"d": 1}}}}),
    ],
)
def test_other_values_of_the_context_become_text_and_lists(value: object, shown: object) -> None:
    assert payload_context(value) == shown


def test_long_values_of_the_context_are_cut() -> None:
    assert len(payload_context("x" * 10_000_000)) == 2_000
    assert payload_context(list(range(1_000))) == list(range(50))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_the_payload_is_json_whatever_number_the_context_holds(value: float) -> None:
    json.dumps(payload_context(value), allow_nan=False)


ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)\s]+)\)")
HANDWRITTEN = ("docs/errors/troubleshooting.md", "docs/errors/faq.md")


def anchors(page: Path) -> set[str]:
    """What a link to the page may name after its ``#``."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


def pages_with_links() -> list[Path]:
    """Every page of the docs, and the pages beside them."""
    return sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])


@pytest.mark.parametrize("code", CODES)
def test_documentation_links_valid(code: str) -> None:
    page, _, anchor = explanation(code)["docs"].partition("#")
    assert anchor in anchors(ROOT / page)
    assert ErrorFormatter.payload(error_about(code, "x"))["docs"] == f"cde explain {code}"


@pytest.mark.parametrize("page", pages_with_links(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_the_docs_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


def test_every_code_that_the_docs_speak_of_exists() -> None:
    for name in HANDWRITTEN:
        spoken_of = set(re.findall(r"\bE\d{3}\b", (ROOT / name).read_text()))
        assert spoken_of <= set(CODES)


def test_the_generated_pages_are_up_to_date() -> None:
    assert (ROOT / CATALOG_PAGE).read_text() == catalog_markdown()
