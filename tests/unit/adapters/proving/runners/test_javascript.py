"""Ids of tests in JavaScript, what a package.json says of them, and what reporters report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from cde_orchestrator.adapters.proving.runners.execution import Ended
from cde_orchestrator.adapters.proving.runners.javascript.ids import (
    id_problem,
    is_script_test,
    titles_in,
    titles_of,
)
from cde_orchestrator.adapters.proving.runners.javascript.kinds import (
    exactly,
    jest_words,
    node_words,
    vitest_words,
)
from cde_orchestrator.adapters.proving.runners.javascript.manifests import (
    depends_on,
    installed,
    manifest,
    node_options,
)
from cde_orchestrator.adapters.proving.runners.javascript.reports import ScriptReports

ENDED = Ended(3, "SyntaxError: no\n")


@pytest.mark.parametrize(
    "test",
    ["test/a.test.js::adds", "src/a.spec.tsx::suite > adds > 1 + 1", "a.mjs::x::y", "t/x.cts::ü"],
)
def test_an_id_is_a_file_and_titles(test: str) -> None:
    assert id_problem(test) is None


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("test/a.test.js", "names no test"),
        ("test/a.test.js:: ", "names no test"),
        ("/test/a.test.js::adds", "below the project"),
        ("../a.test.js::adds", "below the project"),
        ("test\\a.test.js::adds", "below the project"),
        ("tests/test_a.py::test_adds", "not a file of JavaScript"),
        ("./a.test.js::adds", "as short as it can be"),
        ("test//a.test.js::adds", "as short as it can be"),
        ("-a.test.js::adds", "as short as it can be"),
    ],
)
def test_what_is_no_id_is_refused_with_a_reason(test: str, reason: str) -> None:
    assert reason in (id_problem(test) or "")


@pytest.mark.parametrize(
    ("text", "runners"),
    [
        ('import test from "node:test";', {"node"}),
        ("const { test } = require('node:test');", {"node"}),
        ('import { it } from "vitest"', {"vitest"}),
        ("import 'vitest'", {"vitest"}),
        ('import { it } from "@jest/globals";', {"jest"}),
        ('test("from vitest", () => {});', {"node", "vitest", "jest"}),
    ],
)
def test_a_test_is_of_the_runner_that_its_file_imports(
    tmp_path: Path, text: str, runners: set[str]
) -> None:
    (tmp_path / "a.test.js").write_text(text)
    all_runners = InstalledRunners().named(tmp_path, ["vitest", "jest", "node"])

    assert {each.name for each in all_runners if not each.problem("a.test.js::x")} == runners
    assert not any(each.problem("b.test.js::x") for each in all_runners)


@pytest.mark.parametrize(
    ("path", "is_test"),
    [
        ("src/pay.test.ts", True),
        ("src/pay.spec.mjs", True),
        ("src/pay-test.js", True),
        ("test.js", True),
        ("src/__tests__/pay.js", True),
        ("src/__snapshots__/pay.test.js.snap", True),
        ("test/cards.json", True),
        ("vitest.config.mts", True),
        ("jest.config.json", True),
        ("src/pay.js", False),
        ("src/latest.js", False),
        ("src/contest.ts", False),
        ("src/testing.js", False),
        ("package.json", False),
    ],
)
def test_files_of_tests_are_known_by_their_names(path: str, *, is_test: bool) -> None:
    assert is_script_test(path) is is_test


def test_titles_that_a_file_states_are_found() -> None:
    text = """
    test("one", () => {});  it.only('it\\'s "two"', f); test.each([1])(`${x}`, f);
    await t.test(
      `three ${x}`, f);
    latest("four"); test(name, f); test("", f);
    """

    assert titles_in(text) == ["one", 'it\\\'s "two"', "three ${x}"]


def test_a_pattern_matches_these_titles_alone() -> None:
    pattern = exactly([titles_of("a.js::cards (all) > a/b"), titles_of("a.js::x.y")])

    assert re.search(pattern, "cards (all) a/b")
    assert re.search(pattern, "cards (all) > a/b")
    assert re.search(pattern, "x.y")
    assert not re.search(pattern, "x-y")
    assert not re.search(pattern, "the x.y")
    assert re.search(exactly([["x"]], before=" ?"), " x")


@pytest.mark.parametrize(
    ("scripts", "options"),
    [
        ({"test": "node --test"}, ()),
        ({"test": "node --test 'test/**/*.test.js'"}, ()),
        ({"test": "node --import tsx --test"}, ("--import", "tsx")),
        ({"test": "A=1 node -r ./x --no-warnings --loader=y --test"}, ("-r", "./x", "--loader=y")),
        (
            {"test": "node --expose-gc --env-file .env --experimental-test-coverage --test"},
            ("--expose-gc", "--env-file", ".env"),
        ),
        ({"unit": "c8 node --experimental-strip-types --test"}, ("--experimental-strip-types",)),
        ({"other": "node --import a --test", "test": "node --import b --test"}, ("--import", "b")),
        ({"test": "node test.js"}, None),
        ({"test": "--test node"}, None),
        ({"test": "node '--test"}, None),
        ({"test": 7}, None),
        ([], None),
    ],
)
def test_node_is_run_as_a_script_of_the_project_runs_it(
    tmp_path: Path, scripts: object, options: tuple[str, ...] | None
) -> None:
    (tmp_path / "package.json").write_text(json.dumps({"scripts": scripts}))

    assert node_options(tmp_path) == options
    assert node_words(tmp_path) == ("node", *(options or ()), "--test")


def test_jest_loads_es_modules_where_a_script_says_so(tmp_path: Path) -> None:
    assert "--experimental-vm-modules" not in jest_words(tmp_path)

    script = "NODE_OPTIONS=--experimental-vm-modules jest"
    (tmp_path / "package.json").write_text(json.dumps({"scripts": {"test": script}}))

    assert "--experimental-vm-modules" in jest_words(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '"x"'])
def test_a_manifest_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "package.json").write_text(text)

    assert manifest(tmp_path) == {}
    assert not depends_on(tmp_path, "vitest")


def install(folder: Path, *packages: str) -> None:
    for package in packages:
        (folder / "node_modules" / package).mkdir(parents=True)
        (folder / "node_modules" / package / "package.json").write_text("{}")


def test_what_a_project_depends_on_is_read_from_each_table(tmp_path: Path) -> None:
    text = '{"devDependencies": {"vitest": "4"}, "dependencies": {"jest": "30"}, "x": {"y": ""}}'
    (tmp_path / "package.json").write_text(text)
    assert not depends_on(tmp_path, "vitest")

    install(tmp_path, "vitest", "jest", "y")

    assert depends_on(tmp_path, "vitest")
    assert depends_on(tmp_path, "jest")
    assert not depends_on(tmp_path, "y")


def test_a_package_may_be_installed_above_the_project_in_its_repository(tmp_path: Path) -> None:
    project = tmp_path / "repository/packages/shop"
    project.mkdir(parents=True)
    install(tmp_path, "jest")
    install(project.parent.parent, "vitest")
    (project.parent.parent / ".git").mkdir()
    (project.parent.parent / "package.json").write_text('{"devDependencies": {"vitest": "4"}}')

    assert depends_on(project, "vitest")
    assert vitest_words(project) == ("node", "../../node_modules/vitest/vitest.mjs", "run")
    assert installed(project, "jest") is None
    assert jest_words(project) == ("node", "node_modules/jest/bin/jest.js")


def reported(folder: Path, *rows: dict[str, Any]) -> ScriptReports:
    for row in rows:
        if "file" in row:
            row["path"] = str(folder / row.pop("file"))
    return ScriptReports(folder, [{"kind": "begin"}, *rows])


def test_of_tests_with_the_same_titles_the_worst_counts(tmp_path: Path) -> None:
    rows = [
        {"kind": "test", "file": "a.js", "titles": ["s", "t"], "outcome": outcome, "detail": "!"}
        for outcome in ("passed", "skipped", "failed", "passed")
    ]

    run = reported(tmp_path, *rows, {"kind": "end"}).run_of(["a.js::s > t"], ENDED)

    assert run.results["a.js::s > t"].outcome == "failed"
    assert run.collected == ("a.js::s > t",)


def test_a_suite_that_is_red_is_the_reason_of_tests_in_it(tmp_path: Path) -> None:
    titles = ["s", "t"]
    reports = reported(
        tmp_path,
        {"kind": "test", "file": "a.js", "titles": titles, "outcome": "error", "detail": "stop"},
        {"kind": "red", "file": "a.js", "titles": ["s"], "detail": "hook", "atLoad": False},
        {"kind": "red", "file": "b.js", "detail": "", "atLoad": True},
        {"kind": "end"},
    )

    results = reports.run_of(["a.js::s > t", "a.js::s > u", "a.js::v", "b.js::w"], ENDED).results

    assert [(each.outcome, each.at_load) for each in results.values()] == [
        ("error", False),
        ("error", False),
        ("missing", False),
        ("error", True),
    ]
    assert results["a.js::s > t"].detail == "hook"
    assert results["b.js::w"].detail == ENDED.tail


def test_a_run_that_ends_within_a_test_is_a_failure_of_this_test_alone(tmp_path: Path) -> None:
    start = {"kind": "start", "file": "a.js", "titles": ["t"]}

    results = reported(tmp_path, start).run_of(["a.js::t", "a.js::u"], ENDED).results

    assert results["a.js::t"].outcome == "failed"
    assert (results["a.js::u"].outcome, results["a.js::u"].at_load) == ("error", True)
    assert "exit code 3" in results["a.js::u"].detail


def test_a_test_that_does_not_exist_is_missing_and_others_are_named(tmp_path: Path) -> None:
    unselected = {"kind": "test", "file": "a.js", "titles": ["adds"], "outcome": "unselected"}
    reports = reported(tmp_path, unselected, {"kind": "end"})

    results = reports.run_of(["a.js::add", "a.js::###", "a.js::adds"], ENDED).results

    assert {each.outcome for each in results.values()} == {"missing"}
    assert "a.js has adds" in results["a.js::add"].detail
    assert "a.js has adds" in results["a.js::###"].detail


def test_nothing_counts_where_something_else_wrote_to_the_reports(tmp_path: Path) -> None:
    reports = ScriptReports(tmp_path, None)

    result = reports.run_of(["a.js::t"], ENDED).results["a.js::t"]

    assert reports.is_begun
    assert (result.outcome, result.at_load) == ("error", True)
    assert not ScriptReports(tmp_path, []).is_begun
