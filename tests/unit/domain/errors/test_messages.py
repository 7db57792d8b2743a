"""The catalogue is whole, and fits the code that raises from it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import cde_orchestrator
from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Reader, Severity
from cde_orchestrator.domain.errors.explanation import ADDED
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.errors.template import PLACEHOLDER, placeholders
from tests.catalogue import wishes
from tests.whole_command import whole_command

REPOSITORY = Path(__file__).parents[4]
PACKAGE = Path(cde_orchestrator.__file__).parent
COMPLETED_BY_THE_OPERATION = {"project_path", "correlation_id", "report_id", "subcommand"}


@dataclass(frozen=True)
class Raise:
    """A place where an error is made with ``of``.

    Attributes:
        keywords: names of the context that is given; None when that cannot be told.
    """

    place: str
    code: str
    keywords: frozenset[str] | None


@dataclass(frozen=True)
class Tool:
    """The parameters of an MCP tool."""

    required: frozenset[str]
    all: frozenset[str]


def trees() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def codes_in(node: ast.expr) -> list[str]:
    """The codes that an argument may stand for."""
    constants = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
    return [text for text in constants if isinstance(text, str) and re.fullmatch(r"E\d{3}", text)]


@cache
def raises() -> list[Raise]:
    """Every call of ``SomeError.of`` that names its code."""
    return [
        Raise(
            f"{path.relative_to(PACKAGE)}:{node.lineno}",
            code,
            None
            if any(keyword.arg is None for keyword in node.keywords)
            else frozenset(keyword.arg or "" for keyword in node.keywords),
        )
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "of"
        and node.args
        for code in codes_in(node.args[0])
    ]


@cache
def tools() -> dict[str, Tool]:
    """The MCP tools by name, read from their source."""
    found = {}
    for path, tree in trees():
        if path.parent.name != "mcp_tools":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("cde_"):
                given = {"service", "context"}
                names = [each.arg for each in node.args.args if each.arg not in given]
                optional = len(node.args.defaults)
                required = names[: len(names) - optional]
                found[node.name] = Tool(frozenset(required), frozenset(names))
    return found


def texts(entry: ErrorMessage) -> tuple[str, ...]:
    """Everything that an entry says, to whichever reader."""
    advice = {text: None for reader in Reader for text in entry.suggestions_for(reader)}
    return entry.title, entry.description, *advice


COMMAND_WITH_A_TOOL = re.compile(
    r"\bcde (?:list|status|start|submit|save|resume|rollback|close|explain|init(?! --new)"
    r"|project (?:info|activate|archive)|state (?:verify|history|backups|restore(?! --file)))\b"
)
FIXES = [(code, fix) for code, entry in ERROR_MESSAGES.items() for fix in entry.fixes]


def test_the_codes_stand_in_order() -> None:
    assert list(ERROR_MESSAGES) == sorted(ERROR_MESSAGES)


@pytest.mark.parametrize("code", ERROR_MESSAGES)
def test_an_entry_is_fully_explained(code: str) -> None:
    entry = ERROR_MESSAGES[code]

    assert all(text.strip() and text == " ".join(text.split()) for text in texts(entry))
    assert not placeholders(entry.title)
    assert entry.description.endswith(".")
    assert all(len(set(entry.suggestions_for(reader))) >= 3 for reader in Reader)
    assert entry.fixes
    assert isinstance(entry.severity, Severity)
    assert re.fullmatch(r"\d+\.\d+\.\d+", entry.since)


@pytest.mark.parametrize("code", ERROR_MESSAGES)
def test_an_entry_has_no_braces_but_those_of_placeholders(code: str) -> None:
    for text in texts(ERROR_MESSAGES[code]):
        assert not set("{}") & set(PLACEHOLDER.sub("", text))


@pytest.mark.parametrize(("code", "fix"), FIXES)
def test_a_fix_is_a_command_of_the_product(code: str, fix: Fix) -> None:
    assert fix.command[0] == "cde"
    assert len(fix.command) > 1
    assert all(fix.command)


def test_a_fix_that_helps_against_several_failures_is_written_once() -> None:
    fixes = [fix for entry in ERROR_MESSAGES.values() for fix in entry.fixes]

    assert [one for one, other in combinations(fixes, 2) if one == other and one is not other] == []


@pytest.mark.parametrize(("code", "fix"), FIXES)
def test_a_placeholder_of_a_fix_stands_alone_in_its_word(code: str, fix: Fix) -> None:
    for word in fix.command:
        assert not placeholders(word) or re.fullmatch(r"\{[a-z0-9_]+\}", word)


@pytest.mark.parametrize(("code", "fix"), FIXES)
def test_a_fix_names_a_tool_that_exists_with_arguments_that_it_takes(code: str, fix: Fix) -> None:
    if fix.tool is None:
        assert not fix.arguments
        return
    tool = tools()[fix.tool]

    assert set(fix.arguments) <= tool.all
    assert tool.required <= set(fix.arguments)


@pytest.mark.parametrize("code", ERROR_MESSAGES)
def test_a_terminal_shows_neither_a_tool_nor_a_call_in_python(code: str) -> None:
    entry = ERROR_MESSAGES[code]
    for text in (entry.description, *entry.suggestions_for(Reader.TERMINAL)):
        assert not re.search(r"\bcde_|\w\(|\btools?/", text)


NO_COMMAND_HELPS = {"E001", "E008", "E324", "E902", "E937", "E938"}
"""What no command of the product puts right, as a folder or a page that does not exist.

