"""unittest, which every interpreter of Python has."""

from __future__ import annotations

import re
from pathlib import Path

from cde_orchestrator.adapters.proving.runners import pytest
from cde_orchestrator.adapters.proving.runners.detection import mentions, python_tests
from cde_orchestrator.adapters.proving.runners.interpreters import interpreter_of
from cde_orchestrator.adapters.proving.runners.python_runner import PythonRunner
from cde_orchestrator.adapters.proving.runners.runner_kind import RunnerKind

_IMPORT = re.compile(r"^(?:import|from) unittest\b", re.MULTILINE)


def detect(root: Path) -> bool:
    """Whether tests import it, and pytest, which runs them too, is not there."""
    named = any(mentions(path, _IMPORT) for path in python_tests(root))
    return named and interpreter_of(root) is not None and not pytest.detect(root)


UNITTEST = RunnerKind("unittest", detect, lambda root: PythonRunner("unittest", root))
