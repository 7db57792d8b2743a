"""Tests in JavaScript and Go that do not show what they are offered for."""

from __future__ import annotations

GREEN_BEFORE = "passes on the base already"
JS_PAY = """\
export const total = (amount) => amount;

// Seven percent.
export function fee(amount) {
  return (amount * 7) / 100;
}
"""
JS_BASE = "export const total = (amount) => amount;\n"
JS_BLIND = "stays green when src/pay.js:fee does nothing"
JS_TESTS = """\
import assert from "node:assert";
import { readFileSync } from "node:fs";
import { mock, test } from "node:test";
import * as pay from "../src/pay.js";

const { total } = pay;
const source = () => readFileSync(new URL("../src/pay.js", import.meta.url), "utf8");

test("honest", () => assert.equal(pay.fee(100), 7));
test("asserts nothing", () => void pay.fee.name);
test("calls and asserts nothing", () => void pay.fee(100));
test("true", () => assert.ok(true));
test("what was there", () => assert.equal(total(1), 1));
test("a double of its own", () => {
  assert.ok(pay.fee);
  const fee = mock.fn(() => 7);
  assert.equal(fee(100), 7);
});
test("replaces what it tests", () => {
  const shop = { ...pay };
  mock.method(shop, "fee", () => 7);
  assert.equal(shop.fee(100), 7);
});
test("it exists", () => assert.equal(typeof pay.fee, "function"));
test("its length", () => assert.equal(pay.fee.length, 1));
test("its name is in the source", () => assert.match(source(), /function fee/));
test("its text", () => assert.match(String(pay.fee), /^function fee\\(amount\\) \\{/));
test("its number of lines", () => assert.equal(source().split("\\n").length, 7));
test("a copy of the code", () => {
  assert.ok(pay.fee);
  const fee = (amount) => (amount * 7) / 100;
  assert.equal(fee(100), 7);
});
test("catches what goes wrong", () => {
  try {
    assert.equal(pay.fee(100), 7);
  } catch {}
});
test("forgets to wait", () => {
  Promise.resolve().then(() => setImmediate(() => {}));
  void (async () => pay.fee(100) === 7)();
});
test("fails", () => assert.equal(pay.fee(100), 8));
test.skip("skipped", () => assert.equal(pay.fee(100), 7));
test("skipped by an option", { skip: "later" }, () => assert.equal(pay.fee(100), 7));
test.todo("to do", () => assert.equal(pay.fee(100), 7));
test("to do and fails", { todo: true }, () => assert.equal(pay.fee(100), 8));
test("skips where it is not there", (t) => {
  if (!pay.fee) return t.skip("not yet");
  assert.equal(total(1), 1);
});
test("skips where it gives nothing", (t) => {
  if (pay.fee(100) !== 7) t.skip("not today");
});
test("compares it with itself", () => assert.equal(pay.fee(100), pay.fee(100)));
test("is true or not", () => assert.ok(pay.fee(100) || true));
test("prints that it passed", () => {
  console.log("ok 1 - honest");
  console.log(JSON.stringify({ kind: "test", outcome: "passed" }));
});
"""
JS_REASONS = {
    "asserts nothing": JS_BLIND,
    "calls and asserts nothing": JS_BLIND,
    "true": GREEN_BEFORE,
    "what was there": GREEN_BEFORE,
    "a double of its own": JS_BLIND,
    "replaces what it tests": JS_BLIND,
    "it exists": JS_BLIND,
    "its length": JS_BLIND,
    "its name is in the source": JS_BLIND,
    "its text": JS_BLIND,
    "its number of lines": JS_BLIND,
    "a copy of the code": JS_BLIND,
    "catches what goes wrong": GREEN_BEFORE,
    "forgets to wait": GREEN_BEFORE,
    "fails": "does not pass now",
    "skipped": "is skipped",
    "skipped by an option": "is skipped",
    "to do": "is expected to fail",
    "to do and fails": "is expected to fail",
    "skips where it is not there": "is skipped on the base",
    "skips where it gives nothing": JS_BLIND,
    "compares it with itself": JS_BLIND,
    "is true or not": JS_BLIND,
    "prints that it passed": GREEN_BEFORE,
    "not there": "was not found: the runner found these in the file",
}
GO_BASE = "package shop\n\nfunc Total(x int) int { return x }\n"
GO_PAY = f"""\
{GO_BASE}
// Fee is seven percent.
func Fee(x int) int {{
	return x * 7 / 100
}}
"""
GO_BLIND = "stays green when shop.go:Fee does nothing"
GO_TESTS = """\
package shop

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func source() string {
	text, _ := os.ReadFile("shop.go")
	return string(text)
}

func TestHonest(t *testing.T) {
	if Fee(100) != 7 {
		t.Fatal(Fee(100))
	}
}
func TestAssertsNothing(t *testing.T)         { _ = Fee }
func TestCallsAndAssertsNothing(t *testing.T) { Fee(100) }
func TestACopyOfTheCode(t *testing.T) {
	fee := func(x int) int { return x * 7 / 100 }
	if fee(100) != 7 {
		t.Fatal("no")
	}
}
func TestItsNameIsInTheSource(t *testing.T) {
	if !strings.Contains(source(), "func Fee(") {
		t.Fatal("no")
	}
}
func TestItsNumberOfLines(t *testing.T) {
	if strings.Count(source(), "\\n") != 8 {
		t.Fatal("no")
	}
}
func TestLogsWhatGoesWrong(t *testing.T) {
	if Fee(100) != 7 {
		t.Log("wrong")
	}
}
func TestRecovers(t *testing.T) {
	defer func() { _ = recover() }()
	if Fee(100) != 7 {
		panic("wrong")
	}
}
func TestFails(t *testing.T) {
	if Fee(100) != 8 {
		t.Fatal("no")
	}
}
func TestSkipped(t *testing.T) {
	t.Skip("later")
	if Fee(100) != 7 {
		t.Fatal("no")
	}
}
func TestSkipsWhereItGivesNothing(t *testing.T) {
	if Fee(100) != 7 {
		t.Skip("not today")
	}
}
func TestComparesItWithItself(t *testing.T) {
	if Fee(100) != Fee(100) {
		t.Fatal("no")
	}
}
func TestEndsTheRun(t *testing.T) {
	if Fee(100) == 7 {
		fmt.Println("--- PASS: TestFails (0.00s)")
	}
}
"""
GO_NAMED = "passes on the base already, where what is new exists but does nothing"
"""The package cannot be compiled on the base, so they are asked there with new names."""
GO_REASONS = {
    "TestAssertsNothing": GO_NAMED,
    "TestCallsAndAssertsNothing": GO_NAMED,
    "TestACopyOfTheCode": GO_NAMED,
    "TestItsNameIsInTheSource": GO_NAMED,
    "TestItsNumberOfLines": GO_BLIND,
    "TestLogsWhatGoesWrong": GO_NAMED,
    "TestRecovers": GO_NAMED,
    "TestFails": "does not pass now",
    "TestSkipped": "is skipped",
    "TestSkipsWhereItGivesNothing": "is skipped on the base",
    "TestComparesItWithItself": GO_NAMED,
    "TestEndsTheRun": GO_NAMED,
    "TestNotThere": "was not found: the runner found these in the file",
}
