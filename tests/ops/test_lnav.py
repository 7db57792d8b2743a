"""The format for lnav reads a real log, and knows all that may be in one."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import cde
from tests.programs import program

ROOT = Path(__file__).parents[2]
FORMAT = ROOT / "ops" / "cde-lnav.json"
LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log", "bind"}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of a project in which things went well and did not."""
    root = tmp_path_factory.mktemp("shop")
    assert cde("init", cwd=root).returncode == 0
    assert cde("start", "Add a login page", "--name", "login", cwd=root).returncode == 0
    assert cde("status", "nobody", cwd=root).returncode != 0
    assert cde("list", "--unknown", cwd=root).returncode == 2
    (root / ".cde" / "state.json").unlink()
    assert cde("status", "login", cwd=root).returncode == 0
    return root / ".cde" / "logs" / "cde.log"


def entries(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def known() -> set[str]:
    return set(json.loads(FORMAT.read_text())["cde_log"]["value"])


@pytest.mark.operators
def test_it_is_asked_how_long_each_operation_took(log: Path, tmp_path: Path) -> None:
    lnav = program("lnav")
    installed = tmp_path / ".lnav" / "formats" / "installed"
    installed.mkdir(parents=True)
    (installed / FORMAT.name).write_bytes(FORMAT.read_bytes())
    question = (
        ";SELECT operation, max(duration_ms) AS longest, count(*) AS calls FROM cde_log"
        " WHERE outcome IS NOT NULL GROUP BY operation ORDER BY operation"
    )

    def asked(*words: str) -> str:
        environment = {**os.environ, "HOME": str(tmp_path), "TERM": "dumb"}
        command = [lnav, *words, str(log)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=60
        )
        assert not done.stderr
        return done.stdout

    longest: dict[str, list[float]] = {}
    for entry in entries(log):
        if "outcome" in entry:
            longest.setdefault(entry["operation"], []).append(entry["duration_ms"])
    assert json.loads(asked("-n", "-c", question, "-c", ":write-json-to -")) == [
        {"operation": name, "longest": max(taken), "calls": len(taken)}
        for name, taken in sorted(longest.items())
    ]
    assert "operation_refused get_feature_status refused E102" in asked("-n")


def test_every_member_of_a_log_is_known(log: Path) -> None:
    members = {member for entry in entries(log) for member in entry}

    assert len(members) > 20
    assert members - known() == set()


def test_every_member_that_anything_logs_is_known() -> None:
    names = set(logged())

    assert len(names) > 40
    assert names - known() == set()


def test_every_member_that_the_page_names_is_known() -> None:
    assert documented() >= {"workflow", "parent_correlation_id", "lock_wait_ms", "uri", "status"}
    assert documented() - known() == set()


def documented() -> set[str]:
    """The members of a line that the page of logs names."""
    page = (ROOT / "docs" / "logs.md").read_text()
    line = page.partition("\n## A line\n")[2].partition("\n## ")[0]
    call = page.partition("\n## Every call\n")[2].partition("\n## ")[0]
    columns = [row.split("|")[1] for row in line.splitlines() if row.startswith("|")]
    columns += [row.split("|")[2] for row in call.splitlines() if row.startswith("|")]
    columns.append(line.partition("with `outcome`")[2].partition(": the milliseconds")[0])
    return {name for each in columns for name in re.findall(r"`([a-z_]+)`", each)}


def logged() -> Iterator[str]:
    """The names of what is given to a logger, anywhere in the product."""
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                logger = ast.unparse(node.func.value)
                named = logger.split(".")[-1] in {"log", "bound"} or "get_logger" in logger
                if node.func.attr in LEVELS and named:
                    given = {keyword.arg for keyword in node.keywords}
                    yield from (name for name in given if name and name != "exc_info")