A terminal shows their suggestions, and no fix.
"""


@pytest.mark.parametrize("code", sorted(set(ERROR_MESSAGES) - NO_COMMAND_HELPS))
def test_no_fix_leads_back_to_what_was_read_already(code: str) -> None:
    for fix in ERROR_MESSAGES[code].fixes:
        assert fix.command != ("cde", "explain", code)


@pytest.mark.parametrize("code", ERROR_MESSAGES)
def test_an_agent_is_shown_no_command_where_it_has_a_tool(code: str) -> None:
    for text in ERROR_MESSAGES[code].suggestions_for(Reader.AGENT):
        assert not COMMAND_WITH_A_TOOL.search(text)
        assert not re.search(r"\bproject\.|\brepository\.", text)


@pytest.mark.parametrize("code", ERROR_MESSAGES)
def test_the_tools_that_suggestions_speak_of_exist(code: str) -> None:
    spoken_of = re.findall(r"\bcde_\w+", " ".join(texts(ERROR_MESSAGES[code])))

    assert set(spoken_of) <= set(tools())


cde = cache(whole_command)


def resolved(words: list[str]) -> Any:
    """The command that a suggestion speaks of; LookupError where there is none."""
    root = cde()
    name, *rest = words
    if name.startswith("--"):
        return root
    command = root.commands[name]
    below: dict[str, Any] = getattr(command, "commands", {})
    if rest and rest[0] in below:
        return below[rest[0]]
    if below and not command.invoke_without_command:
        raise LookupError(words)
    return command


@pytest.mark.parametrize("code", ERROR_MESSAGES)
def test_the_commands_that_suggestions_speak_of_exist_with_their_options(code: str) -> None:
    spoken_of = re.compile(r"(?<!\.)\bcde((?: --[a-z-]+| [{]?\w[\w-]*[}]?)+)")
    for said in spoken_of.findall("; ".join(texts(ERROR_MESSAGES[code]))):
        command = resolved(said.split())
        known = {option for each in command.params for option in each.opts} | {"--help"}
        assert {each for each in said.split() if each.startswith("--")} <= known, said


@pytest.mark.parametrize("code", ERROR_MESSAGES)
def test_the_pages_that_suggestions_speak_of_exist(code: str) -> None:
    for page in re.findall(r"\bdocs/\S+\.md", " ".join(texts(ERROR_MESSAGES[code]))):
        assert (REPOSITORY / page).is_file()


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    for words in (["stat"], ["state", "compress"], ["errors"]):
        with pytest.raises(LookupError):
            resolved(words)


def words_of_their_own(text: str) -> list[str]:
    """Values of a text that may be empty, without which its sentence would have a hole."""
    found = re.finditer(r"(^|.)\{(" + "|".join(sorted(ADDED)) + r")\}(.|$)", text)
    return [each[2] for each in found if each[1] in {"", " ", "("} or each[3] not in {*".,;", ""}]


@pytest.mark.parametrize("code", ERROR_MESSAGES)
def test_what_an_explanation_omits_is_no_word_of_its_own(code: str) -> None:
    assert [each for text in texts(ERROR_MESSAGES[code]) for each in words_of_their_own(text)] == []


def test_a_value_that_is_a_word_of_its_own_would_be_noticed() -> None:
    assert words_of_their_own("Known{known}; all of {near}.") == ["near"]
    assert words_of_their_own("{origin} is ({elsewhere})") == ["origin", "elsewhere"]


def test_the_codes_that_are_raised_are_in_the_catalogue() -> None:
    unexplained = [each for each in raises() if each.code not in ERROR_MESSAGES]

    assert raises()
    assert unexplained == []


def test_every_code_is_raised_somewhere() -> None:
    assert set(ERROR_MESSAGES) - {each.code for each in raises()} == set()


def test_there_are_codes_of_all_five_ranges_and_enough_of_them() -> None:
    assert len(ERROR_MESSAGES) >= 45
    assert {code[1] for code in ERROR_MESSAGES} == {"0", "1", "2", "3", "9"}


def test_whoever_raises_an_error_gives_what_its_words_and_fixes_want() -> None:
    lacking = {
        f"{each.place} {each.code}": sorted(lack)
        for each in raises()
        if each.keywords is not None
        and (lack := wishes(ERROR_MESSAGES[each.code]) - each.keywords - COMPLETED_BY_THE_OPERATION)
    }

    assert lacking == {}


def test_the_catalogue_does_not_change_while_the_product_runs() -> None:
    with pytest.raises(TypeError):
        ERROR_MESSAGES["E000"] = ERROR_MESSAGES["E001"]  # type: ignore[index]  # the point of it
