"""An entry knows everything that its words want from the context."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Reader, Severity, Suggestion
from tests.catalogue import wishes


def test_the_wishes_of_words_commands_and_arguments_are_told_together() -> None:
    entry = ErrorMessage(
        title="{never} filled in",
        description="'{path}' is missing",
        suggestions=("Make {parent}", "Look at {path}"),
        fixes=(
            Fix(("cde", "init", "{folder}"), tool="a_tool", arguments={"at": "{place}", "n": 1}),
            Fix(("cde", "--help")),
        ),
    )

    assert wishes(entry) == {"path", "parent", "folder", "place"}


def test_each_reader_is_shown_the_call_that_it_can_make() -> None:
    entry = ErrorMessage(
        title="T",
        description="D",
        suggestions=(
            "For everybody",
            Suggestion("Read it", "cde status {feature}", "cde_getFeatureStatus()", "status"),
            Suggestion("See the log", "cde logs"),
            Suggestion("Use a transaction", python="transaction({path})"),
        ),
        fixes=(),
    )

    assert {reader: entry.suggestions_for(reader) for reader in Reader} == {
        Reader.TERMINAL: [
            "For everybody",
            "Read it: cde status {feature}",
            "See the log: cde logs",
        ],
        Reader.AGENT: ["For everybody", "Read it: cde_getFeatureStatus()", "See the log: cde logs"],
        Reader.PYTHON: [
            "For everybody",
            "Read it: status",
            "See the log: cde logs",
            "Use a transaction: transaction({path})",
        ],
    }
    assert wishes(entry) == {"feature", "path"}


def test_an_entry_is_an_error_that_can_be_mended_unless_it_says_otherwise() -> None:
    entry = ErrorMessage(title="T", description="D", suggestions=(), fixes=())

    assert entry.severity is Severity.ERROR
    assert entry.recoverable is True
    assert wishes(entry) == frozenset()


def test_severities_are_the_four_of_the_plan() -> None:
    assert [str(severity) for severity in Severity] == ["INFO", "WARNING", "ERROR", "CRITICAL"]


def test_an_entry_can_be_read_by_name_as_the_catalogue_of_old() -> None:
    entry = ErrorMessage(
        title="T",
        description="D of {path}",
        suggestions=("Enter it: cd {path|shell}", Suggestion("Use it", "cde", python="use()")),
        fixes=(),
        code="E999",
    )

    assert entry["title"] == entry.title == entry.get("title")
    assert entry["suggestions"] == ["Enter it: cd {path}", "Use it: use()"]
    assert entry["docs"] == "cde explain E999"
    assert entry.get("colour", "none") == "none"
    assert "docs" in entry
    assert "docs" in list(entry)
    assert len(entry) == len(list(entry)) == len(dict(entry))
    with pytest.raises(KeyError):
        entry["suggestions_for"]
