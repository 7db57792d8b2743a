"""Functions of JavaScript, TypeScript, Go and Rust that are knocked out by their syntax."""

from __future__ import annotations

import sys

import pytest

from cde_orchestrator.adapters.proving.knock_out.knock_outs import SourceKnockOuts
from cde_orchestrator.application.ports.proving import ChangedFile
from cde_orchestrator.domain.proofs import HowKnockedOut

KNOCK_OUTS = SourceKnockOuts()


def changed(path: str, before: str | None, after: str) -> ChangedFile:
    """A file that was changed."""
    return ChangedFile(path, None if before is None else before.encode(), after.encode())


def names(path: str, before: str | None, after: str) -> list[str]:
    """What changed in it."""
    return [place.name for place in KNOCK_OUTS.places(changed(path, before, after))]


def text(path: str, before: str | None, after: str, how: HowKnockedOut = "nothing") -> str:
    """It with all that changed knocked out."""
    file = changed(path, before, after)
    return KNOCK_OUTS.knocked_out(file, KNOCK_OUTS.places(file), how).decode()


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a.js", "f = (a) => { return [a, 'b'] }\n", 'f=(a)=>{\n // c\n return [a, "b",];\n};'),
        ("a.ts", "function f(a: A) { g(a) }", "function f(\n  a: A,\n) {\n  g(a); /* c */\n}\n"),
        ("a.js", "function f() {}\nfunction g() { f() }", "function g() { f() }\nfunction f() {}"),
        ("a.go", "package a\nfunc f() { g(1) }\n", "package a\n\n// c\nfunc f() {\n\tg(1)\n}\n"),
        ("a.rs", "fn f() { g(1, 2) }\n", "/// Words.\nfn f() {\n    g(\n 1, 2,\n)\n}\n"),
        ("a.js", "f()", "import g from 'g';\nexport { h } from 'h';\nconst i = require('i');\nf()"),
        ("a.js", "", "module.exports = { f };\nconst f = require('f');\n"),
        ("a.ts", "", "interface A { a: string }\ntype B = A;\ndeclare const c: A;\n"),
        ("a.ts", "", "function f(a: A): B;\nabstract class C { abstract d(): void }\n"),
        ("a.go", "package a\n", 'package a\nimport "b"\ntype C struct{}\nvar D = e()\n'),
        ("a.go", "package a\n", "package a\nfunc f()\nfunc g() {\n\t// later\n}\n"),
        ("a.rs", "", "use a::b;\nstruct C;\ntrait D { fn e(); fn g() {} }\nconst H: I = j();\n"),
        ("a.rs", "", "#[cfg(test)]\nmod tests { fn a() { b() } }\n#[test]\nfn c() { d() }\n"),
    ],
)
def test_format_comments_order_new_names_and_tests_are_no_places(
    path: str, before: str, after: str
) -> None:
    assert names(path, before, after) == []


@pytest.mark.parametrize(
    ("path", "after", "expected"),
    [
        ("a.js", "export default function () { f() }", ["default"]),
        ("a.mjs", "export async function* each() { f() }", ["each"]),
        ("a.js", "class A { b() { c() } static #d = () => c() }", ["A.b", "A.#d"]),
        ("a.js", "const a = { b() { c() }, d: () => c() }", ["a.b", "a.d"]),
        ("a.js", "exports.a = function () { b() }", ["exports.a"]),
        ("a.jsx", "const A = memo(React.memo(() => <b>c</b>))", ["A"]),
        ("a.js", "(function () { function a() { b() } })()", ["a"]),
        ("a.js", "function a() { const b = () => c(); d() }", ["a", "a.b"]),
        ("a.js", "const a = items.map((b) => c(b))", ["line 1"]),
        ("a.ts", "namespace A { export class B { get c() { return 1 } } }", ["A.B.c"]),
        ("a.tsx", "export const A = (): B => <b>c</b>", ["A"]),
        ("a.go", "package a\nfunc (b *B[C]) D() { e() }\nvar f = func() { g() }", ["B.D", "f"]),
        ("a.rs", "impl<T> A for B<T> { fn c() { d() } }\nmod e { fn f() { g() } }", ["B.c", "e.f"]),
    ],
)
def test_functions_are_found_wherever_they_are(path: str, after: str, expected: list[str]) -> None:
    assert names(path, None, after) == expected


