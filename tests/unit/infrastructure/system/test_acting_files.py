"""Which files of a project act, and what stands for them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.infrastructure.system import acting_files as acting


@pytest.mark.parametrize(
    ("words", "watched"),
    [
        (["./check.sh", "tests/a.py"], "check.sh"),
        (["sh", "check.sh", "tests/a.py"], "check.sh"),
        (["sh", "-eu", "check.sh"], "check.sh"),
        (["/usr/bin/bash", "check.sh"], "check.sh"),
        (["python3.12", "-X", "dev", "tools/run.py"], "tools/run.py"),
        (["python3", "-u", "tools/run.py"], "tools/run.py"),
        (["env", "A=1", "python", "tools/run.py"], "tools/run.py"),
        (["timeout", "60", "uv", "run", "tools/run.py"], "tools/run.py"),
        (["python3", "-W", "error", "tools/run.py", "tests/a.py"], "tools/run.py"),
        (["bash", "-euo", "pipefail", "check.sh", "tests/a.py"], "check.sh"),
        (["timeout", "60s", "sh", "check.sh"], "check.sh"),
        (["timeout", "-s", "KILL", "1.5m", "./check.sh", "tests/a.py"], "check.sh"),
        (["time", "-p", "sh", "check.sh"], "check.sh"),
        (["nohup", "sh", "check.sh"], "check.sh"),
        (["stdbuf", "-o", "L", "setsid", "-w", "sh", "check.sh"], "check.sh"),
        (
            ["xargs", "-n", "1", "ionice", "-c", "3", "nice", "-n", "5", "sh", "check.sh"],
            "check.sh",
        ),
        (["sudo", "-u", "me", "doas", "env", "-u", "A", "sh", "check.sh"], "check.sh"),
        (["poetry", "run", "python", "tools/run.py"], "tools/run.py"),
        (["uv", "run", "--with", "rich", "tools/run.py"], "tools/run.py"),
        (["npx", "-y", "tsx", "tools/run.py"], "tools/run.py"),
        (["bun", "run", "tools/run.py"], "tools/run.py"),
        (["pytest", "tests/a.py"], None),
        (["timeout", "60", "pytest", "tests/a.py"], None),
        (["time", "-p", "pytest", "tests/a.py"], None),
        (["uv", "run", "pytest", "tests/a.py"], None),
        (["uv", "run", "python", "-Im", "pytest", "tests/a.py"], None),
        (["npx", "jest", "tests/a.py"], None),
        (["bun", "test", "tests/a.py"], None),
        (["node", "--test", "tests/a.py"], None),
        (["perl", "-ne", "print", "tests/a.py"], None),
        (["sh", "-ec", "sh check.sh", "tests/a.py"], None),
        (["python", "/none/tool.py", "tests/a.py"], None),
        (["python", "-m", "pytest", "tests/a.py"], None),
        (["make", "test"], None),
        (["check.sh"], None),  # is searched on PATH
        (["../outside.sh"], None),
        (["sh", "tests"], None),
        (["/bin/true"], None),
    ],
)
def test_the_program_of_a_command_is_watched_and_nothing_else(
    tmp_path: Path, words: list[str], watched: str | None
) -> None:
    root = tmp_path / "root"
    for name in ("check.sh", "tests/a.py", "tools/run.py", "../outside.sh", "dev.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    found = acting.program_of(root, CommandLine(kind="check", words=tuple(words)))
    assert [*found] == ([watched] if watched else [])


@pytest.mark.parametrize(
    ("words", "watched"),
    [
        ([".venv/bin/python", "check.py"], [".venv/bin/python", "check.py"]),
        (["timeout", "9", ".venv/bin/python", "check.py"], [".venv/bin/python", "check.py"]),
        ([".venv/bin/python", "-m", "pytest", "check.py"], [".venv/bin/python"]),
        (["node", "-r", "./set_up.js", "check.py"], ["check.py", "set_up.js"]),
    ],
)
def test_a_program_and_what_it_interprets_are_both_watched(
    tmp_path: Path, words: list[str], watched: list[str]
) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/usr/bin/python3")
    for name in ("check.py", "set_up.js"):
        (tmp_path / name).write_text("x")
    found = acting.program_of(tmp_path, CommandLine(kind="check", words=tuple(words)))
    assert sorted(found) == watched


def test_a_program_is_found_from_the_folder_of_its_command(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "check.sh").write_text("x")
    command = CommandLine(kind="check", words=("sh", "check.sh"), directory="web")
    assert acting.program_of(tmp_path, command) == {"web/check.sh": tmp_path / "web" / "check.sh"}


def test_too_many_prompts_are_never_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "MOST_FILES", 3)
    prompts = tmp_path / ".cde" / "prompts"
    prompts.mkdir(parents=True)
    for number in range(5):
        (prompts / f"{number}.md").touch()
    (found,) = acting.acting_files(tmp_path, tmp_path, []).items()
    assert "more than 3 files" in found[0]
    assert acting.digest_of(found[1]) == acting.UNKNOWN


def test_what_is_remembered_of_files_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "MOST_FILES", 3)
    monkeypatch.setattr(acting, "_hashed", {})
    monkeypatch.setattr(time, "time_ns", lambda: 2**62)
    for number in range(5):
        (tmp_path / str(number)).write_text(str(number))
        digest = acting.digest_of(tmp_path / str(number))
        assert acting.known_digest(tmp_path / str(number)) == digest
        assert len(acting._hashed) <= 3


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(acting.PROGRAM_LIMIT + 1)
    assert acting.digest_of(tmp_path / "pipe") == acting.UNKNOWN
    assert acting.digest_of(tmp_path / "large") == acting.UNKNOWN
    assert acting.digest_of(tmp_path / "link").startswith("link ")
    assert acting.text_of(tmp_path / "pipe") is None


def test_a_link_is_another_one_when_it_leads_elsewhere_or_its_file_changes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("same")
    link = tmp_path / "link"
    digests = set()
    for target, content in (("a", "same"), ("b", "same"), ("b", "other"), ("none", "")):
        link.unlink(missing_ok=True)
        link.symlink_to(tmp_path / target)
        if content:
            (tmp_path / target).write_text(content)
        digests.add(acting.digest_of(link))
    assert len(digests) == 4


def test_an_owner_without_a_name_is_shown_by_number() -> None:
    assert acting.owner_name(0) == "root (uid 0)"
    assert acting.owner_name(3_999_999_999) == "the user with the uid 3999999999"


def test_a_large_program_has_a_digest_and_a_large_file_of_a_clone_has_none(tmp_path: Path) -> None:
    program, prompt = tmp_path / "bin" / "python", tmp_path / ".cde" / "prompts" / "a.md"
    for path in (program, prompt):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * (2 * 1024 * 1024))

    assert acting.digest_of(program) != acting.UNKNOWN
    assert acting.digest_of(prompt) == acting.UNKNOWN


def test_a_system_without_owners_has_no_foreign_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "geteuid")

    assert acting.foreign_owner(tmp_path) is None
