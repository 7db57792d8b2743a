"""An entry knows everything that its words want from the context."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Severity


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

    assert entry.placeholders == {"path", "parent", "folder", "place"}


def test_an_entry_is_an_error_that_can_be_mended_unless_it_says_otherwise() -> None:
    entry = ErrorMessage(title="T", description="D", suggestions=(), fixes=())

    assert entry.severity is Severity.ERROR
    assert entry.recoverable is True
    assert entry.placeholders == frozenset()


def test_severities_are_the_four_of_the_plan() -> None:
    assert [str(severity) for severity in Severity] == ["INFO", "WARNING", "ERROR", "CRITICAL"]
