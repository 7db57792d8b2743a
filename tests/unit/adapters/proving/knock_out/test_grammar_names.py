"""Files in other languages as they were, with what is new in them added, but doing nothing."""

from __future__ import annotations

import pytest

from cde_orchestrator.adapters.proving.knock_out.knock_outs import SourceKnockOuts
from cde_orchestrator.application.ports.proving import ChangedFile

KNOCK_OUTS = SourceKnockOuts()


def supplied(path: str, before: str | None, after: str) -> str | None:
    """What is added to a file."""
    file = ChangedFile(path, None if before is None else before.encode(), after.encode())
    text = KNOCK_OUTS.supplied(file, KNOCK_OUTS.places(file), "nothing")
    return None if text is None else text.decode()


def test_names_of_javascript_are_added_as_they_are_declared() -> None:
    before = "import { a } from './a.js';\nexport function total(x) { return x }\n"
    after = (
        "import { a, c } from './a.js';\nimport b, { d as e } from './b.js';\nimport './log.js';\n"
        "export function total(x) { return x + 1 }\nexport function fee(x) { return b(x) }\n"
        "export const rate = 7;\nexport { z as y } from './z.js';\nexport * from './q.js';\n"
        "export default class Cart extends e { add() { return 1 } }\nlog(total);\n"
    )

    text = supplied("shop.js", before, after)

    assert text is not None
    assert text.startswith(before)
    added = text.removeprefix(before)
    assert "total" not in added
    assert "fee(x) { if (typeof Object" in added
    assert "add() { if (typeof Object" in added
    for line in ("import b, { d as e }", "export const rate", "export { z as y }", "export * from"):
        assert line in added
    assert "'./log.js'" not in added
    assert "{ a, c }" not in added


def test_names_of_typescript_are_added_with_types() -> None:
    before = "export function total(x: number) { return x }\n"
    after = f"export type Money = number;\nexport interface Of {{ x: Money }}\n{before}"

    text = supplied("shop.ts", before, f"{after}export function fee(x: Of): Money {{ return 7 }}\n")

    assert text is not None
    assert text.startswith(before)
    assert "type Money" in text
    assert "interface Of" in text
    assert "fee(x: Of): Money { if" in text


def test_names_of_go_are_added_with_imports_that_they_need_alone() -> None:
    before = "package shop\n\nfunc Total(a int) int { return a }\n"
    after = (
        'package shop\n\nimport (\n\t"fmt"\n\t"strings"\n\tm "math/v2"\n)\n\n'
        "type Fee struct{ X int }\n\nfunc (f *Fee) Show() string { return fmt.Sprint(f.X) }\n\n"
        'func Total(a int) int { return a + len(strings.ToUpper("a")) }\n\nvar Pi = m.Pi\n'
    )

    text = supplied("shop.go", before, after)

    assert text is not None
    assert "func Total(a int) int { return a }\n" in text
    assert text.count("Total") == 1
    assert 'import "fmt"' in text
    assert 'import m "math/v2"' in text
    assert "strings" not in text
    assert "Show() string { if true" in text
    assert text.index("import") < text.index("func")


def test_names_of_rust_are_added_with_their_attributes() -> None:
    before = "pub fn total(a: i32) -> i32 { a }\n"
    after = (
        "use std::fmt;\npub fn total(a: i32) -> i32 { a + 1 }\n#[derive(Debug)]\n"
        "pub struct Fee { pub x: i32 }\nimpl Fee { fn get(&self) -> i32 { self.x } }\n"
    )

    text = supplied("src/lib.rs", before, after)

    assert text is not None
    assert text.startswith(before)
    assert "#[derive(Debug)]\npub struct Fee" in text
    assert "use std::fmt;" in text
    assert "fn get(&self) -> i32 { if true" in text


@pytest.mark.parametrize("path", ["shop.js", "shop.go", "shop.rs"])
def test_nothing_is_added_where_nothing_is_new(path: str) -> None:
    before, after = (
        {
            "shop.js": ("function a() { return 1 }\n", "function a() { return 2 }\n"),
            "shop.go": ("package a\nfunc A() {}\n", "package a\nfunc A() { go A() }\n"),
            "shop.rs": ("fn a() {}\n", "fn a() { a() }\n"),
        }
    )[path]

    assert supplied(path, before, after) is None
    assert supplied(path, "}{", after) is None


def test_a_file_that_is_new_is_knocked_out() -> None:
    text = supplied("shop.js", None, "export function fee(x) { return x }\n")

    assert text is not None
    assert "typeof Object" in text
