"""Tries whether the tests notice faults: ``make mutants``.

Modules that hold the product's promises are changed in one place at a time, in a copy of the
repository, and the tests that run the changed line are run there. What no test notices is
printed: it is a fault that nobody would see, or a change that makes no difference. Those that
were judged to make none stand with the reason in ``equivalent_mutants.toml``.

Settings, all of them variables of the environment:
    MUTANTS_SEED: chooses the sample; the same seed chooses the same one from the same source.
    MUTANTS_SAMPLE: mutants of each group.
    MUTANTS_JOBS: how many are tried at a time.
    MUTANTS_ONLY: names of mutants, as a report has them, in place of a sample.
"""

from __future__ import annotations

import ast
import hashlib
import os
import random
import re
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from coverage import CoverageData

from tools.mutants_copy import PYTEST, ROOT, Copy, failures
from tools.mutation import Mutable, Mutant

PACKAGE = "src/cde_orchestrator"
GROUPS = {
    "state": [
        f"{PACKAGE}/storage/{name}.py"
        for name in (
            *(f"format/{each}" for each in ("journal", "checkpoint", "json_patch", "segment")),
            *("loader", "repair", "memory", "store", "head"),
            *("quarantine", "project_lock", "held_folder", "read_only", "retention"),
        )
    ]
    + [f"{PACKAGE}/infrastructure/system/process_lock.py"],
    "gate": [
        f"{PACKAGE}/domain/{name}.py"
        for name in ("gate", "markdown", "workflow", "feature", "lease", "project", "names")
    ],
    "secrets": [
        f"{PACKAGE}/domain/secrets.py",
        f"{PACKAGE}/adapters/repositories/changes.py",
    ],
    "leases": [f"{PACKAGE}/domain/lease.py", f"{PACKAGE}/application/features/leases.py"],
    "breakers": [
        f"{PACKAGE}/infrastructure/breakers/breaker.py",
        f"{PACKAGE}/infrastructure/breakers/record.py",
    ],
    "http": [f"{PACKAGE}/web/{name}.py" for name in ("guards", "sign_in")],
}
TESTS = (
    "tests/unit",
    "tests/contract",
    "tests/simulation",
    *(
        f"tests/integration/test_{name}.py"
        for name in (
            *("process_lock", "shared_breakers", "degradation", "recovery", "concurrency"),
            *("git_keeps_state", "phases", "phase_adapters"),
        )
    ),
)
REPORTS = ROOT / "build" / "mutants"
_DURATION = re.compile(r"([\d.]+)s (?:call|setup|teardown) +(\S+::.*)")
EQUIVALENT = ROOT / "tools" / "equivalent_mutants.toml"
_LINES_OF_AN_EXPRESSION = 12
BUDGET_SECONDS = 20.0
"""What the tests of one mutant took together when nothing was changed; the quickest come first."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: ``killed``, ``survived``, ``equivalent`` or ``undecided``.

    Attributes:
        by: the first test that failed, or why a mutant is equivalent.
    """

    group: str
    mutant: Mutant
    outcome: str
    by: str = ""


class Covering:
    """Which tests run which line, as an unharmed run of all of them tells.

    Args:
        database: what coverage wrote in that run, with a context for each test.
        output: what pytest printed in it, with how long each test took.
    """

    def __init__(self, database: Path, output: str) -> None:
        self.failed = failures(output)
        left_out = {_function(test) for test in self.failed}
        self._seconds: dict[str, float] = {}
        for line in output.splitlines():
            if match := _DURATION.fullmatch(line):
                test = _function(match[2])
                self._seconds[test] = self._seconds.get(test, 0.0) + float(match[1])
        data = CoverageData(str(database))
        data.read()
        self._tests = {
            path: {
                line: {_function(context) for context in contexts if context} - left_out
                for line, contexts in data.contexts_by_lineno(path).items()
            }
            for path in {path for paths in GROUPS.values() for path in paths}
        }

    def of(self, mutant: Mutant) -> list[str]:
        """The tests to try a mutant with, the file of tests for its module first."""
        lines = self._tests[mutant.path]
        found = lines.get(mutant.line) or set().union(*lines.values())
        own = f"/test_{Path(mutant.path).stem}.py::"
        chosen = sorted((test for test in self._seconds if own in test), key=self._cost)
        left = BUDGET_SECONDS
        for test in sorted(found - {*chosen}, key=self._cost):
            left -= self._seconds.get(test, 0.0)
            if left < 0:
                break
            chosen.append(test)
        return chosen

    def _cost(self, test: str) -> tuple[float, str]:
        return self._seconds.get(test, 0.0), test


