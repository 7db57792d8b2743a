"""Tests in other languages than Python are run by their own runners, each seen as what it is."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from cde_orchestrator.application.ports.proving import TestRun, TestRunner
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.proofs import Outcome
from tests.integration.proving.specimens import SPECIMENS, Specimen
from tests.programs import is_gone, program
from tests.soak import SOAK

pytestmark = pytest.mark.soak
SECONDS = 300.0
"""For one run; none comes near it."""
PROGRAMS = {"node": "node", "vitest": "npm", "jest": "npm", "go": "go", "cargo": "cargo"}


@dataclass(frozen=True)
class Project:
    """A project of one runner, which is its own copy."""

    specimen: Specimen
    root: Path

    @property
    def runner(self) -> TestRunner:
        [runner] = InstalledRunners().named(self.root, self.specimen.runner)
        return runner

    def run(
        self, *tests: str, seconds: float = SECONDS, printed: list[str] | None = None
    ) -> TestRun:
        watch = None if printed is None else printed.append
        return self.runner.run(self.root, self.root, tests, seconds, watch)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``node_modules`` with vitest and jest."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "package.json").write_text("{}")
    words = [program("npm"), "install", "--no-audit", "--no-fund", "vitest@4", "jest@30"]
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        pytest.skip(f"npm cannot install: {ended.stderr[-300:]}")
    return folder / "node_modules"


@pytest.fixture(params=SPECIMENS)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """A project of each runner; what takes long to install is only tried in a soak."""
    name = request.param
    needed = PROGRAMS[name]
    if not SOAK and (needed == "npm" or (needed == "cargo" and not shutil.which(needed))):
        pytest.skip(f"{name} is tried in make soak")
    program(needed)
    for path, text in SPECIMENS[name].files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    if needed == "npm":
        (tmp_path / "node_modules").symlink_to(request.getfixturevalue("packages"))
    return Project(SPECIMENS[name], tmp_path)


def test_each_test_is_seen_as_what_it_is(project: Project) -> None:
    specimen = project.specimen
    asked = [f"{specimen.file}::{name}" for name in specimen.outcomes]
    absent = specimen.test("passes").replace("shop", "none", 1)

    run = project.run(*asked, specimen.broken, absent)

    seen: dict[str, Outcome] = {test: result.outcome for test, result in run.results.items()}
    expected = dict(zip(asked, specimen.outcomes.values(), strict=True))
    assert seen == {**expected, specimen.broken: "error", absent: "missing"}
    assert run.results[specimen.broken].at_load
    assert not any(result.at_load for test, result in run.results.items() if test in asked)
    assert all(run.results[test].detail for test in asked if seen[test] in {"failed", "missing"})
    assert not (project.root / "noted").exists()


def test_the_project_is_known_by_its_files(project: Project) -> None:
    assert InstalledRunners().detect(project.root) == [project.specimen.runner]
    assert any(character.isdigit() for character in project.runner.version(project.root))
    assert project.runner.is_test(project.specimen.file)
    assert project.runner.problem(project.specimen.test("passes")) is None


def test_a_test_that_hangs_is_ended(project: Project) -> None:
    with pytest.raises(FeatureError) as caught:
        project.run(project.specimen.test("hangs"), seconds=1.0)

    assert caught.value.code == "E119"
    assert caught.value.context["seconds"] == 1.0


def test_a_flood_of_output_is_bounded_and_shown(project: Project) -> None:
    test, printed = project.specimen.test("floods"), list[str]()

    run = project.run(test, printed=printed)

    assert run.results[test].outcome == "passed"
    assert len(run.tail) <= 8 * 1024
    assert all(len(each) < 128 * 1024 for each in printed)


def test_no_process_of_a_test_is_left(project: Project) -> None:
    test = project.specimen.test("leaves a process")

    run = project.run(test)

    assert run.results[test].outcome in {"passed", "failed"}
    assert is_gone(int((project.root / "left.pid").read_text()))


_MEETS = """\
package {own}

import ("os"; "testing"; "time")

