"""States are told in words: no text has a name of the product's own in a sentence."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import cde_orchestrator
from cde_orchestrator.domain.feature import KNOWN_STATUSES
from cde_orchestrator.domain.phase_record import PhaseStatus, state_predicate, state_words

SOURCE = Path(cde_orchestrator.__file__).parent
STATES = {"status", "state", "outcome"}
SHOWN_AS_IT_IS = {"clean", "plain", "quoted", "str"}
OTHERS = {
    "adapters/clients/server_trial.py": "a status of HTTP",
    "adapters/repositories/postgres/session.py": "a code of PostgreSQL",
    "adapters/runners/output/claude.py": "what a program said of itself",
    "adapters/runners/output/reader.py": "what a program said of itself",
    "adapters/workflows/schema.py": "as the workflow file has it",
    "application/checks/trial_views.py": "words already",
    "application/features/close_feature.py": "as it was asked for",
    "application/features/find_feature.py": "as it is listed by",
    "application/features/list_features.py": "as it was asked for",
    "application/monitoring/glance.py": "a part of a mark that nobody reads",
    "application/projects/onboard_project.py": "as it was asked for",
    "application/proofs/proving.py": "a place of git's refs",
    "cli/views/agent.py": "of a circuit breaker, one word each",
    "cli/views/approval.py": "of a criterion, one word each",
    "cli/views/connect.py": "of a file, one word each",
    "cli/views/log.py": "of an operation, one word each",
    "cli/views/project.py": "of a project, one word each",
    "cli/views/run.py": "that a run ended with the feature",
    "cli/views/state.py": "of a project, one word each",
    "domain/feature.py": "of a closed feature, one word each",
    "infrastructure/monitoring/alerts/dispatch.py": "of an alert, one word each",
    "infrastructure/monitoring/alerts/engine.py": "of an alert, one word each",
    "infrastructure/monitoring/alerts/notifiers.py": "a status of HTTP",
    "mcp_tools/_approving.py": "words already, and one word of a criterion",
    "mcp_tools/_texts.py": "of a project, one word each",
    "mcp_tools/features.py": "as it was asked for",
    "mcp_tools/health.py": "of health, one word each",
    "web/calls.py": "a status of HTTP",
}
"""Where a text has something else of such a name, and what that is."""
OF_FEATURES = ("feature", "phase", "record", "row", "known", "reply", "each.status")


@pytest.mark.parametrize("state", sorted({*KNOWN_STATUSES, *PhaseStatus, "in_review_by_legal"}))
def test_a_state_is_words_alone_and_in_a_sentence(state: str) -> None:
    words, predicate = state_words(state), state_predicate(state)
    assert "_" not in words + predicate
    waits = state == "waits_for_person"
    assert words == ("waits for a person" if waits else state.replace("_", " "))
    assert predicate == (words if waits else f"is {words}")


def test_a_state_of_a_workflow_forges_no_lines() -> None:
    assert "\n" not in state_words("a\nb\x1b[2J")


def test_no_text_has_a_state_as_it_is_stored() -> None:
    found = {
        f"{path.relative_to(SOURCE).as_posix()}:{line}: {shown}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line, shown in states_in_texts(ast.parse(path.read_text()))
        if path.relative_to(SOURCE).as_posix() not in OTHERS or is_of_feature(shown)
    }
    assert found == set()


def test_every_exception_is_needed() -> None:
    needed = {name for name in OTHERS if [*states_in_texts(ast.parse((SOURCE / name).read_text()))]}
    assert needed == {*OTHERS}


def is_of_feature(shown: str) -> bool:
    """Whether it is surely a feature's or a phase's, wherever it is shown."""
    return any(f"{of}['status']" in shown or f"{of}.status" in shown for of in OF_FEATURES)


def states_in_texts(module: ast.Module) -> Iterator[tuple[int, str]]:
    """What a text has of this name as it is, by the line that it is in."""
    for each in ast.walk(module):
        if isinstance(each, ast.FormattedValue) and name_of(each.value) in STATES:
            yield each.lineno, ast.unparse(each.value)


def name_of(value: ast.expr) -> str | None:
    """What is shown, by its last name, however it is cleaned."""
    match value:
        case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in SHOWN_AS_IT_IS:
            return name_of(first)
        case ast.Call(func=ast.Attribute(value=of)) | ast.Attribute(value=of, attr="value"):
            return name_of(of)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return None