def sampled(modules: Iterable[Mutable], count: int, seed: str) -> list[Mutant]:
    """So many mutants, each of another line, the same ones for the same seed."""
    chance = random.Random(seed)
    places = [(module, line) for module in modules for line in module.places]
    chance.shuffle(places)
    found: list[Mutant] = []
    for module, line in places:
        if len(found) == count:
            break
        numbers = [*range(1, len(module.places[line]) + 1)]
        chance.shuffle(numbers)
        candidates = (module.mutant(line, number) for number in numbers)
        mutant = next((each for each in candidates if each is not None), None)
        if mutant is not None:
            found.append(mutant)
    return found


def chosen() -> list[tuple[str, Mutant]]:
    """The mutants to try, with their groups."""
    modules = {
        path: Mutable(path, (ROOT / path).read_text())
        for paths in GROUPS.values()
        for path in paths
    }
    named = os.environ.get("MUTANTS_ONLY", "").split()
    seed, count = os.environ.get("MUTANTS_SEED", "1"), int(os.environ.get("MUTANTS_SAMPLE", "40"))
    found: list[tuple[str, Mutant]] = []
    for group, paths in GROUPS.items():
        if not named:
            sample = sampled([modules[path] for path in paths], count, f"{seed}:{group}")
            found += [(group, mutant) for mutant in sample]
    for name in named:
        path, _, place = name.partition(":")
        line, _, number = place.partition("#")
        mutant = modules[path].mutant(int(line), int(number))
        group = next(group for group, paths in GROUPS.items() if path in paths)
        if mutant is not None:
            found.append((group, mutant))
    return found


def equivalent(mutant: Mutant, known: list[dict[str, Any]]) -> str | None:
    """Why a mutant makes no difference; None when nobody judged so."""
    lines = [line[0] + line[1:].strip() for line in mutant.difference()]
    for each in known:
        wanted = [line[0] + line[1:].strip() for line in each["change"].strip().splitlines()]
        if each["path"] == mutant.path and wanted == lines:
            return str(each["why"])
    return None


_mutable = lru_cache(Mutable)


def is_current(known: dict[str, Any], source: str) -> bool:
    """Whether what was judged to make no difference is a mutant of the source as it is."""
    lines = known["change"].strip().splitlines()
    first = next(line[1:].strip() for line in lines if line[0] == "-")
    added = "\n".join(line[1:] for line in lines if line[0] == "+")
    for statement in ast.parse(source).body:  # a mutant of a part of the module is made sooner
        part = source.splitlines()[statement.lineno - 1 : statement.end_lineno]
        places = [place for place, text in enumerate(part, start=1) if text.strip() == first]
        module = _mutable(known["path"], "\n".join(part)) if places else None
        if module and any(
            equivalent(mutant, [known]) is not None
            for place in places
            for line in range(place, max(place - _LINES_OF_AN_EXPRESSION, 0), -1)
            for mutant in module.mutants(line, added)
        ):
            return True
    return False


