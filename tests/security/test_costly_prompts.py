"""Prompts of a project's own that would take all time or memory, and end for nobody else."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import anyio
import psutil
import pytest

from cde_orchestrator.adapters.workflows import prompts
from cde_orchestrator.adapters.workflows.prompts import JinjaPromptRenderer
from cde_orchestrator.domain.exceptions import ValidationError
from tests.integration.mcp_client import stdio_agent

VARIABLES = {"phase": {"id": "plan"}, "feature": {"name": "login"}}
TWO = "{% set n = namespace(a=[1], b=[1]) %}"
DOUBLED = "{% for i in range(60) %}{% set n.a = [n.a, n.a] %}{% set n.b = [n.b, n.b] %}{% endfor %}"
BOMBS = {
    "a text that is translated by a dictionary": (
        "{% set long = 'y' * 200000 %}{{ ('x' * 200000).translate({120: long}) }}"
    ),
    "lines that double": (
        "{% set n = namespace(t='a\n') %}{% for i in range(60) %}{% set n.t = n.t ~ n.t %}"
        "{% endfor %}"
    ),
    "a list that doubles": f"{TWO}{DOUBLED}{{{{ n.a }}}}",
    "the JSON of such a list": f"{TWO}{DOUBLED}{{{{ n.a | tojson }}}}",
    "two such lists that are equal": f"{TWO}{DOUBLED}{{{{ n.a == n.b }}}}",
    "terms without end": "{{ 1" + "+1" * 130_000 + " }}",
    "a power": "{{ 9 ** (9 ** (9 ** 9)) }}",
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a macro": (
        "{% macro m(n) %}{% if n %}{{ m(n-1) ~ m(n-1) }}{% endif %}{% endmacro %}{{ m(40) }}"
    ),
    "texts that are padded": "{% for i in range(9999) %}{{ 'a'.ljust(90000) | trim }}{% endfor %}"
    * 99,
}


def put(root: Path, name: str, text: str) -> None:
    """Write a template of the project's own."""
    path = root / ".cde" / "prompts" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_template_that_takes_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(prompts, "RENDERING_SECONDS", 1)
    put(tmp_path, "own.md", text)

    with pytest.raises(ValidationError) as raised:
        JinjaPromptRenderer().render(tmp_path, "own.md", VARIABLES)

    assert (raised.value.code, raised.value.context["template"]) == ("E313", "own.md")


def test_a_packaged_template_that_includes_such_a_one_is_filled_in_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "RENDERING_SECONDS", 1)
    put(tmp_path, "_gate.md", BOMBS["two such lists that are equal"])
    put(tmp_path, "standard/other.md", "{{ 1")

    with pytest.raises(ValidationError) as raised:
        JinjaPromptRenderer().render(tmp_path, "standard/define.md", complete())

    assert raised.value.code == "E313"


def complete() -> dict[str, object]:
    """What the packaged templates show."""
    from tests.unit.adapters.workflows.prompt_variables import packaged_phases, variables_of

    return variables_of(*packaged_phases()[0], full=True)


def test_only_what_a_file_of_the_project_takes_part_in_is_filled_in_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "own.md", "Mine")
    monkeypatch.setattr("sys.executable", "/no/such/program")

    assert JinjaPromptRenderer().render(tmp_path, "standard/define.md", complete())
    with pytest.raises(ValidationError) as raised:
        JinjaPromptRenderer().render(tmp_path, "own.md", VARIABLES)
    assert "/no/such/program" in raised.value.context["reason"]


def test_what_fills_it_in_sees_no_environment_and_opens_nothing_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child is this script in the place of Python, which notes how it was started."""
    noted = tmp_path / "noted"
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\n{{ env; pwd; echo "$@"; }} > {noted}\necho \'{{"missing": "x"}}\'\n'
    )
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    monkeypatch.setenv("SECRET", "hunter2")
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "own.md", "{% include 'part.md' %}")
    put(tmp_path, "part.md", "text")

    with pytest.raises(ValidationError):
        JinjaPromptRenderer().render(tmp_path, "own.md", VARIABLES)

    said = noted.read_text()
    assert "hunter2" not in said
    assert str(tmp_path) not in said.replace(str(python), "")
    assert "-I" in said.split()
    assert os.sep in said.splitlines()


def children() -> list[psutil.Process]:
    """The processes that fill in a prompt for a server of this test."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "cde_orchestrator.adapters.workflows.sandbox" in process.cmdline():
                found.append(process)
    return found


@pytest.mark.anyio
async def test_a_server_answers_others_while_a_prompt_does_not_end(project: Path) -> None:
    """The process is stopped as soon as it is seen, so that it surely runs meanwhile."""
    put(project, "standard/define.md", BOMBS["two such lists that are equal"])

    async with stdio_agent(project) as agent, anyio.create_task_group() as tasks:
        ended = anyio.Event()

        async def start() -> None:
            error = await agent.refused("cde_startFeature", prompt="Do it", name="one")
            assert (error["code"], error["context"]["template"]) == ("E313", "standard/define.md")
            ended.set()

        tasks.start_soon(start)
        while not (seen := children()) and not ended.is_set():
            await anyio.lowlevel.checkpoint()
        assert seen
        seen[0].suspend()
        listed = await agent.call("cde_listFeatures")
        assert seen[0].status() == psutil.STATUS_STOPPED
        seen[0].kill()
    assert "features" in listed