def test_the_innermost_function_that_changed_is_the_place() -> None:
    code = "function a() { const b = () => %s; return b() + %s }"

    assert names("a.js", code % (1, 1), code % (2, 1)) == ["a.b"]
    assert names("a.js", code % (1, 1), code % (1, 2)) == ["a"]


def _conditions(always: str, never: str) -> dict[HowKnockedOut, tuple[str, str]]:
    return {"nothing": (always, never), "other": (never, always), "control": (never, never)}


_NEVER = 'if (typeof Object === "string") {{ {} }}'
_OF_A_SCRIPT = _conditions(_NEVER.replace("===", "!=="), _NEVER)
_OF_OTHERS = _conditions("if true {{ {} }}", "if false {{ {} }}")
CONDITIONS = {"js": _OF_A_SCRIPT, "ts": _OF_A_SCRIPT, "go": _OF_OTHERS, "rs": _OF_OTHERS}
UNDEFINED, ANY = "return undefined;", "return undefined as any;"
KNOCKED, ANY_KNOCKED = "return Object;", "return Object as any;"
YIELDED = "yield Object; return;"


@pytest.mark.parametrize(
    ("path", "code", "nothing", "other"),
    [
        ("a.js", 'function a() { "use strict";@ b() }', f"; {UNDEFINED}", f"; {KNOCKED}"),
        ("a.js", "function* a() {@ b() }", " return;", f" {YIELDED}"),
        ("a.js", "class A { set a(b) {@ c() } }", " return;", " return;"),
        ("a.js", "class A { constructor() {@ c() } }", " return;", " return;"),
        (
            "a.js",
            "class A extends B { constructor() { super()@\n c() } }",
            "; return;",
            "; return;",
        ),
        ("a.ts", "a = b => c => {@ d() }", f" {ANY}", f" {ANY_KNOCKED}"),
        (
            "a.go",
            "package a\nfunc b() (c, d int, e error) {@ f() }",
            " return *new(int), *new(int), *new(error)",
            " return 113, 113, *new(error)",
        ),
        (
            "a.go",
            "package a\nfunc b(new int) (int, error) {@ c() }",
            *[" return func() (_ int, _ error) { return }()"] * 2,
        ),
        ("a.go", "package a\nfunc b() {@ c() }", *[" return"] * 2),
        (
            "a.rs",
            "fn a() -> io::Result<u8> {@ c() }",
            " return Ok(0);",
            " return Ok(113);",
        ),
        (
            "a.rs",
            "const fn a() -> (bool, &'static str) {@ c() }",
            ' return (false, "",);',
            ' return (true, "knocked out",);',
        ),
        ("a.rs", "fn a() -> A {@ c() }", *[' panic!("knocked out");'] * 2),
        ("a.rs", "const fn a() -> String {@ c() }", *[' panic!("knocked out");'] * 2),
        ("a.rs", "fn a() {@ c() }", *[" return ();"] * 2),
    ],
)
def test_the_old_body_stays_as_code_that_never_runs(
    path: str, code: str, nothing: str, other: str
) -> None:
    after = code.replace("@", "")
    before = nothing[: len(nothing) - len(nothing.lstrip("; "))]
    left, right = nothing.lstrip("; "), other.lstrip("; ")

    for how, conditions in CONDITIONS[path[2:4]].items():
        one, two = conditions[0].format(left), conditions[1].format(right)
        end = ";" if path == "a.go" else ""
        assert text(path, None, after, how) == code.replace("@", f"{before}{one}{end} {two}{end}")


def test_an_expression_that_is_a_body_stays_too() -> None:
    after = "a = (b) => b + 1\n"

    test = 'typeof Object {}== "string"'
    for how, (one, two) in _conditions("!", "=").items():
        first, second = test.format(one), test.format(two)
        assert text("a.js", None, after, how) == (
            f"a = (b) => {first} ? (undefined) : {second} ? (Object) : (b + 1)\n"
        )


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a.js", "const LIMIT = 5;\n", "const LIMIT = limit();\n"),
        ("a.js", "class A extends B { c = 1 }", "class A extends D { c = 2 }"),
        ("a.js", "use('a', b)\n", "use('a', c)\n"),
        ("a.js", "const a = { b() { c() }, d: 1 }", "const a = { b() { c() }, d: 2 }"),
        (
            "a.js",
            "export default { a: { b() {}, c: 1 } }",
            "export default { a: { b() {}, c: 2 } }",
        ),
        ("a.ts", "enum A { B = 'b' }", "enum A { B = 'c' }"),
        ("a.go", "package a\nconst (\n\tB = 5\n)\n", "package a\nconst (\n\tB = 6\n)\n"),
        (
            "a.go",
            'package a\ntype B struct{ C int `json:"c"` }\n',
            'package a\ntype B struct{ C int `json:"d"` }\n',
        ),
        ("a.rs", "const A: u8 = 5;\n", "const A: u8 = 6;\n"),
    ],
)
def test_values_outside_of_functions_are_put_back(path: str, before: str, after: str) -> None:
    assert names(path, before, after)
    assert text(path, before, after) == before
    assert names(path, after, text(path, before, after, "control")) == []


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a.go", "package a\ntype B struct{ C int }\n", "package a\ntype B struct{ D int }\n"),
        ("a.rs", "const A: u8 = b();\n", "const A: u16 = c();\n"),
    ],
)
def test_what_would_not_compile_as_it_was_stays(path: str, before: str, after: str) -> None:
    assert names(path, before, after) == []


