"""Commands are proofs too: what they print and how they end is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from cde_orchestrator.application.ports.proving import TestRun
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.proofs import Proof
from tests.integration.proving.python_project import SECONDS, PythonProject, python_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PythonProject:
    return python_project(tmp_path, "commands", monkeypatch)


def run(project: PythonProject, *proofs: Proof, seconds: float = SECONDS) -> TestRun:
    runner = InstalledRunners().of_commands(proofs)
    tests = [proof.id for proof in proofs]
    assert all(runner.problem(test) is None for test in tests)
    return runner.run(project.root, project.copy, tests, seconds, None)


def test_it_passes_with_code_0_and_what_it_must_print(project: PythonProject) -> None:
    project.write({"say.py": "import shop; print('it is', shop.add(1, 2))\n"})
    passes = Proof(command=("python", "say.py"), contains="it is 3")
    quiet = Proof(command=("python3", "-c", "import shop"))
    other = Proof(command=("python", "-B", "say.py"), contains="it is 4")
    fails = Proof(command=("sh", "-c", "echo it is 3; exit 3"), contains="it is 3")

    results = run(project, passes, quiet, other, fails).results

    assert [each.outcome for each in results.values()] == ["passed", "passed", "failed", "failed"]
    assert "it is 4" in results[other.id].detail
    assert "exit code 3" in results[fails.id].detail


def test_what_it_must_print_is_found_in_a_long_output_and_across_its_pieces(
    project: PythonProject,
) -> None:
    long = "import sys\nfor _ in range(9): print('x' * 40_000, end='')\nprint('found it')\n"
    long += "sys.stdout.flush()\nfor _ in range(9): print('y' * 40_000)\n"
    project.write({"say.py": long})
    proof = Proof(command=("python", "say.py"), contains="xxfound it")

    assert run(project, proof).results[proof.id].passed


def test_the_packages_of_the_copy_are_the_ones_that_it_sees(project: PythonProject) -> None:
    project.write(
        {"src/shop2.py": "X = 'copy'\n", "tools/say.py": "import shop2; print(shop2.X)\n"}
    )
    (project.root / "src/shop2.py").write_text("X = 'person'\n")
    proof = Proof(command=("python", "tools/say.py"), contains="copy")

    assert run(project, proof).results[proof.id].passed


@pytest.mark.parametrize(
    "words", [("no-such-program-at-all",), ("sh", "-c", "exit 127"), ("sh", "-c", "exit 126")]
)
def test_what_cannot_be_run_is_no_failure(project: PythonProject, words: tuple[str, ...]) -> None:
    with pytest.raises(FeatureError) as caught:
        run(project, Proof(command=words))

    assert caught.value.code == "E137"
    assert caught.value.context["command"] == " ".join(words)
    assert caught.value.context["proof"] == Proof(command=words).id


def test_a_program_of_the_project_that_does_not_exist_is_missing(project: PythonProject) -> None:
    proof = Proof(command=("bin/shop", "--version"))

    assert run(project, proof).results[proof.id].outcome == "missing"


def test_commands_share_the_time(project: PythonProject) -> None:
    with pytest.raises(FeatureError) as caught:
        run(project, Proof(command=("sleep", "600")), seconds=1.0)

    assert caught.value.code == "E119"
    assert caught.value.context["seconds"] == 1.0
