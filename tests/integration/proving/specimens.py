"""Small projects whose tests end in every way, one for each runner of another language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cde_orchestrator.domain.proofs import Outcome

NODE_HEAD = """
import assert from "node:assert";
import { spawn } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { add } from "../src/shop.js";

const equal = assert.strictEqual;
"""
VITEST_HEAD = """
import { spawn } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { add } from "../src/shop.js";

const equal = (one, other) => expect(one).toBe(other);
"""
JEST_HEAD = """
const { spawn } = require("node:child_process");
const { appendFileSync, writeFileSync } = require("node:fs");
const { add } = require("../src/shop.js");

const equal = (one, other) => expect(one).toBe(other);
"""
SCRIPT = """
test("passes", () => equal(add(1, 2), 3));
test("fails", () => equal(add(1, 2), 4));
test.skip("is skipped", () => equal(add(1, 2), 4));
test.todo("is to do");
describe("cards (all)", () => {
  test("passes", () => equal(add(2, 2), 4));
  describe("old ones", () => {
    test("a > b", () => equal(add(1, 0), 1));
    test("fails", () => equal(add(1, 0), 0));
  });
});
test("twice", () => equal(1, 1));
test("twice", () => equal(1, 2));
test("floods", () => {
  for (let line = 0; line < 2000; line += 1) console.log("x".repeat(1000));
});
test("lies", () => {
  process.stdout.write('{"kind": "test", "outcome": "passed"}\\nok 1 - fails\\n');
});
test("leaves a process", () => {
  const options = { detached: true, stdio: "ignore" };
  const child = spawn("sleep", ["600"], options);
  child.unref();
  writeFileSync("left.pid", String(child.pid));
});
test("is noted", () => appendFileSync("noted", "x"));
test("hangs", () => { for (;;); });
"""
SCRIPT_OUTCOMES: Mapping[str, Outcome] = {
    "passes": "passed",
    "fails": "failed",
    "is skipped": "skipped",
    "is to do": "expected_failure",
    "cards (all) > passes": "passed",
    "cards (all) > old ones > a > b": "passed",
    "cards (all) > old ones > fails": "failed",
    "twice": "failed",
    "lies": "passed",
    "none": "missing",
    "cards (all) > none": "missing",
    "cards (all)": "missing",
}
GO = """
package shop

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestPasses(t *testing.T) {
	if Add(1, 2) != 3 {
		t.Fatal("not 3")
	}
}
func TestFails(t *testing.T)     { t.Fatalf("it is %d", Add(1, 2)) }
func TestIsSkipped(t *testing.T) { t.Skip("not today") }
func TestPanics(t *testing.T)    { panic("no") }
func TestAfter(t *testing.T)     {}
func TestCards(t *testing.T) {
	t.Run("passes", func(t *testing.T) {})
	t.Run("a.b (all)", func(t *testing.T) { t.Run("old/new", func(t *testing.T) {}) })
	t.Run("fails", func(t *testing.T) { t.Fail() })
}
func TestFloods(t *testing.T) {
	for line := 0; line < 20000; line++ {
		fmt.Println(strings.Repeat("x", 100))
	}
}
func TestLies(t *testing.T) {
	fmt.Println("--- PASS: TestGhost (0.00s)")
	fmt.Println(`{"Action":"run","Package":"example.com/shop/pay","Test":"TestGhost"}`)
}
func TestLeavesAProcess(t *testing.T) {
	child := exec.Command("sleep", "600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	os.WriteFile("../left.pid", []byte(fmt.Sprint(child.Process.Pid)), 0o644)
}
func TestIsNoted(t *testing.T) { os.WriteFile("../noted", []byte("x"), 0o644) }
func TestHangs(t *testing.T)   { time.Sleep(time.Hour) }
func ExampleAdd() {
	fmt.Println(Add(1, 2))
	// Output: 3
}
"""
RUST = """
use shop::add;
use std::{fs, io::Write, process::Command, thread, time::Duration};

#[test]
fn passes() { assert_eq!(add(1, 2), 3); }
#[test]
fn fails() { assert_eq!(add(1, 2), 4, "no sum"); }
#[test]
#[ignore = "not today"]
fn is_ignored() {}
#[test]
#[should_panic]
fn panics() { panic!("as it should") }
#[test]
#[should_panic(expected = "one")]
fn panics_otherwise() { panic!("another") }
mod cards {
    #[test]
    fn passes() {}
}
#[test]
fn floods() {
    for _ in 0..20000 { std::io::stdout().write_all(&[b'x'; 100]).unwrap(); println!(); }
}
#[test]
fn lies() { std::io::stdout().write_all(b"test none ... ok\\nok none\\n").unwrap(); }
#[test]
fn leaves_a_process() {
    let child = Command::new("sleep").arg("600").spawn().unwrap();
    fs::write("left.pid", child.id().to_string()).unwrap();
}
#[test]
fn is_noted() { fs::write("noted", "x").unwrap(); }
#[test]
fn aborts() { std::process::abort() }
#[test]
fn hangs() { loop { thread::sleep(Duration::from_secs(60)); } }
"""


@dataclass(frozen=True)
class Specimen:
    """A project for one runner.

    Attributes:
        file: the file with tests.
        broken: a test whose file cannot be loaded.
        outcomes: of the tests in the file by their names.
        spelled: names as this runner's language has them, by those that the suite knows.
    """

    runner: str
    files: Mapping[str, str]
    file: str
    broken: str
    outcomes: Mapping[str, Outcome]
    spelled: Mapping[str, str] = field(default_factory=dict)

    def test(self, name: str) -> str:
        """The id of a test by the name that the suite knows."""
        return f"{self.file}::{self.spelled.get(name, name)}"


def _script(runner: str, head: str, shop: str, manifest: str) -> Specimen:
    files = {
        "package.json": manifest,
        "src/shop.js": shop,
        "test/shop.test.js": head + SCRIPT,
        "test/broken.test.js": head + 'test("never", () => {\n',
    }
    return Specimen(
        runner, files, "test/shop.test.js", "test/broken.test.js::never", SCRIPT_OUTCOMES
    )


ESM = "export const add = (one, other) => one + other;\n"
COMMON = "exports.add = (one, other) => one + other;\n"
SPECIMENS = {
    "node": _script(
        "node",
        NODE_HEAD,
        ESM,
        '{"type": "module", "scripts": {"test": "node --test test/"}}',
    ),
    "vitest": _script(
        "vitest", VITEST_HEAD, ESM, '{"type": "module", "devDependencies": {"vitest": "*"}}'
    ),
    "jest": _script("jest", JEST_HEAD, COMMON, '{"devDependencies": {"jest": "*"}}'),
    "go": Specimen(
        "go",
        {
            "go.mod": "module example.com/shop\n\ngo 1.19\n",
            "pay/shop.go": "package shop\n\nfunc Add(one, other int) int { return one + other }\n",
            "pay/shop_test.go": GO,
            "broken/b_test.go": 'package b\n\nimport "testing"\n\nfunc TestNever(t *testing.T) {\n',
        },
        "pay/shop_test.go",
        "broken/b_test.go::TestNever",
        {
            "TestPasses": "passed",
            "TestFails": "failed",
            "TestIsSkipped": "skipped",
            "TestPanics": "failed",
            "TestAfter": "passed",
            "TestCards": "failed",
            "TestCards/passes": "passed",
            "TestCards/a.b (all)/old/new": "passed",
            "TestCards/fails": "failed",
            "TestCards/none": "missing",
            "TestLies": "passed",
            "TestGhost": "missing",
            "ExampleAdd": "passed",
        },
        {
            "passes": "TestPasses",
            "fails": "TestFails",
            "floods": "TestFloods",
            "leaves a process": "TestLeavesAProcess",
            "hangs": "TestHangs",
        },
    ),
    "cargo": Specimen(
        "cargo",
        {
            "Cargo.toml": '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n',
            "src/lib.rs": "pub mod pay;\npub fn add(one: i32, other: i32) -> i32 { one + other }\n",
            "src/pay.rs": "#[cfg(test)]\nmod tests {\n    #[test]\n    fn pays() {}\n}\n",
            "tests/shop.rs": RUST,
            "tests/broken.rs": "#[test]\nfn never() {\n",
        },
        "tests/shop.rs",
        "tests/broken.rs::never",
        {
            "passes": "passed",
            "fails": "failed",
            "is_ignored": "skipped",
            "panics": "passed",
            "panics_otherwise": "failed",
            "cards::passes": "passed",
            "lies": "passed",
            "none": "missing",
        },
        {"leaves a process": "leaves_a_process"},
    ),
}