def test_a_new_value_is_a_last_resort() -> None:
    file = changed("a.ts", "", "const LIMIT = 5;\n")

    assert [place.is_last_resort for place in KNOCK_OUTS.places(file)] == [True]
    assert text("a.ts", "", "const LIMIT = 5;\n") == "const LIMIT = (undefined as any);\n"
    assert names("a.ts", "", "const LIMIT = 5;\nfunction f() { g() }\n") == ["f"]


def test_a_new_call_is_taken_out() -> None:
    assert text("a.js", "use(a);\n", "use(a);\nuse.all(b);\n") == "use(a);\n;\n"


@pytest.mark.parametrize("path", ["a.js", "a.ts", "a.go", "a.rs"])
def test_what_has_errors_is_put_back_by_lines(path: str) -> None:
    file = changed(path, "a\n", "function func fn ((\n")

    assert [place.name for place in KNOCK_OUTS.places(file)] == ["line 1"]


@pytest.mark.parametrize("path", ["a.js", "a.ts", "a.tsx", "a.go", "a.rs"])
def test_without_the_grammars_lines_are_put_back(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter", None)

    assert names(path, "a()\n", "b()\nc()\n") == ["lines 1-2"]


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        (
            "a.js",
            "#!/usr/bin/env node\nf()\n",
            '#!/usr/bin/env node\nthrow new Error("knocked out");\nf()\n',
        ),
        ("a.ts", "\ufefff()\n", '\ufeffthrow new Error("knocked out");\nf()\n'),
        ("a.jsx", "f()\n", 'throw new Error("knocked out");\nf()\n'),
        ("a.go", "package a\n", 'package a\n\nvar knockedOut int = "knocked out"\n'),
        ("a.rs", "fn a() {}\n", 'fn a() {}\n\ncompile_error!("knocked out");\n'),
    ],
)
def test_a_broken_file_fails_when_it_is_loaded(path: str, content: str, expected: str) -> None:
    assert KNOCK_OUTS.broken(changed(path, None, content)).decode() == expected


@pytest.mark.parametrize(
    ("path", "code", "old", "nothing", "other"),
    [
        ("a.go", "package a\n\nconst Rate = {}\n", "7", "0", "113"),
        ("a.go", "package a\n\nvar Name string = {}\n", '"a"', '""', '"knocked out"'),
        ("a.go", "package a\n\nconst Is = {}\n", "true", "false", "false"),
        ("a.go", "package a\n\nconst Rate = {}\n", "0", "113", "113"),
        ("a.rs", "pub const RATE: u8 = {};\n", "113", "0", "0"),
        ("a.rs", "pub static NAME: &str = {};\n", 'r"a"', '""', '"knocked out"'),
        ("a.rs", "const RATE: f64 = {};\n", "7.5", "0.0", "113.5"),
    ],
)
def test_a_new_constant_of_a_literal_is_another_one(
    path: str, code: str, old: str, nothing: str, other: str
) -> None:
    file = changed(path, "", code.format(old))

    assert [place.is_last_resort for place in KNOCK_OUTS.places(file)] == [True]
    assert text(path, "", code.format(old)) == code.format(nothing)
    assert text(path, "", code.format(old), "other") == code.format(other)


@pytest.mark.parametrize(
    ("path", "after"),
    [("a.go", "package a\n\nvar A = b()\n"), ("a.rs", "static A: B = B::new();\n")],
)
def test_nothing_is_known_of_other_new_values(path: str, after: str) -> None:
    assert names(path, "", after) == []
