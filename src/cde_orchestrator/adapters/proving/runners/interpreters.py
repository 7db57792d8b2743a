"""Which Python runs a project's tests."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cde_orchestrator.adapters.proving.runners.execution import RunnerCommand
from cde_orchestrator.infrastructure.observability.correlation import command_environment
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.tree import is_file, is_folder, names_in

VIRTUAL_ENVIRONMENTS = (".venv", "venv")
FIND_SECONDS = 60.0
NAMES = ("python3", "python")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter of Python.

    Attributes:
        words: as a person would start it in the project.
        program: where it is; empty where ``asked`` says it.
        asked: what says where it is, which is run only where a person trusts the project's tests.
    """

    words: tuple[str, ...]
    program: str = ""
    asked: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether it is in the project's folder, so that a stranger may have put it there."""
        return self.program != "" and self.words[0] not in NAMES

    def located(self) -> str:
        """Where it is; FileNotFoundError where that is not known."""
        if self.program:
            return self.program
        found = _located.get(self.asked + self.variables, "")
        if not os.access(found, os.X_OK):
            environment = {**command_environment(), **dict(self.variables)}
            ended = programs.run(self.asked, environment=environment, seconds=FIND_SECONDS)
            found = (ended.stdout.split("\n") if ended.returncode == 0 else [""])[0].strip()
            if not os.access(found, os.X_OK):
                raise FileNotFoundError
            _located[self.asked + self.variables] = found
        return found


_located: dict[tuple[object, ...], str] = {}


def interpreter_of(root: Path) -> Interpreter | None:
    """The project's own, that of its package manager, else the one on ``PATH``; None: none.

    Its own one is in its folder, or in one above that is in the same repository.
    """
    for up in range(levels_to_top(root) + 1):
        for name in VIRTUAL_ENVIRONMENTS:
            words = "../" * up + f"{name}/bin/python"
            program = os.path.normpath(root / words)
            if os.access(program, os.X_OK):
                return Interpreter((words,), program)
    if is_file(root / "poetry.lock") and programs.found("poetry"):
        asked = ("poetry", "env", "info", "--executable", "--directory", str(root))
        return Interpreter(("poetry", "run", "python"), asked=asked)
    if is_file(root / "Pipfile") and programs.found("pipenv"):
        variables = (("PIPENV_PIPFILE", str(root / "Pipfile")),)
        return Interpreter(
            ("pipenv", "run", "python"), asked=("pipenv", "--py"), variables=variables
        )
    for name in NAMES:
        if program_found := programs.found(name):
            return Interpreter((name,), program_found)
    return None


def levels_to_top(root: Path) -> int:
    """How many folders above the project the top of its repository is."""
    for up, folder in enumerate((root, *root.parents)):
        if (folder / ".git").exists():
            return up
    return 0


def has_module(root: Path, module: str) -> bool:
    """Whether the project's interpreter seems to have a module; nothing of the project is run."""
    interpreter = interpreter_of(root)
    if interpreter is None:
        return False
    if not interpreter.program:
        return True
    if interpreter.is_own:
        libraries = Path(interpreter.program).parents[1] / "lib"
        versions = [each for each in names_in(libraries) if each.startswith("python3")]
        return any(is_folder(libraries / each / "site-packages" / module) for each in versions)
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    words = [interpreter.program, "-I", "-B", "-c", code]
    try:
        ended = programs.run(words, environment=command_environment(), seconds=FIND_SECONDS)
    except (OSError, programs.TookTooLongError):
        return False
    return ended.returncode == 0


def program_of(root: Path, command: RunnerCommand) -> str:
    """Where the project's interpreter is; E137 where nothing says it."""
    interpreter = interpreter_of(root)
    if interpreter is None:
        raise command.cannot_run("there is no Python on PATH")
    try:
        return interpreter.located()
    except (OSError, programs.TookTooLongError) as error:
        reason = f"{' '.join(interpreter.asked)} names no Python"
        raise command.cannot_run(reason) from error


def own_python(command: RunnerCommand, root: Path) -> list[str]:
    """The command's words, with the project's interpreter where they start ``python``."""
    program, *rest = command.words
    return [program_of(root, command) if program in NAMES else program, *rest]
