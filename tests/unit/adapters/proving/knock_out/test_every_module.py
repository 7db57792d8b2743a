"""Every function of real modules can be knocked out: those of Python itself, and ours."""

from __future__ import annotations

import ast
import io
import random
import sysconfig
import tokenize
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.adapters.proving.knock_out.knock_outs import SourceKnockOuts
from cde_orchestrator.application.ports.proving import ChangedFile, Place
from cde_orchestrator.domain.proofs import HowKnockedOut
from tests.python_conditions import effect, original
from tests.soak import SOAK

KNOCK_OUTS = SourceKnockOuts()
ROOT = Path(__file__).parents[5]
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
HOW: tuple[HowKnockedOut, ...] = ("nothing", "other", "control")
SHARES = 8
FUNCTIONS_OF_A_MODULE = 20 if SOAK else 3


@cache
def modules() -> list[Path]:
    """Modules of this interpreter's standard library and of this repository; a sample of them."""
    library = Path(sysconfig.get_paths()["stdlib"])
    found = [path for path in library.rglob("*.py") if "site-packages" not in path.parts]
    found += (ROOT / "src").rglob("*.py")
    if SOAK:
        return sorted(found)
    small = [path for path in sorted(found) if path.stat().st_size < 40_000]
    return random.Random(17).sample(small, 24)


@cache
def compiled(path: Path) -> tuple[bytes, str] | None:
    """Content and syntax of a module; None where it does not compile."""
    content = path.read_bytes()
    try:
        compile(content, str(path), "exec", dont_inherit=True)
        return content, ast.dump(ast.parse(content))
    except (SyntaxError, ValueError, RecursionError):
        return None


def contents(share: int) -> Iterator[tuple[str, bytes, str]]:
    """Path, content and syntax of each module of a share."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in modules()[share::SHARES]:
            if found := compiled(path):
                yield path.as_posix(), *found


def check(file: ChangedFile, places: list[Place], how: HowKnockedOut) -> None:
    """It compiles, and nothing differs but the places."""
    content = file.after or b""
    text = KNOCK_OUTS.knocked_out(file, places, how)
    compile(text, file.path, "exec", dont_inherit=True)
    before = ast.dump(ast.parse(content))
    if how == "control":
        assert effect(text) == before, file.path
        return
    assert original(text) == before, file.path
    if b"abstract" in content:  # what lets a class have instances is behind the class
        return
    again = KNOCK_OUTS.places(ChangedFile(file.path, content, text))
    # The number of a name that stands twice is among what changed: alone, it has none.
    named = [[each.name.partition("#")[0] for each in some] for some in (again, places)]
    assert named[0] == named[1], file.path


@pytest.mark.soak
@pytest.mark.parametrize("share", range(SHARES))
def test_functions_are_knocked_out_and_nothing_else(share: int) -> None:
    for path, content, _ in contents(share):
        file = ChangedFile(path, None, content)
        functions = [place for place in KNOCK_OUTS.places(file) if place.kind == "function"]
        for how in HOW:
            check(file, functions, how)
        few = min(FUNCTIONS_OF_A_MODULE, len(functions))
        for place in random.Random(17).sample(functions, few):
            check(file, [place], "nothing")


@pytest.mark.soak
@pytest.mark.parametrize("share", range(SHARES))
def test_a_module_that_is_formatted_otherwise_has_not_changed(share: int) -> None:
    for path, content, syntax in contents(share):
        formatted = ast.unparse(ast.parse(content))
        same = ast.dump(ast.parse(formatted)) == syntax
        assert KNOCK_OUTS.places(ChangedFile(path, content, content)) == []
        assert not same or KNOCK_OUTS.places(ChangedFile(path, content, formatted.encode())) == []


@cache
def ours() -> list[Path]:
    """Modules of the package, in which edits are tried."""
    found = sorted((ROOT / "src" / "cde_orchestrator" / "domain").rglob("*.py"))
    return [path for path in found if path.stat().st_size > 2_000]


def functions_of(tree: ast.AST, scope: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Functions of a module, with their names."""
    for node in ast.iter_child_nodes(tree):
        inner = scope
        if isinstance(node, FUNCTION | ast.ClassDef):
            inner = f"{scope}{node.name}."
            if isinstance(node, FUNCTION):
                yield inner[:-1], node
        yield from functions_of(node, inner)


@given(data=st.data())
def test_an_edit_in_a_function_is_found_where_it_is(data: st.DataObject) -> None:
    tree = ast.parse(data.draw(st.sampled_from(ours())).read_bytes())
    before = ast.unparse(tree).encode()
    functions = list(functions_of(tree))
    chosen = data.draw(st.lists(st.sampled_from(functions or [("", tree)]), min_size=1, max_size=3))
    for _, function in chosen:
        if isinstance(function, FUNCTION):
            where = data.draw(st.integers(0, len(function.body)))
            added = data.draw(st.sampled_from(["del x", "return 5", "x += 1", "def one(): f()"]))
            function.body[where:where] = ast.parse(added).body

    places = KNOCK_OUTS.places(ChangedFile("a.py", before, ast.unparse(tree).encode()))

    found = {place.name.partition("#")[0].removesuffix(".one") for place in places}
    assert found == {name for name, _ in chosen} - {""}


@given(data=st.data())
def test_comments_and_blank_lines_anywhere_are_no_change(data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(ours())).read_bytes()
    ends = [
        token.end[0]
        for token in tokenize.tokenize(io.BytesIO(content).readline)
        if token.type == tokenize.NEWLINE
    ]
    lines = content.splitlines(keepends=True)
    for end in sorted(data.draw(st.sets(st.sampled_from(ends), max_size=5)), reverse=True):
        noise = data.draw(st.sampled_from([b"\n\n", b"# more\n", b"\t# more\n\n", b"\x0c\n"]))
        lines.insert(end, noise)

    assert KNOCK_OUTS.places(ChangedFile("a.py", content, b"".join(lines))) == []
