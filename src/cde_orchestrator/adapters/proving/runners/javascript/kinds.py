"""Node.js' own runner, vitest and jest: when a project has them, and how they are run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from cde_orchestrator.adapters.proving.runners.javascript.ids import SEPARATOR, titles_of
from cde_orchestrator.adapters.proving.runners.javascript.manifests import (
    depends_on,
    installed,
    needs_vm_modules,
    node_options,
)
from cde_orchestrator.adapters.proving.runners.javascript.runner import (
    REPORTERS,
    ScriptRunner,
    ScriptTool,
)
from cde_orchestrator.adapters.proving.runners.runner_kind import RunnerKind
from cde_orchestrator.infrastructure.system import programs

_SPECIAL = re.compile(r"[.*+?^${}()|\[\]\\/]")


def exactly(names: Iterable[Sequence[str]], *, before: str = "") -> str:
    """A regular expression of JavaScript for titles within each other, and for no others.

    A title may have the separator of ids in it.
    """
    between = f"(?:{SEPARATOR}| )"
    each = [between.join(_SPECIAL.sub(r"\\\g<0>", title) for title in titles) for titles in names]
    return f"^{before}(?:{'|'.join(dict.fromkeys(each))})$"


def node_words(root: Path) -> tuple[str, ...]:
    """As a script of the project has it, else without options."""
    return ("node", *(node_options(root) or ()), "--test")


def node_test_options(files: Sequence[str], tests: Sequence[str]) -> list[str]:
    """By the titles of the outermost suites or tests.

    Up to version 20 a pattern is for one title, from 22 on for all of them; a test within
    another one runs only if the outer one is chosen.
    """
    all_titles = [titles_of(test) for test in tests]
    outermost = [titles[:end] for titles in all_titles for end in range(1, len(titles) + 1)]
    return [
        f"--test-reporter={(REPORTERS / 'node_reports.mjs').as_uri()}",
        f"--test-name-pattern={exactly(outermost)}",
        *files,
    ]


def vitest_options(files: Sequence[str], tests: Sequence[str]) -> list[str]:
    """By full titles; version 1 has a space before them.

    Nothing is run a second time, and nothing is measured or kept.
    """
    return [
        f"--reporter={REPORTERS / 'vitest_reports.mjs'}",
        *("--allowOnly", "--passWithNoTests", "--retry=0", "--bail=0", "--cache=false"),
        "--coverage.enabled=false",
        f"--testNamePattern={exactly(map(titles_of, tests), before=' ?')}",
        *files,
    ]


def jest_words(root: Path) -> tuple[str, ...]:
    """With ES modules where a script of the project has them."""
    options = ("--experimental-vm-modules",) if needs_vm_modules(root) else ()
    return ("node", *options, f"{installed(root, 'jest') or 'node_modules/jest'}/bin/jest.js")


def vitest_words(root: Path) -> tuple[str, ...]:
    """Once, without watching files."""
    return ("node", f"{installed(root, 'vitest') or 'node_modules/vitest'}/vitest.mjs", "run")


def jest_options(files: Sequence[str], tests: Sequence[str]) -> list[str]:
    """By full titles; what a test leaves open does not keep it from ending."""
    return [
        f"--reporters={REPORTERS / 'jest_reports.cjs'}",
        *("--ci", "--coverage=false", "--watchman=false", "--passWithNoTests"),
        *("--bail=0", "--forceExit"),
        f"--testNamePattern={exactly(map(titles_of, tests))}",
        "--runTestsByPath",
        *files,
    ]


NODE_TOOL = ScriptTool("node", "", node_words, node_test_options, ("vitest", "@jest/globals"))
VITEST_TOOL = ScriptTool(
    "vitest",
    "vitest",
    vitest_words,
    vitest_options,
    ("node:test", "@jest/globals"),
)
JEST_TOOL = ScriptTool("jest", "jest", jest_words, jest_options, ("node:test", "vitest"))


def detect_node(root: Path) -> bool:
    """Whether a script of the project runs ``node --test``, and there is Node.js."""
    return node_options(root) is not None and programs.found("node") is not None


def detect_package(package: str, root: Path) -> bool:
    """Whether the project needs the package and has it installed, and there is Node.js."""
    return depends_on(root, package) and programs.found("node") is not None


VITEST = RunnerKind("vitest", partial(detect_package, "vitest"), partial(ScriptRunner, VITEST_TOOL))
JEST = RunnerKind("jest", partial(detect_package, "jest"), partial(ScriptRunner, JEST_TOOL))
NODE = RunnerKind("node", detect_node, partial(ScriptRunner, NODE_TOOL))
