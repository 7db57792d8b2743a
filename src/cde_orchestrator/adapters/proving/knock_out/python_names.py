"""Adds the names that are new in a module of Python to the module as it was."""

from __future__ import annotations
import __future__

import ast

from cde_orchestrator.adapters.proving.knock_out.python import PythonText, parsed
from cde_orchestrator.adapters.proving.knock_out.python_nodes import bound_names, imports

_ANNOTATIONS = __future__.annotations.compiler_flag
"""New names are compiled with it: what an annotation names may be absent."""
_ADDS = """

def _cde_adds(known, statements):
    found, exported = dict(known), known.get("__all__")
    for statement in statements:
        try:
            exec(compile(statement, "<new>", "exec", %d, True), found)
        except Exception:
            continue
    new = [name for name in found if name not in known and name[:2] != "__"]
    known.update((name, found[name]) for name in new)
    if isinstance(exported, (list, tuple)):
        known["__all__"] = [*exported, *(name for name in new if name[:1] != "_")]


_cde_adds(globals(), %s)
"""
"""What was there is neither run again nor replaced; what cannot be made without the change is
left out, and whoever imports it fails as before."""


def supplied(before: bytes, after: bytes) -> bytes | None:
    """A module as it was, and after it what only the later one defines; None where nothing is.

    Raises:
        SyntaxError, ValueError: one of them is no Python.
    """
    source = PythonText.of(before)
    known = {*bound_names(parsed(source.text).body)} - {"*"}
    body = [node for node in parsed(PythonText.of(after).text).body if not _is_of_a_script(node)]
    new = [node for node in body if set(bound_names([node])) - known]
    if not new:
        return None
    kept = [ast.unparse(node) for node in body if node in new or imports(node)]
    statements = [each for each in kept if not each.startswith("from __future__ ")]
    return source.content(source.text + (_ADDS % (_ANNOTATIONS, ascii(statements))).encode())


def _is_of_a_script(node: ast.stmt) -> bool:
    """Whether it decides by how the module was started."""
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