def covering(copy: Copy) -> Covering:
    """Run all tests unharmed, unless these very files were run before; see what they run."""
    digest = hashlib.sha256()
    for path in sorted([*(copy.root / "src").rglob("*.py"), *(copy.root / "tests").rglob("*.py")]):
        digest.update(path.read_bytes())
    database = REPORTS / f"coverage-{digest.hexdigest()[:16]}"
    printed = database.with_name(database.name + ".log")
    if not printed.exists():
        REPORTS.mkdir(parents=True, exist_ok=True)
        print("Running the tests unharmed", flush=True)
        settings = copy.root.parent / "coverage.ini"
        settings.write_text(
            "[run]\nsource_pkgs = cde_orchestrator\nrelative_files = true\n"
            "disable_warnings = module-not-imported,no-data-collected\n"
        )
        words = ["pytest", *TESTS, *PYTEST, f"-n{_jobs()}", "--cov", "--cov-report="]
        words += [f"--cov-config={settings}", "--cov-context=test"]
        words += ["--durations=0", "--durations-min=0"]
        done = copy.run(*words, COVERAGE_FILE=str(database))
        if done.returncode > 1:
            sys.exit(f"The tests cannot be run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        printed.write_text(done.stdout)
    tests = Covering(database, printed.read_text())
    if tests.failed:
        print("These fail unharmed, and are left out:", *tests.failed, sep="\n  ", flush=True)
    return tests


def _function(test: str) -> str:
    """The test without its parameters, and without what pytest-cov adds to a context."""
    return test.split("|", maxsplit=1)[0].split("[", maxsplit=1)[0]


def _jobs() -> int:
    return int(os.environ.get("MUTANTS_JOBS", "2"))


def tried(mutants: list[tuple[str, Mutant]], copies: list[Copy], tests: Covering) -> list[Verdict]:
    """The verdict on each mutant; each is printed as it falls."""
    known = tomllib.loads(EQUIVALENT.read_text())["mutant"]
    free: SimpleQueue[Copy] = SimpleQueue()
    for each in copies:
        free.put(each)

    def judged(group: str, mutant: Mutant) -> Verdict:
        if reason := equivalent(mutant, known):
            return Verdict(group, mutant, "equivalent", reason)
        copy = free.get()
        try:
            code = copy.tested(mutant, tests.of(mutant))
            if code == 0:
                return Verdict(group, mutant, "survived")
            if code is None:
                return Verdict(group, mutant, "undecided")
            return Verdict(group, mutant, "killed", copy.failed())
        finally:
            free.put(copy)

    verdicts: list[Verdict] = []
    with ThreadPoolExecutor(len(copies)) as pool:
        for verdict in pool.map(lambda each: judged(*each), mutants):
            print(f"{verdict.outcome:10} {verdict.mutant.name} {verdict.by}", flush=True)
            verdicts.append(verdict)
    return verdicts


def report(verdicts: list[Verdict]) -> str:
    """Survivors with their difference, then a table of the groups."""
    lines: list[str] = []
    for verdict in verdicts:
        if verdict.outcome in {"survived", "undecided"}:
            lines += [f"{verdict.outcome} {verdict.mutant.name}", *verdict.mutant.difference(), ""]
    lines += [
        "| Group | Sampled | Killed | Equivalent | Survived | Undecided | Score |",
        "|---|---|---|---|---|---|---|",
    ]
    for group in [*dict.fromkeys(verdict.group for verdict in verdicts), "all"]:
        counts = Counter(each.outcome for each in verdicts if group in {each.group, "all"})
        total = sum(counts.values())
        score = 100 * counts["killed"] / max(total - counts["equivalent"], 1)
        cells = [group, total, *(counts[each] for each in _OUTCOMES), f"{score:.1f} %"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _require_running(copies: list[Copy], tests: list[str]) -> None:
    """The tests must pass in every copy as long as nothing is changed there."""
    for copy in copies:
        if copy.tested(None, tests):
            sys.exit(f"Tests fail in a copy:\n{copy.output.read_text()}")


def _require_sound(copy: Copy, verdicts: list[Verdict]) -> None:
    """Whatever killed a mutant must pass without it, run in the same way."""
    killers = sorted({_function(verdict.by) for verdict in verdicts if "::" in verdict.by})
    if killers and copy.tested(None, killers):
        sys.exit(f"A verdict is wrong, this fails without a mutant: {copy.failed()}")


_OUTCOMES = ("killed", "equivalent", "survived", "undecided")


def main() -> None:
    """Try a sample of mutants; fails when one survives."""
    mutants = chosen()
    with tempfile.TemporaryDirectory(prefix="cde-m-") as folder:
        copies = [Copy(Path(folder) / str(number)) for number in range(_jobs())]
        tests = covering(copies[0])
        try:
            _require_running(copies, tests.of(mutants[0][1])[:9])
            verdicts = tried(mutants, copies, tests)
            _require_sound(copies[0], verdicts)
        finally:
            for copy in copies:
                copy.end()
    text = report(verdicts)
    (REPORTS / "report.md").write_text(text)
    print(f"\n{text}\nAlso in {REPORTS / 'report.md'}")
    sys.exit(any(verdict.outcome in {"survived", "undecided"} for verdict in verdicts))


if __name__ == "__main__":
    main()
