"""What runs in a project's interpreter works with an old Python, and needs no package."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from cde_orchestrator.adapters.proving.runners import inside

FILES = sorted(Path(inside.__file__).parent.glob("*.py"))
NEWER = {"removeprefix", "removesuffix", "is_relative_to", "pairwise", "zip_longest_strict"}
"""Methods that Python 3.8 does not have."""


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_it_is_written_for_python_3_8(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 8))
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}

    assert not attributes & NEWER
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_it_imports_the_standard_library_alone(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {
        name.partition(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
        + [each.name for each in node.names if isinstance(node, ast.Import)]
    }

    assert names <= set(sys.stdlib_module_names)