func TestMeets(t *testing.T) {{
	os.WriteFile("../{own}.here", nil, 0o644)
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); {{
		if _, err := os.Stat("../{other}.here"); err == nil {{
			return
		}}
		time.Sleep(10 * time.Millisecond)
	}}
	t.Fatal("the other package did not run meanwhile")
}}
"""


def test_tests_of_one_run_are_as_parallel_as_their_runner_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("go")
    monkeypatch.setenv("GOMAXPROCS", "2")
    (tmp_path / "go.mod").write_text("module shop\n\ngo 1.18\n")
    for own, other in (("one", "two"), ("two", "one")):
        (tmp_path / own).mkdir()
        (tmp_path / own / "x_test.go").write_text(_MEETS.format(own=own, other=other))
    tests = [f"{own}/x_test.go::TestMeets" for own in ("one", "two")]
    (runner,) = InstalledRunners().named(tmp_path, "go")

    run = runner.run(tmp_path, tmp_path, tests, SECONDS, None)

    assert [run.results[test].outcome for test in tests] == ["passed", "passed"]


def test_a_runner_that_is_not_installed_is_reported(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = project.runner
    monkeypatch.setenv("PATH", os.devnull)

    for work in (
        lambda: runner.version(project.root),
        lambda: project.run(project.specimen.broken),
    ):
        with pytest.raises(FeatureError) as caught:
            work()
        assert caught.value.code == "E137"
    assert InstalledRunners().detect(project.root) == []


@pytest.mark.parametrize("project", ["vitest", "jest", "cargo"], indirect=True)
def test_what_is_edited_at_once_is_run_as_it_is(project: Project) -> None:
    specimen, test = project.specimen, project.specimen.test("passes")
    [path] = [name for name in specimen.files if name.endswith(("shop.js", "shop.go", "lib.rs"))]
    source = project.root / path
    begun = int(source.stat().st_mtime)
    outcomes = []

    for text in ("one + other", "one - other", "one + other"):
        source.write_text(specimen.files[path].replace("one + other", text))
        os.utime(source, (begun, begun))
        outcomes.append(project.run(test).results[test].outcome)

    assert outcomes == ["passed", "failed", "passed"]


@pytest.mark.parametrize("project", ["vitest", "jest"], indirect=True)
def test_a_snapshot_that_is_not_there_is_not_written(project: Project) -> None:
    test = "test/snapshot.test.js::kept"
    head = project.specimen.files["test/broken.test.js"].partition("test(")[0]
    kept = project.root / "test/snapshot.test.js"
    kept.write_text(f"{head}test('kept', () => expect(add(1, 2)).toMatchSnapshot());\n")

    assert project.run(test).results[test].outcome == "failed"
    assert not (project.root / "test/__snapshots__").exists()


@pytest.mark.parametrize("project", ["jest"], indirect=True)
def test_what_a_test_writes_to_the_reports_makes_all_of_them_void(project: Project) -> None:
    path = "test/forges.test.js"
    (project.root / path).write_text(
        'const fs = require("node:fs");\n'
        'test("forges", () => {\n'
        "  for (let file = 0; file < 64; file += 1) {\n"
        "    try {\n"
        '      if (fs.fstatSync(file).nlink === 0) fs.writeSync(file, "x {}\\n");\n'
        "    } catch {}\n"
        "  }\n"
        "});\n"
    )

    result = project.run(f"{path}::forges").results[f"{path}::forges"]

    assert (result.outcome, result.at_load) == ("error", True)


@pytest.mark.parametrize("project", ["node", "go", "cargo"], indirect=True)
def test_a_program_that_refuses_its_options_is_no_runner(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.root / "programs"
    folder.mkdir()
    old = folder / project.specimen.runner
    old.write_text("#!/bin/sh\necho error: bad option >&2\nexit 9\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    with pytest.raises(FeatureError) as caught:
        project.runner.version(project.root)

    assert caught.value.code == "E137"
    assert "bad option" in str(caught.value)
    if project.specimen.runner != "go":
        with pytest.raises(FeatureError) as caught:
            project.run(project.specimen.test("passes"))
        assert caught.value.code == "E137"


def test_names_that_are_there_are_given_where_one_is_missing(project: Project) -> None:
    specimen = project.specimen
    test = f"{specimen.file}::TestNothing"

    run = project.run(test)

    assert run.results[test].outcome == "missing"
    assert specimen.test("passes") in run.collected
