"""What a folder's standing says, and what it refuses."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain.standing import Kind, Standing


@pytest.mark.parametrize("kind", ["trusted", "unset"])
def test_a_folder_that_acts_has_nothing_to_say(kind: Kind) -> None:
    standing = Standing(kind=kind)
    assert standing.acts
    assert standing.line is None


@pytest.mark.parametrize(
    ("standing", "code", "words"),
    [
        (Standing(kind="not_yet", path="/x"), "E325", "not trusted yet"),
        (Standing(kind="changed", path="/x", changed=("a", "b")), "E326", "a, b"),
        (Standing(kind="changed", path="/x", changed=(*"abcdefg",)), "E326", "e and 2 more"),
        (Standing(kind="foreign_owner", path="/x", owner="eve"), "E327", "belongs to eve"),
    ],
)
def test_one_that_does_not_says_why(standing: Standing, code: str, words: str) -> None:
    assert not standing.acts
    assert words in (standing.line or "")
    assert "cde trust" in (standing.line or "")
    refusal = standing.refusal()
    assert refusal.code == code
    assert "/x" in refusal.message


def test_a_variable_that_does_not_count_is_named() -> None:
    standing = Standing(kind="changed", changed=("workflow.yml",), is_listed=True)

    assert standing.line is not None
    assert "workflow.yml, which CDE_TRUSTED_FOLDERS does not allow." in standing.line
