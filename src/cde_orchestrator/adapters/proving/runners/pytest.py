"""pytest, as a project's interpreter has it."""

from __future__ import annotations

import re
from pathlib import Path

from cde_orchestrator.adapters.proving.runners.detection import mentions, python_tests
from cde_orchestrator.adapters.proving.runners.interpreters import has_module
from cde_orchestrator.adapters.proving.runners.python_runner import PythonRunner
from cde_orchestrator.adapters.proving.runners.runner_kind import RunnerKind
from cde_orchestrator.infrastructure.system.tree import is_file

_SPEAK_OF_IT = ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "conftest.py")
_WORD = re.compile(r"^[^#\n]*\bpytest\b", re.MULTILINE)
_MANIFESTS = ("pyproject.toml", "setup.cfg", "setup.py", "tox.ini", "Pipfile", "uv.lock")
_REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "dev-requirements.txt")


def detect(root: Path) -> bool:
    """Whether the project speaks of pytest, and its interpreter has it."""
    named = any(is_file(root / name) for name in _SPEAK_OF_IT)
    named = named or any(mentions(root / each, _WORD) for each in (*_MANIFESTS, *_REQUIREMENTS))
    return (named or bool(python_tests(root))) and has_module(root, "pytest")


PYTEST = RunnerKind("pytest", detect, lambda root: PythonRunner("pytest", root))
