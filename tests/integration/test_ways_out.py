"""Whatever is refused where a feature waits or has ended, the first fix that acts leads out."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import cde
from tests.integration.test_approval_by_clients import SPEC
from tests.integration.test_approval_by_clients import WORKFLOW as ASKED
from tests.kept_folder import KeptFolder
from tests.repository import git
from tests.terminal import of_a_person, terminal

WORKFLOW = (
    ASKED
    + """\
        outputs: [{id: report, path: "specs/{feature}/report.md"}]
"""
)
READING = {"status", "list", "explain", "doctor", "workflow", "project", "state"}
"""Commands that only show something; ``state history`` is the one of these that is a fix."""
STEPS = 4
"""Refusals one after another that may lie before a way out."""


class Shop:
    """A project with the feature ``shop``, which waits for a person."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        self.environment = of_a_person({**os.environ, "XDG_CONFIG_HOME": str(folder / "home")})
        (self.root / "code.py").write_text("x = 1\n")
        git(self.root, "init", "-q")
        git(self.root, "add", ".")
        git(self.root, "commit", "-qm", "First")
        self.run("init")
        (self.root / ".cde" / "workflow.yml").write_text(WORKFLOW)
        self.at_terminal(("trust", "--yes"))
        self.run("start", "Sell things", "--name", "shop")
        self.run("submit", "shop", "define", "--results", json.dumps({"spec": SPEC}))

    @property
    def spec(self) -> Path:
        """The accepted output."""
        return self.root / "specs" / "shop" / "spec.md"

    def refusal(self, *words: str) -> dict[str, Any]:
        """The error of a command without a terminal; empty when it succeeded."""
        done = cde(*words, "--json", cwd=self.root, environment=self.environment)
        error: dict[str, Any] = json.loads(done.stdout).get("error", {})
        return error

    def run(self, *words: str) -> None:
        """Run a command that succeeds."""
        assert self.refusal(*words) == {}, words

    def at_terminal(self, words: tuple[str, ...]) -> tuple[int, str]:
        """The exit code of a command whose person says yes to all, and what was shown."""
        with terminal(*words, cwd=self.root, environment=self.environment) as seen:
            seen.type("y")
            shown = seen.end()
        assert seen.code is not None
        return seen.code, shown


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, KeptFolder]:
    """A shop, made once."""
    folder = tmp_path_factory.mktemp("ways") / "out"
    folder.mkdir()
    return Shop(folder), KeptFolder(folder)


def changed(shop: Shop) -> None:
    """The accepted output is changed by hand."""
    shop.spec.write_text("# Specification\n\nA back door.\n")


def missing(shop: Shop) -> None:
    """It is deleted."""
    shop.spec.unlink()


def lost(shop: Shop) -> None:
    """It is changed, and what was accepted is not kept any more."""
    changed(shop)
    for kept in (shop.root / ".cde" / "objects").rglob("*"):
        if kept.is_file():
            kept.unlink()


def approved(shop: Shop) -> None:
    """The person said yes, and the accepted output was changed afterwards."""
    code, shown = shop.at_terminal(("approve", "shop"))
    assert code == 0, shown
    (shop.spec.parent / "report.md").write_text("Built.\n")
    changed(shop)


def completed(shop: Shop) -> None:
    """All is done."""
    approved(shop)
    shop.run("submit", "shop", "build", "--restore")


STATES: dict[str, Callable[[Shop], None]] = {
    "waiting": lambda _: None,
    "changed": changed,
    "missing": missing,
    "lost": lost,
    "approved, then changed": approved,
    "completed": completed,
    "leased": lambda shop: shop.run("resume", "shop", "--agent", "Somebody"),
    "failed": lambda shop: shop.run("close", "shop", "failed", "--reason", "No"),
    "cancelled": lambda shop: shop.run("close", "shop", "cancelled", "--reason", "No"),
}
CALLS = [
    ("submit", "shop"),
    ("submit", "shop", "--restore"),
    ("submit", "shop", "--failed", "--reason", "No"),
    ("approve", "shop"),
    ("save", "shop", "A note"),
    ("resume", "shop"),
    ("rollback", "shop", "define", "--reason", "Better"),
    ("reopen", "shop", "--reason", "Better"),
    ("finish", "shop"),
    ("edit", "shop", "--goal", "Sell more"),
]


def followed(shop: Shop, words: tuple[str, ...]) -> list[str]:
    """The codes of the refusals on the way that the first fixes which act make of a call."""
    codes: list[str] = []
    refused = words
    for _ in range(STEPS):
        error = asked(shop, words)
        if not error:
            if codes:  # what was refused last has its way out
                assert asked(shop, refused).get("code") != codes[-1], (refused, codes)
            return codes
        codes.append(error["code"])
        assert codes.count(error["code"]) == 1, f"{words}: a circle, {codes}"
        fixes = [tuple(shlex.split(each["command"])[1:]) for each in error["fixes"]]
        acting = [each for each in fixes if each[0] not in READING and "--help" not in each]
        if not acting:
            return codes
        refused, words = words, here(acting[0])
    raise AssertionError(f"no way out: {codes}")


def asked(shop: Shop, words: tuple[str, ...]) -> dict[str, Any]:
    """The error of a call; a person answers at a terminal what needs one."""
    error = shop.refusal(*words)
    if error.get("code") != "E140" or words[0] != "approve":
        return error
    code, shown = shop.at_terminal(words)
    return as_refused(shown) if code else {}


def here(words: tuple[str, ...]) -> tuple[str, ...]:
    """A fix without the project that it names, which the test is in."""
    at = words.index("--project") if "--project" in words else len(words)
    return words[:at] + words[at + 2 :]


def as_refused(shown: str) -> dict[str, Any]:
    """A refusal as a terminal shows it: its code, and the first command that it names."""
    found = re.search(r"E[0-9]{3}", shown)
    assert found, shown
    commands = [line.partition("$ ")[2].strip(" │") for line in shown.splitlines()]
    return {"code": found[0], "fixes": [{"command": each} for each in commands if each]}


@pytest.mark.parametrize("state", STATES)
def test_no_refusal_leads_back_to_itself(made: tuple[Shop, KeptFolder], state: str) -> None:
    shop, folder = made
    for words in CALLS:
        folder.restore()
        STATES[state](shop)
        followed(shop, words)
