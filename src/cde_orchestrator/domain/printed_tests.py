"""What a run of tests prints of itself: how many passed, and which failed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field

from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.value import Value

FAILED = "failed"
"""Of the counts, the one of tests that failed, errors included."""
SHOWN = 30
NAME_LIMIT = 200
"""How many names of failing tests are shown, and characters of each."""

_NUMBER_WORD = pattern(r"(?P<number>\d+) (?P<word>[a-z]+(?: out)?)")
_WORD_NUMBER = pattern(r"(?P<word>[a-z][a-z ]*)[= ](?P<number>\d+)", re.IGNORECASE)
_ANSI = pattern(r"\x1b\[[0-9;]*[A-Za-z]")
_WORDS = {
    "pass": "passed",
    "ok": "passed",
    "fail": FAILED,
    "failures": FAILED,
    "error": FAILED,
    "errors": FAILED,
    "unexpected successes": FAILED,
    "ignored": "skipped",
}
_NOT_SHOWN = frozenset({"total", "tests", "warning", "warnings", "measured", "filtered out"})


class PrintedTests(Value):
    """What the end of an output says of tests.

    Attributes:
        counts: tests by what became of them, such as ``passed``; empty where it does not say.
        failing: names of those that failed; None where not all of them are known.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    failing: tuple[str, ...] | None = None


class _Form(Value):
    """How one runner prints.

    Attributes:
        name: a line that names a test that failed.
        summary: a line with the counts; each that there is counts, or the last alone.
        count: a number and its word in it.
        adds_up: whether each line with counts is of other tests.
    """

    name: re.Pattern[str]
    summary: re.Pattern[str] | None = None
    count: re.Pattern[str] = _NUMBER_WORD
    adds_up: bool = False

    def read(self, text: str) -> PrintedTests | None:
        """What was printed; None where another runner printed it."""
        lines = [match[0] for match in self.summary.finditer(text)] if self.summary else []
        if not lines:
            return None
        counts: dict[str, int] = {}
        for line in lines if self.adds_up else lines[-1:]:
            for match in self.count.finditer(line):
                word = (match["word"] or "").strip().lower()
                if word not in _NOT_SHOWN:
                    known = _WORDS.get(word, word)
                    counts[known] = counts.get(known, 0) + int(match["number"])
        return PrintedTests(counts, _all_of(self.name.findall(text), counts.get(FAILED, 0)))


def _all_of(names: Sequence[str], due: int) -> tuple[str, ...] | None:
    """The names, each once, if they are as many as have failed."""
    found = tuple(dict.fromkeys(name.strip() for name in names))
    return found if len(found) == due else None


_FORMS = (
    _Form(  # pytest
        pattern(
            r"^(?:FAILED|ERROR) (\S+?::[^\[\n]*?(?:\[.*?\])?|\S+\.py)(?: - .*)?$", re.MULTILINE
        ),
        pattern(r"^(?:=+ )?\d+ [a-z]+(?:, \d+ [a-z]+)* in [\d.]+s.*$", re.MULTILINE),
        _NUMBER_WORD,
    ),
    _Form(  # unittest
        pattern(r"^(?:FAIL|ERROR): ([\w.]+ \([\w.]+\)(?: [(\[].*)?)$", re.MULTILINE),
        pattern(r"^(?:FAILED|OK)(?: \([a-z =\d,]+\))?$", re.MULTILINE),
        _WORD_NUMBER,
    ),
    _Form(  # cargo
        pattern(r"^test (.+) \.\.\. FAILED$", re.MULTILINE),
        pattern(r"^test result: [^\n]+$", re.MULTILINE),
        _NUMBER_WORD,
        adds_up=True,
    ),
    _Form(  # jest and vitest
        pattern(r"^ *(?:● |FAIL  )(.+ [\u203a>] .+)$", re.MULTILINE),
        pattern(r"^ *Tests:? +\d+ [^\n]+$", re.MULTILINE),
        _NUMBER_WORD,
    ),
    _Form(  # node --test, and whatever prints TAP
        pattern(
            r"^ *(?:not ok \d+ - (?=.)|✖ (?=.+ \([\d.]+ ?ms\)$))(.+?)"
            r"(?: \([\d.]+ ?ms\)| #.*)?$",
            re.MULTILINE,
        ),
        pattern(r"^(?:#|\u2139) (?:pass|fail|skipped) \d+$", re.MULTILINE),
        _WORD_NUMBER,
        adds_up=True,
    ),
    _Form(pattern(r"^ *--- FAIL: (\S+)(?: .*)?$", re.MULTILINE)),  # go, which counts nothing
)
_GO_FAILED = pattern(r"^--- FAIL: (\S+)|^FAIL\t(\S+)([^\n]*)$", re.MULTILINE)
_GO_TESTED = pattern(r"^(?:ok  |FAIL)\t(?!.*\[no tests? (?:files|to run)\])", re.MULTILINE)
_GO_PACKAGE = pattern(r"^(?:ok  |FAIL|\?   )\t", re.MULTILINE)


def printed_tests(text: str, *, is_whole: bool) -> PrintedTests:
    """What an output, or its end, says of tests; nothing is guessed.

    Args:
        text: the output.
        is_whole: whether nothing was cut off before it.
    """
    text = _ANSI.sub("", text).replace("\r\n", "\n")
    for form in _FORMS:
        if (read := form.read(text)) is not None:
            return read
    if is_whole and _GO_PACKAGE.search(text):
        return _of_go(text)
    return PrintedTests()


def failing_tests_in(output: str) -> list[str]:
    """Names of tests that failed, each once, in the order of the output; at most 30.

    Of any runner, and without a count: lines that read otherwise name none.
    """
    found: dict[str, None] = {}
    for line in output.splitlines():
        text = line.rstrip()[: 2 * NAME_LIMIT]
        match = next((match for form in _FORMS if (match := form.name.fullmatch(text))), None)
        if match and match[1].isprintable():
            found[match[1][:NAME_LIMIT]] = None
    return list(found)[:SHOWN]


def _of_go(text: str) -> PrintedTests:
    """Go counts nothing, so that only a whole output says it; a package follows its tests.

    Where no package has a test, that is a count: none passed.
    """
    failing: list[str] = []
    waiting: list[str] = []
    for test, package, how in _GO_FAILED.findall(text):
        if test:
            waiting.append(test)
            continue
        failing += [f"{package}.{each}" for each in waiting] or [f"{package}{how.rstrip()}"]
        waiting = []
    if not _GO_TESTED.search(text):
        return PrintedTests({"passed": 0}, ())
    return PrintedTests({FAILED: len(failing)} if failing else {}, tuple(failing))
