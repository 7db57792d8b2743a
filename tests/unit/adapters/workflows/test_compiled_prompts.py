"""The code of packaged prompts outlives the process that compiled it, and nothing else does."""

from __future__ import annotations

import sys
from pathlib import Path

import jinja2
import pytest
from jinja2.environment import Environment

from cde_orchestrator.adapters.workflows import compiled_prompts, sandbox
from cde_orchestrator.adapters.workflows.compiled_prompts import CompiledPrompts
from cde_orchestrator.adapters.workflows.prompts import JinjaPromptRenderer
from tests.unit.adapters.workflows.prompt_variables import packaged_phases, put, variables_of

TEXTS = {"standard/a.md": "{% include '_b.md' %} {{ name }}", "_b.md": "Dear"}


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which code is kept."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setattr(compiled_prompts, "__file__", str(tmp_path / "package" / "module.py"))
    folder = tmp_path / "package" / "__pycache__"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the templates that were compiled."""
    names: list[str] = []
    generate = Environment._generate

    def counted(self: Environment, source: object, name: str, *rest: object, **more: object) -> str:
        names.append(name)
        return generate(self, source, name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Environment, "_generate", counted)
    return names


def filled(texts: dict[str, str] = TEXTS) -> str:
    """The text, as a process gives it that has compiled nothing yet."""
    environment = sandbox.environment_of(texts.get, CompiledPrompts())
    return sandbox.filled_in(environment, "standard/a.md", {"name": "Ann"})


def test_a_template_is_compiled_once_for_all_processes(kept: Path, compiled: list[str]) -> None:
    assert [filled() for _ in range(3)] == ["Dear Ann"] * 3
    assert compiled == ["standard/a.md", "_b.md"]
    tag = sys.implementation.cache_tag
    names = sorted(path.name.partition(f".{tag}.opt-jinja")[0] for path in kept.iterdir())
    assert names == ["_b", "standard-a"]


def test_a_template_that_changed_is_compiled_again(compiled: list[str]) -> None:
    filled()
    compiled.clear()
    assert filled({**TEXTS, "_b.md": "Hello"}) == "Hello Ann"
    assert compiled == ["_b.md"]


@pytest.mark.parametrize("what", ["sandbox", "jinja"])
def test_what_another_compiler_made_is_not_used(
    what: str, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled()
    compiled.clear()
    if what == "sandbox":
        monkeypatch.setattr(compiled_prompts, "_sandbox", lambda: b"with other options")
    else:
        monkeypatch.setattr(jinja2, "__version__", "99.1")
    assert filled() == "Dear Ann"
    assert compiled == [*TEXTS]


@pytest.mark.parametrize("damage", [b"", b"\0" * 400, b"half"])
def test_code_that_is_damaged_is_compiled_again(
    kept: Path, compiled: list[str], damage: bytes
) -> None:
    filled()
    for path in kept.iterdir():
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2] if damage == b"half" else damage)
    assert filled() == "Dear Ann"
    assert compiled == [*TEXTS] * 2
    assert filled() == "Dear Ann"
    assert compiled == [*TEXTS] * 2, "it was replaced"


def test_where_nothing_can_be_kept_prompts_are_filled_in_as_well(
    kept: Path, compiled: list[str]
) -> None:
    kept.rmdir()
    assert [filled(), filled()] == ["Dear Ann"] * 2
    assert compiled == [*TEXTS] * 2
    assert list(kept.parent.iterdir()) == []


def test_where_the_source_of_the_package_is_missing_prompts_are_filled_in_as_well(
    compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "__file__", "/nowhere/sandbox.py")
    for _ in range(2):
        compiled_prompts._sandbox.cache_clear()
        assert filled() == "Dear Ann"
    compiled_prompts._sandbox.cache_clear()
    assert compiled == [*TEXTS] * 2


def test_python_is_obeyed_that_is_to_write_no_code(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    filled()
    assert list(kept.iterdir()) == []


def test_what_a_project_has_of_its_own_is_not_kept(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_prompts, "COMPILED_PROMPTS", CompiledPrompts())
    workflow, phase = packaged_phases()[0]
    put(tmp_path, "_gate.md", "Our own gate")
    variables = variables_of(workflow, phase, full=False)

    text = JinjaPromptRenderer().render(tmp_path, phase.prompt, variables)

    assert text.endswith("Our own gate")
    names = {path.name.partition(".")[0] for path in kept.iterdir()}
    assert "_context" in names, "it was begun with what is packaged"
    assert "_gate" not in names
