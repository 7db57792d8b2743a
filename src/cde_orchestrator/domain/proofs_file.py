"""What ``proofs.yml`` may say: for each criterion the tests or commands that show it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from cde_orchestrator.domain.project_paths import path_problem
from cde_orchestrator.domain.proofs import Proof
from cde_orchestrator.domain.text import hidden_character
from cde_orchestrator.domain.value import Value

PROOFS_LIMIT = 200
"""Proofs of one feature: each is run up to eight times."""
PROOFS_OF_A_CRITERION = 50
SIZE_LIMIT = 64 * 1024
"""Bytes of the ids of all proofs: they are kept with the feature and in its record."""
ID_LIMIT = 1_000
WORDS_LIMIT = 100
PROBLEMS_LIMIT = 50
FORMS: Mapping[str, str] = {
    "pytest": "tests/test_pay.py::TestCard::test_is_charged",
    "unittest": "tests/test_pay.py::TestCard::test_is_charged",
    "node": "test/pay.test.js::card > is charged",
    "vitest": "test/pay.test.ts::card > is charged",
    "jest": "test/pay.test.js::card > is charged",
    "go": "pay/pay_test.go::TestCharged/expired",
    "cargo": "tests/pay.rs::is_charged",
}
"""A test's id as each runner has it."""
_ANY_FORM = "path/of/its/file::name of the test"

IsNoTest = Callable[[str], str | None]
"""Why a text is no test id of a runner; None where it may be one."""


def form_of(runners: Iterable[str]) -> str:
    """A test's id as one of these runners has it, the first whose form is known."""
    return next((FORMS[name] for name in runners if name in FORMS), _ANY_FORM)


class Written(Protocol):
    """A value of the file, and where it is.

    Attributes:
        value: text, a number, true, false or nothing; a list or a mapping of such nodes.
        line: from 1.
    """

    @property
    def value(self) -> Any:
        """The value."""

    @property
    def line(self) -> int:
        """The line."""


class ProofsProblem(Value):
    """Why the file cannot be used.

    Attributes:
        line: from 1; None where it is about the whole file.
        key: the criterion, or what is written as one; empty for the whole file.
        fix: what to do about it.
    """

    line: int | None
    key: str
    problem: str
    fix: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.key} {self.problem}".strip()

    def as_dict(self) -> dict[str, Any]:
        """The problem as an error's context has it."""
        return {key: value for key, value in asdict(self).items() if value}


class ParsedProofs(Value):
    """The proofs by criterion, in the file's order, and everything that is wrong."""

    proofs: Mapping[str, tuple[Proof, ...]]
    problems: Sequence[ProofsProblem]


def parse_proofs(
    root: Written,
    criteria: Sequence[str],
    runners: Mapping[str, IsNoTest],
    waived: Collection[str] = (),
) -> ParsedProofs:
    """The proofs of a file.

    Args:
        root: its content.
        criteria: ids of the specification's criteria.
        runners: what knows the test ids of each runner, by the runner's name.
        waived: ids of criteria that a person waived, which need no proof.
    """
    if not isinstance(root.value, Mapping):
        fix = f"Write a line for each criterion, as AC1: {form_of(runners)}"
        problem = ProofsProblem(root.line, "", "the file is no mapping of criteria to proofs", fix)
        return ParsedProofs({}, [problem])
    reader = _Reader(runners)
    for key, node in root.value.items():
        if key in criteria:
            reader.read(key, node)
        else:
            there = ", ".join(criteria[:20]) or "none"
            fix = f"Use an id of the specification; it has: {there}"
            reader.refuse(node, key, "is no criterion of the specification", fix)
    for criterion in criteria:
        if criterion not in root.value and criterion not in waived:
            reader.problems.append(_missing(criterion))
    ids = [proof.id for proofs in reader.proofs.values() for proof in proofs]
    fix = "Name the tests that show a criterion best, one or two for each"
    if len(ids) > PROOFS_LIMIT:
        words = f"it has more than {PROOFS_LIMIT} proofs"
        reader.problems.append(ProofsProblem(None, "", words, fix))
    elif sum(len(each.encode()) for each in ids) > SIZE_LIMIT:
        words = f"the ids of its proofs have more than {SIZE_LIMIT} bytes in all"
        reader.problems.append(ProofsProblem(None, "", words, fix))
    return ParsedProofs(reader.proofs, reader.problems[:PROBLEMS_LIMIT])


def _missing(criterion: str) -> ProofsProblem:
    fix = f"Add the line {criterion}: with the id of a test that shows it"
    return ProofsProblem(None, criterion, "has no proof", fix)


