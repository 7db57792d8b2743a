"""Changes of small projects in JavaScript, Go and Rust, with honest proofs and with false ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cde_orchestrator.domain.proofs import Proof

Files = Mapping[str, str]


@dataclass(frozen=True)
class Project:
    """What all changes in one language have in common.

    Attributes:
        files: that never change.
        source: the file that changes.
        file: the file with the tests.
        head: what the tests begin with.
    """

    runner: str
    files: Files
    source: str
    file: str
    head: str


@dataclass(frozen=True)
class Change:
    """A change, and the test of it; or the command.

    Attributes:
        before: the source on the base.
        after: the source now.
        test: the text of the test.
        name: the test's.
        others: files that are new or other now.
    """

    before: str
    after: str
    test: str = ""
    name: str = "it"
    command: Proof | None = None
    others: Files = field(default_factory=dict)


NODE = Project(
    "node",
    {"package.json": '{"type": "module", "scripts": {"test": "node --test"}}'},
    "src/shop.js",
    "test/shop.test.js",
    'import assert from "node:assert";\nimport { describe, test } from "node:test";\n',
)
IN_JAVASCRIPT = {
    "a new function": Change(
        "",
        "export function fee(x) {\n  return (x * 7) / 100;\n}\n",
        'import { fee } from "../src/shop.js";\ntest("it", () => assert.equal(fee(100), 7));\n',
    ),
    "an arrow function that is called otherwise": Change(
        "export const fee = (x) => x;\n",
        "export const fee = (x, rate = 7) => (x * rate) / 100;\n",
        'import { fee } from "../src/shop.js";\ntest("it", () => assert.equal(fee(100, 5), 5));\n',
    ),
    "a bug": Change(
        "export function mean(xs) {\n  return xs.reduce((a, b) => a + b, 0) / xs.length;\n}\n",
        "export function mean(xs) {\n  if (xs.length === 0) return 0;\n"
        "  return xs.reduce((a, b) => a + b, 0) / xs.length;\n}\n",
        'import { mean } from "../src/shop.js";\ntest("it", () => assert.equal(mean([]), 0));\n',
    ),
    "a bug whose right answer is nothing": Change(
        "export const first = (xs) => xs[0].name;\n",
        "export const first = (xs) => xs[0]?.name;\n",
        'import { first } from "../src/shop.js";\n'
        'test("it", () => assert.equal(first([]), undefined));\n',
    ),
    "something that is refused": Change(
        "export function pay(x) {\n  return x;\n}\n",
        "export function pay(x) {\n  if (x < 0) throw new RangeError(x);\n  return x;\n}\n",
        'import { pay } from "../src/shop.js";\n'
        'test("it", () => assert.throws(() => pay(-1), RangeError));\n',
    ),
    "a function that moves to another file": Change(
        "const double = (x) => x * 2;\nexport const total = (xs) => xs.map(double).length;\n",
        'import { double } from "./double.js";\n\n'
        "export const total = (xs) => xs.map(double).length;\n",
        'import { double } from "../src/double.js";\n'
        'test("it", () => assert.equal(double(2), 4));\n',
        others={"src/double.js": "export const double = (x) => x * 2;\n"},
    ),
    "methods of a class": Change(
        "export class Cart {\n  items = [];\n}\n",
        "export class Cart {\n  items = [];\n  add(item) {\n    this.items.push(item);\n  }\n"
        "  get size() {\n    return this.items.length;\n  }\n}\n",
        'import { Cart } from "../src/shop.js";\ndescribe("cart", () => test("it", () => {\n'
        "  const cart = new Cart();\n  cart.add(1);\n  assert.equal(cart.size, 1);\n}));\n",
        "cart > it",
    ),
    "an asynchronous function": Change(
        "",
        "export async function load() {\n  return 7;\n}\n",
        'import { load } from "../src/shop.js";\n'
        'test("it", async () => assert.equal(await load(), 7));\n',
    ),
    "a generator": Change(
        "",
        "export function* pairs(xs) {\n  for (const x of xs) yield [x, x];\n}\n",
        'import { pairs } from "../src/shop.js";\n'
        'test("it", () => assert.deepEqual([...pairs([1])], [[1, 1]]));\n',
    ),
    "a constant": Change(
        "const RATE = 5;\nexport const fee = (x) => x * RATE;\n",
        "const RATE = 7;\nexport const fee = (x) => x * RATE;\n",
        'import { fee } from "../src/shop.js";\ntest("it", () => assert.equal(fee(2), 14));\n',
    ),
    "a file with data": Change(
        'import { readFileSync } from "node:fs";\nexport const rates = () =>\n'
        '  JSON.parse(readFileSync(new URL("rates.json", import.meta.url)));\n',
        'import { readFileSync } from "node:fs";\nexport const rates = () =>\n'
        '  JSON.parse(readFileSync(new URL("rates.json", import.meta.url)));\n',
        'import { rates } from "../src/shop.js";\n'
        'test("it", () => assert.equal(rates().de, 19));\n',
        others={"src/rates.json": '{\n  "de": 19\n}\n'},
    ),
    "a test within a test": Change(
        "",
        "export const even = (x) => x % 2 === 0;\n",
        'import { even } from "../src/shop.js";\ntest("cases", async (t) => {\n'
        "  for (const x of [2, 4]) await t.test(`even ${x}`, () => assert.ok(even(x) === true));\n"
        "});\n",
        "cases > even 4",
    ),
    "an option of a command": Change(
        'console.log("shop");\n',
        "function main(words) {\n"
        '  console.log(words.includes("--version") ? "shop 2.1" : "shop");\n'
        "}\nmain(process.argv.slice(2));\n",
        command=Proof(command=("node", "src/shop.js", "--version"), contains="2.1"),
    ),
}
GO = Project(
    "go",
    {"go.mod": "module example.com/shop\n\ngo 1.18\n"},
    "shop.go",
    "shop_test.go",
    "package shop\n\n",
)
IN_GO = {
    "a new function": Change(
        "package shop\n",
        "package shop\n\nfunc Fee(x int) int { return x * 7 / 100 }\n",
        'import "testing"\n\nfunc TestIt(t *testing.T) {\n'
        "\tif Fee(100) != 7 {\n\t\tt.Fatal(Fee(100))\n\t}\n}\n",
        "TestIt",
    ),
    "a bug": Change(
        "package shop\n\nfunc Mean(xs []int) int {\n"
        "\tsum := 0\n\tfor _, x := range xs {\n\t\tsum += x\n\t}\n\treturn sum / len(xs)\n}\n",
        "package shop\n\nfunc Mean(xs []int) int {\n\tif len(xs) == 0 {\n\t\treturn 1\n\t}\n"
        "\tsum := 0\n\tfor _, x := range xs {\n\t\tsum += x\n\t}\n\treturn sum / len(xs)\n}\n",
        'import "testing"\n\nfunc TestIt(t *testing.T) {\n'
        '\tif Mean(nil) != 1 {\n\t\tt.Fatal("not 1")\n\t}\n}\n',
        "TestIt",
    ),
    "a bug whose right answer is nothing": Change(
        "package shop\n\nfunc First(xs []string) *string { return &xs[0] }\n",
        "package shop\n\nfunc First(xs []string) *string {\n"
        "\tif len(xs) == 0 {\n\t\treturn nil\n\t}\n\treturn &xs[0]\n}\n",
        'import "testing"\n\nfunc TestIt(t *testing.T) {\n'
        '\tif First(nil) != nil {\n\t\tt.Fatal("something")\n\t}\n'
        '\tif *First([]string{"a"}) != "a" {\n\t\tt.Fatal("not a")\n\t}\n}\n',
        "TestIt",
    ),
    "answers that are nothing": Change(
        "package shop\n",
        "package shop\n\ntype Item struct{ Name string }\n\n"
        "func Find(xs []Item, name string) *Item {\n"
        "\tfor i := range xs {\n\t\tif xs[i].Name == name {\n\t\t\treturn &xs[i]\n\t\t}\n\t}\n"
        "\treturn nil\n}\n\n"
        "func Names(xs []Item) []string {\n\tvar names []string\n\tfor _, x := range xs {\n"
        "\t\tnames = append(names, x.Name)\n\t}\n\treturn names\n}\n\n"
        "func Index(xs []Item) map[string]Item {\n\tif len(xs) == 0 {\n\t\treturn nil\n\t}\n"
        "\treturn map[string]Item{}\n}\n\n"
        "func Any(xs []Item) interface{} {\n\tif len(xs) == 0 {\n\t\treturn nil\n\t}\n"
        "\treturn xs[0]\n}\n",
        'import "testing"\n\nfunc TestIt(t *testing.T) {\n'
        '\tif Find(nil, "a") != nil || Names(nil) != nil || Index(nil) != nil {\n'
        '\t\tt.Fatal("something")\n\t}\n\tif Any(nil) != nil {\n\t\tt.Fatal("a value")\n\t}\n}\n',
        "TestIt",
    ),
    "an error that there is no more": Change(
        'package shop\n\nimport "errors"\n\n'
        'func Check(x int) error { return errors.New("never") }\n',
        'package shop\n\nimport "errors"\n\nfunc Check(x int) error {\n'
        '\tif x >= 0 {\n\t\treturn nil\n\t}\n\treturn errors.New("negative")\n}\n',
        'import "testing"\n\nfunc TestIt(t *testing.T) {\n'
        "\tif err := Check(1); err != nil {\n\t\tt.Fatal(err)\n\t}\n}\n",
        "TestIt",
    ),
    "an error": Change(
        "package shop\n\nfunc Pay(x int) (int, error) { return x, nil }\n",
        'package shop\n\nimport "errors"\n\nvar ErrNegative = errors.New("negative")\n\n'
        "func Pay(x int) (int, error) {\n"
        "\tif x < 0 {\n\t\treturn 0, ErrNegative\n\t}\n\treturn x, nil\n}\n",
        'import (\n\t"errors"\n\t"testing"\n)\n\nfunc TestIt(t *testing.T) {\n'
        "\tif _, err := Pay(-1); !errors.Is(err, ErrNegative) {\n\t\tt.Fatal(err)\n\t}\n}\n",
        "TestIt",
    ),
    "a function that moves to another package": Change(
        "package shop\n\nfunc double(x int) int { return x * 2 }\n\n"
        "func Total(x int) int { return double(x) }\n",
        'package shop\n\nimport "example.com/shop/sums"\n\n'
        "func Total(x int) int { return sums.Double(x) }\n",
        'import (\n\t"testing"\n\n\t"example.com/shop/sums"\n)\n\nfunc TestIt(t *testing.T) {\n'
        '\tif sums.Double(2) != 4 || Total(3) != 6 {\n\t\tt.Fatal("no")\n\t}\n}\n',
        "TestIt",
        others={"sums/sums.go": "package sums\n\nfunc Double(x int) int { return x * 2 }\n"},
    ),
    "a method": Change(
        "package shop\n\ntype Cart struct{ items []string }\n",
        "package shop\n\ntype Cart struct{ items []string }\n\n"
        "func (c *Cart) Add(item string) { c.items = append(c.items, item) }\n",
        'import "testing"\n\nfunc TestIt(t *testing.T) {\n\tcart := Cart{}\n\tcart.Add("a")\n'
        "\tif len(cart.items) != 1 {\n\t\tt.Fatal(cart.items)\n\t}\n}\n",
        "TestIt",
    ),
    "a generic function": Change(
        "package shop\n",
        "package shop\n\nfunc Map[A, B any](xs []A, f func(A) B) []B {\n\tys := []B{}\n"
        "\tfor _, x := range xs {\n\t\tys = append(ys, f(x))\n\t}\n\treturn ys\n}\n",
        'import "testing"\n\nfunc TestIt(t *testing.T) {\n'
        "\tys := Map([]int{1, 2}, func(x int) int { return x * 2 })\n"
        "\tif len(ys) != 2 || ys[1] != 4 {\n\t\tt.Fatal(ys)\n\t}\n}\n",
        "TestIt",
    ),
    "a test with cases": Change(
        "package shop\n",
        "package shop\n\nfunc Even(x int) bool { return x%2 == 0 }\n",
        'import "testing"\n\nfunc TestIt(t *testing.T) {\n'
        '\tfor name, x := range map[string]int{"two of them": 2, "four": 4} {\n'
        "\t\tt.Run(name, func(t *testing.T) {\n"
        "\t\t\tif !Even(x) {\n\t\t\t\tt.Fatal(x)\n\t\t\t}\n\t\t})\n\t}\n}\n",
        "TestIt/two of them",
    ),
    "a constant": Change(
        "package shop\n\nconst rate = 5\n\nfunc Fee(x int) int { return x * rate }\n",
        "package shop\n\nconst rate = 7\n\nfunc Fee(x int) int { return x * rate }\n",
        'import "testing"\n\nfunc TestIt(t *testing.T) {\n'
        "\tif Fee(2) != 14 {\n\t\tt.Fatal(Fee(2))\n\t}\n}\n",
        "TestIt",
    ),
    "an option of a command": Change(
        'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("shop") }\n',
        'package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc title(words []string) string {\n'
        '\tif len(words) > 1 && words[1] == "version" {\n\t\treturn "shop 2.1"\n\t}\n'
        '\treturn "shop"\n}\n\nfunc main() { fmt.Println(title(os.Args)) }\n',
        command=Proof(command=("go", "run", ".", "version"), contains="2.1"),
    ),
}
CARGO = Project(
    "cargo",
    {"Cargo.toml": '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n'},
    "src/lib.rs",
    "tests/shop.rs",
    "",
)
IN_RUST = {
    "a new function": Change(
        "",
        "pub fn fee(x: i32) -> i32 {\n    x * 7 / 100\n}\n",
        "#[test]\nfn it() {\n    assert_eq!(shop::fee(100), 7);\n}\n",
    ),
    "a bug": Change(
        "pub fn first(xs: &[i32]) -> Option<i32> {\n    Some(xs[0])\n}\n",
        "pub fn first(xs: &[i32]) -> Option<i32> {\n    xs.first().copied()\n}\n",
        "#[test]\nfn it() {\n    assert_eq!(shop::first(&[]), None);\n"
        "    assert_eq!(shop::first(&[1]), Some(1));\n}\n",
    ),
    "a method": Change(
        "pub struct Cart {\n    pub items: Vec<String>,\n}\n",
        "pub struct Cart {\n    pub items: Vec<String>,\n}\n\nimpl Cart {\n"
        "    pub fn add(&mut self, item: &str) {\n        self.items.push(item.to_string());\n"
        "    }\n}\n",
        "#[test]\nfn it() {\n    let mut cart = shop::Cart { items: vec![] };\n"
        '    cart.add("a");\n    assert_eq!(cart.items.len(), 1);\n}\n',
    ),
}
HONEST = {
    project.runner: (project, changes)
    for project, changes in ((NODE, IN_JAVASCRIPT), (GO, IN_GO), (CARGO, IN_RUST))
}
