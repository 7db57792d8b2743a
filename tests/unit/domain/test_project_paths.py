"""Which paths a file of a project may have."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain.project_paths import attempt_path, is_copy, parts_problem, path_problem


@pytest.mark.parametrize("path", ["a.md", "docs/a.md", ".github/a.yml", "a..b/c"])
def test_a_path_within_the_project_is_taken(path: str) -> None:
    assert path_problem(path) is None


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "it names no file"),
        ("docs/", "it names no file"),
        ("a\x1b.md", "it has control characters"),
        ("a\\b.md", "it has a backslash; separate folders with /"),
        ("/etc/passwd", "it is absolute"),
        ("C:/a.md", "it is absolute"),
        ("docs/../a.md", "it has the part '..'"),
        ("./a.md", "it has an empty part or the part '.'"),
        ("docs//a.md", "it has an empty part or the part '.'"),
        (".cde/state.json", "it is in .cde"),
        ("docs/.GIT/config", "it is in .GIT"),
        (".git./config", "it is in .git."),
        (".g\u200cit/config", "it has control characters"),
        (".git::$INDEX_ALLOCATION/config", "it is in .git::$INDEX_ALLOCATION"),
        ("GIT~1/config", "it is in GIT~1"),
        ("cde~1/state.json", "it is in cde~1"),
        ("docs/.../a.md", "it has the part '...', which some systems take for none"),
    ],
)
def test_any_other_path_is_refused_with_a_reason(path: str, reason: str) -> None:
    assert path_problem(path) == reason


def test_the_parts_of_a_real_path_are_judged_alike() -> None:
    assert parts_problem(("docs", "a.md")) is None
    assert parts_problem((".git", "config")) == "it is in .git"


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("specs/login/design.md", "specs/login/design.attempt-2.md"),
        ("specs/login/data.tar.gz", "specs/login/data.tar.attempt-2.gz"),
        ("specs/login/notes", "specs/login/notes.attempt-2"),
        ("specs/.login", "specs/.login.attempt-2"),
        ("CHANGELOG.md", "CHANGELOG.md.attempt-2"),
        ("tests/test_pay.py", "tests/test_pay.py.attempt-2"),
        (f"specs/a/{'x' * 252}.md", f"specs/a/{'x' * 190}.attempt-2.md"),
        (f"specs/a/x{'é' * 125}.md", f"specs/a/x{'é' * 94}.attempt-2.md"),
        (f"specs/a/x.{'y' * 252}", f"specs/a/x.{'y' * 188}.attempt-2"),
        ("y" * 255, f"{'y' * 190}.attempt-2"),
    ],
)
def test_a_discarded_output_keeps_its_ending_only_among_records(path: str, kept: str) -> None:
    assert attempt_path(path, 2) == kept
    assert attempt_path(path, 2, 3) == kept.replace("attempt-2", "attempt-2-3")


OUTPUTS = {"specs/login/design.md", "notes/login.md", "src/out.py"}


@pytest.mark.parametrize("copy", [1, 3])
@pytest.mark.parametrize("path", sorted(OUTPUTS))
def test_a_copy_of_an_output_is_known_by_its_name(path: str, copy: int) -> None:
    assert is_copy(attempt_path(path, 12, copy), OUTPUTS)
    assert is_copy(f"{path}.before-submit", OUTPUTS)
    assert is_copy(f"{path}.before-rollback-2", OUTPUTS)
    assert not is_copy(path, OUTPUTS)


@pytest.mark.parametrize(
    "path",
    [
        "src/login.attempt-limit.py",
        "src/out.py.attempt-limit.py",
        "src/out.py.attempt-1.py",
        "src/out.py.attempt-1/evil.py",
        "src/out.py.before-long",
        "src/out.py.attempt-1\n",
        "src/other.py.attempt-1",
        "specs/login/other.attempt-1.md",
        "design.attempt-1.md",
    ],
)
def test_no_other_file_is_taken_for_a_copy(path: str) -> None:
    assert not is_copy(path, OUTPUTS)