class _Reader:
    """Reads entries, and collects what is wrong with them."""

    def __init__(self, runners: Mapping[str, IsNoTest]) -> None:
        self.proofs: dict[str, tuple[Proof, ...]] = {}
        self.problems: list[ProofsProblem] = []
        self._runners = runners
        self._form = form_of(runners)
        self._write = (
            "Write a test's id, a mapping with command and contains, or a list of these, as "
            f"{self._form}"
        )

    def refuse(self, node: Written, key: str, problem: str, fix: str) -> None:
        """Note a problem."""
        self.problems.append(ProofsProblem(node.line, key, problem, fix))

    def read(self, key: str, node: Written) -> None:
        """Read the entry of a criterion."""
        nodes = node.value if isinstance(node.value, list) else [node]
        if not nodes or node.value in (None, ""):
            self.refuse(node, key, "has no proof", f"{self._write}, after {key}:")
            return
        if len(nodes) > PROOFS_OF_A_CRITERION:
            words = f"has {len(nodes)} proofs; at most {PROOFS_OF_A_CRITERION} are accepted"
            self.refuse(node, key, words, "Name the tests that show it best")
            return
        found: dict[str, Proof] = {}
        for each in nodes:
            for proof in self._proof(key, each):
                if proof.id in found:
                    self.refuse(each, key, f"names {proof.id} twice", "Remove one of them")
                found[proof.id] = proof
        self.proofs[key] = tuple(found.values())

    def _proof(self, key: str, node: Written) -> Iterator[Proof]:
        value = node.value
        if isinstance(value, str) and value.strip().casefold() != "waived":
            if self._is_test(key, node):
                yield Proof(test=value)
        elif isinstance(value, str) or (isinstance(value, Mapping) and "waived" in value):
            words = "is waived in the file, which only a person can do"
            fix = f"Prove it, or ask a person to run: cde waive FEATURE {key} --reason REASON"
            self.refuse(node, key, words, fix)
        elif isinstance(value, Mapping):
            yield from self._command(key, node)
        else:
            self.refuse(node, key, "has neither a test's id nor a command", self._write)

    def _is_test(self, key: str, node: Written) -> bool:
        test: str = node.value
        shown = test if len(test) <= 80 else test[:79] + "…"
        path = test.partition("::")[0]
        problem = _text_problem(test, ID_LIMIT) or path_problem(path)
        begins = f"it begins with {path[0]}" if path.startswith(("-", "$ ")) else None
        if problem := problem or begins:
            words = f"names the test {shown!r}, but {problem}"
            fix = f"Name a test by its file within the project, as {self._form}"
            self.refuse(node, key, words, fix)
            return False
        reasons = {name: problem(test) for name, problem in self._runners.items()}
        if reasons and None not in reasons.values():
            said = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
            fix = f"Name a test of {' or '.join(reasons)}, as {self._form}"
            self.refuse(node, key, f"names {shown!r}, which is no test's id for {said}", fix)
            return False
        return True

    def _command(self, key: str, node: Written) -> Iterator[Proof]:
        before = len(self.problems)
        entries: Mapping[str, Written] = node.value
        for name, entry in entries.items():
            if name not in {"command", "contains"}:
                fix = "Use command, a list of words, and contains, a text"
                self.refuse(entry, key, f"has the unknown key {name!r}", fix)
        words = self._words(key, node, entries.get("command"))
        contains = ""
        if given := entries.get("contains"):
            problem = "it is not text"
            if isinstance(given.value, str):
                problem = _text_problem(given.value, ID_LIMIT) or ""
                contains = given.value
            if problem:
                fix = 'Write a text in quotes, as contains: "2.1"'
                self.refuse(given, key, f"has contains, but {problem}", fix)
        if len(self.problems) == before:
            yield Proof(command=words, contains=contains)

    def _words(self, key: str, node: Written, given: Written | None) -> tuple[str, ...]:
        fix = "Write the command as a list of words, numbers in quotes: command: [python, -m, shop]"
        if given is None:
            self.refuse(node, key, "has a mapping without command", fix)
            return ()
        words = [each.value for each in given.value] if isinstance(given.value, list) else []
        if not words or len(words) > WORDS_LIMIT:
            self.refuse(given, key, f"has a command that is no list of 1 to {WORDS_LIMIT}", fix)
            return ()
        for word in words:
            problem = _text_problem(word, ID_LIMIT) if isinstance(word, str) else "it is not text"
            if problem:
                self.refuse(given, key, f"has the word {word!r} in its command: {problem}", fix)
                return ()
        return tuple(words)


def _text_problem(text: str, limit: int) -> str | None:
    if not text.strip():
        return "it is empty"
    if len(text) > limit:
        return f"it has more than {limit} characters"
    hidden = hidden_character(text, kept="")
    return f"it has the character {hidden}" if hidden else None
