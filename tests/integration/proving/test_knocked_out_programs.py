"""Code that is knocked out is read by the programs that run it: node, go, rustc."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cde_orchestrator.adapters.proving.knock_out.knock_outs import SourceKnockOuts
from cde_orchestrator.application.ports.proving import ChangedFile
from cde_orchestrator.domain.proofs import HowKnockedOut
from tests.programs import program
from tests.soak import SOAK

HOW: tuple[HowKnockedOut, ...] = ("nothing", "other", "control")
KNOCK_OUTS = SourceKnockOuts()

SCRIPT = """\
"use strict";
const { format } = require("node:util");
class Card {
  #limit = 5;
  static kinds = ["a"];
  total = (rate) => this.#limit * rate;
  constructor(number) { this.number = number; }
  get name() { return format("%s", this.number); }
  set name(value) { this.number = value; }
  static async *each() { yield 1; }
  async load() { return 1; }
  [Symbol.iterator]() { return [1][Symbol.iterator](); }
}
class Gold extends Card {
  constructor(number) {
    super(number)
    this.gold = true;
  }
}
const curried = (a) => (b) => a + b;
const wrapped = curried((x) => { return x; });
function pair(a) {
  "use strict"
  const inner = () => ({ a });
  return inner();
}
function* numbers() { yield 1; }
exports.pair = pair;
exports.shown = String(new Gold("1").gold) + typeof pair(1) + typeof wrapped + [...numbers()];
"""

GO = """\
package shop

import "errors"

// Limit of all.
const Limit = 5

// Card of a person.
type Card struct {
	Number string `json:"number"`
}

// Valid says whether it is.
func (c *Card) Valid() (bool, error) {
	if c.Number == "" {
		return false, errors.New("none")
	}
	return true, nil
}

// Named has named results.
func Named(a int) (x, y int, err error) {
	x = a
	return
}

// Map has types as parameters.
func Map[T any, U any](in []T, f func(T) U) (out map[string]U) {
	out = map[string]U{}
	for _, one := range in {
		out[""] = f(one)
	}
	return out
}

var double = func(x int) int { return x * 2 }

// Auth gives a function back.
func Auth(next func(<-chan int)) func(<-chan int) *Card {
	return func(c <-chan int) *Card {
		next(c)
		return &Card{Number: string(rune(double(1)))}
	}
}

// Run starts nothing.
func Run() { Auth(nil) }
"""

RUST = """\
#![deny(warnings)]
use std::collections::HashMap;
use std::io;
pub const LIMIT: u8 = 5;
pub struct Card { number: String }
pub trait Priced { fn price(&self) -> f64 { 1.0 } fn name(&self) -> &'static str; }
impl Priced for Card { fn name(&self) -> &'static str { "card" } }
impl Card {
    pub fn new(number: &str) -> Self { Card { number: number.to_string() } }
    pub fn valid(&self) -> Result<bool, String> {
        if self.number.is_empty() { return Err("none".into()); }
        Ok(true)
    }
    pub fn number(&self) -> &str { &self.number }
    pub const fn limit() -> u8 { LIMIT }
    pub fn parts(&mut self) -> (i32, Option<Vec<u8>>) { (1, None) }
    pub fn clear(&mut self) { self.number.clear(); }
    pub fn table() -> io::Result<HashMap<String, u8>> { Ok(HashMap::new()) }
    pub fn letters(&self) -> impl Iterator<Item = char> + '_ { self.number.chars() }
    pub async fn load(&self) -> char { 'a' }
}
#[cfg(test)]
mod tests {
    #[test]
    fn a_card_is_valid() { assert_eq!(super::Card::new("1").number(), "1"); }
}
"""


def run(folder: Path, *command: str) -> str:
    """What a program prints; the test fails where the program does."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def edited(path: str, content: str, how: HowKnockedOut) -> bytes:
    """A new file with all of it knocked out."""
    file = ChangedFile(path, None, content.encode())
    places = KNOCK_OUTS.places(file)
    assert {place.kind for place in places} == {"function"}
    return KNOCK_OUTS.knocked_out(file, places, how)


@pytest.mark.parametrize("how", HOW)
def test_node_runs_scripts_that_are_knocked_out(how: HowKnockedOut, tmp_path: Path) -> None:
    (tmp_path / "shop.js").write_bytes(edited("shop.js", SCRIPT, how))

    printed = run(tmp_path, program("node"), "-p", "require('./shop.js').shown").strip()

    assert (printed == "trueobjectfunction1") == (how == "control")


@pytest.mark.parametrize("how", HOW)
def test_go_compiles_packages_that_are_knocked_out(how: HowKnockedOut, tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module shop\n\ngo 1.18\n")
    (tmp_path / "shop.go").write_bytes(edited("shop.go", GO, how))

    run(tmp_path, program("go"), "vet", "./...")


def compiler(name: str) -> str:
    """The program; Rust's is large, and only a soak asks for it."""
    if name == "rustc" and not SOAK and not shutil.which(name):
        pytest.skip("rustc is tried in make soak")
    return program(name)


@pytest.mark.parametrize("how", HOW)
def test_rust_compiles_crates_that_are_knocked_out(how: HowKnockedOut, tmp_path: Path) -> None:
    (tmp_path / "lib.rs").write_bytes(edited("lib.rs", RUST, how))

    rustc = compiler("rustc")
    run(tmp_path, rustc, "--edition=2021", "--crate-type=lib", "--emit=metadata", "lib.rs")
    run(tmp_path, rustc, "--edition=2021", "--test", "--emit=metadata", "lib.rs")


@pytest.mark.parametrize(
    ("path", "content", "command"),
    [
        ("shop.js", SCRIPT, ("node", "shop.js")),
        ("shop.go", GO, ("go", "vet", "shop.go")),
        ("lib.rs", RUST, ("rustc", "--edition=2021", "--crate-type=lib", "lib.rs")),
    ],
)
def test_what_is_broken_fails_when_it_is_loaded(
    path: str, content: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    broken = KNOCK_OUTS.broken(ChangedFile(path, None, content.encode()))
    (tmp_path / path).write_bytes(broken)

    done = subprocess.run(
        [compiler(command[0]), *command[1:]], cwd=tmp_path, capture_output=True, check=False
    )

    assert done.returncode != 0
