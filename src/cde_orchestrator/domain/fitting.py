"""Which workflow fits a goal, by rules that the documentation lists; it is only advice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.text import counted
from cde_orchestrator.domain.value import Value

DOCUMENTS = "documentation docs readme tutorial changelog docstrings"
DOCUMENT = "document"
DEFECTS = (
    "fix fixes bug bugs defect regression crash crashes crashed broken fails failing hangs "
    "traceback"
)
QUESTIONS = "why what which how whether does is are"
STUDIES = "compare evaluate explore investigate research"
LARGE = (
    "architecture authentication authorization concurrency database encryption framework "
    "migrate migration payment payments permissions platform protocol redesign rewrite schema "
    "security"
)
"""Words by which goals are known; a change that one of the last names is seldom small."""
FIRST_WORDS = 6
POINTS = 5
FILES = 3
CHARACTERS = 800
"""What a small goal has at most: points are its list items, or its sentences if it has none."""

_WORD = pattern(r"[^\W_]+")
_ITEM = pattern(r"^[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+\S", re.MULTILINE)
_SENTENCE_END = pattern(r"[.!?](?=\s+[^a-z\s]|\s*\Z)")
_FILE = pattern(r"(?<![\w/.-])(?:[\w.-]+/)*[\w-]+\.[a-z][a-z0-9]{0,3}(?![\w/(])", re.IGNORECASE)
_DOCUMENT_FILE = pattern(r".*\.(?:md|rst|txt|adoc)", re.IGNORECASE)
_ABBREVIATIONS = frozenset({"e.g", "i.e"})


class Advice(Value):
    """The workflow that fits a goal, and why."""

    workflow: str
    why: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: the workflow, when it fits, and what finds that out of a goal.

    ``find`` gives the reason, or nothing where it does not fit.
    """

    workflow: str
    when: str
    find: Callable[[Goal], str | None]


class Goal(Value):
    """What was asked for, as rules look at it, and whether the project has a test command."""

    text: str
    has_tests: bool

    @property
    def words(self) -> list[str]:
        """All words, in lower case."""
        return _WORD.findall(self.text.lower())

    @property
    def first_sentence(self) -> str:
        """The words up to the first end of a sentence or a line."""
        line = self.text.strip().partition("\n")[0]
        end = next((each.start() for each in _ends(line)), len(line))
        return line[:end].lower()

    @property
    def points(self) -> int:
        """Its list items, or its sentences if it has none."""
        text = self.text.strip()
        ends = list(_ends(text))
        open_end = not ends or ends[-1].end() < len(text)
        return len(_ITEM.findall(text)) or len(ends) + open_end

    @property
    def files(self) -> list[str]:
        """The files that it names, each once."""
        found = (each for each in _FILE.findall(self.text) if each.lower() not in _ABBREVIATIONS)
        return list(dict.fromkeys(found))

    @property
    def is_read(self) -> bool:
        """Whether it is in letters that the rules can read."""
        letters = [each for each in self.text if each.isalpha()]
        return 2 * sum(each.isascii() for each in letters) > len(letters)


def fitting(goal: str, *, has_tests: bool) -> Advice | None:
    """The workflow that the first rule names which fits; None for a goal that no rule can read."""
    asked = Goal(goal, has_tests)
    if not asked.is_read:
        return None
    found = ((rule, rule.find(asked)) for rule in RULES)
    return next((Advice(rule.workflow, why) for rule, why in found if why), None)


def _ends(text: str) -> Iterator[re.Match[str]]:
    return _SENTENCE_END.finditer(text)


def _first_of(words: Iterable[str], known: str) -> str | None:
    listed = known.split()
    return next((word for word in words if word in listed), None)


def _question(goal: Goal) -> str | None:
    first = goal.words[0]
    asks = goal.text.rstrip().endswith("?") and first in QUESTIONS.split()
    return "the goal is a question" if asks or first in STUDIES.split() else None


def _documents(goal: Goal) -> str | None:
    word = _first_of(goal.words[:1], DOCUMENT) or _first_of(goal.words[:FIRST_WORDS], DOCUMENTS)
    if word is None or not all(map(_DOCUMENT_FILE.fullmatch, goal.files)):
        return None
    return f"the goal begins with documentation ({word})"


def _defect(goal: Goal) -> str | None:
    word = _first_of(_WORD.findall(goal.first_sentence), DEFECTS)
    return None if word is None else f"the goal names a defect ({word})"


def _large(goal: Goal) -> str | None:
    if word := _first_of(goal.words, LARGE):
        return f"the goal names what is seldom small ({word})"
    if goal.points > POINTS:
        return f"the goal has {counted(goal.points, 'point')}, more than {POINTS}"
    if len(goal.files) > FILES:
        return f"the goal names {counted(len(goal.files), 'file')}, more than {FILES}"
    if len(goal.text) > CHARACTERS:
        return f"the goal has {counted(len(goal.text), 'character')}, more than {CHARACTERS}"
    return None if goal.has_tests else "no command is known that runs the project's tests"


def _small(goal: Goal) -> str:
    points = "one point" if goal.points == 1 else counted(goal.points, "point")
    named = {0: "no file", 1: "one file"}.get(len(goal.files)) or counted(len(goal.files), "file")
    return f"the goal has {points} and names {named}"


def _listed(words: str) -> str:
    return ", ".join(words.split())


RULES = (
    Rule(
        "research",
        f"the goal ends with a question mark and begins with {_listed(QUESTIONS)}; or it begins "
        f"with {_listed(STUDIES)}",
        _question,
    ),
    Rule(
        "docs",
        f"it begins with {DOCUMENT}, or one of its first {FIRST_WORDS} words is "
        f"{_listed(DOCUMENTS)}; and it names no file but documents (`.md`, `.rst`, `.txt`, "
        "`.adoc`)",
        _documents,
    ),
    Rule("quick-fix", f"the first sentence has one of {_listed(DEFECTS)}", _defect),
    Rule(
        "standard",
        f"it has one of {_listed(LARGE)}; or more than {POINTS} points (list items, or sentences), "
        f"{FILES} files or {CHARACTERS} characters; or no command is known that runs the "
        "project's tests",
        _large,
    ),
    Rule("lean", "everything else", _small),
)
"""In this order; the first that fits counts."""
