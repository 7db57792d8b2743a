"""The tasks of a feature: what is to be done, where, and for which criteria."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, pairwise

from cde_orchestrator.domain import markdown
from cde_orchestrator.domain.criteria import CRITERION
from cde_orchestrator.domain.markdown import Line
from cde_orchestrator.domain.marked_items import Item, Mark, belonging_to, defining, item_words
from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.project_paths import path_problem
from cde_orchestrator.domain.value import Value

TASK = Mark("T")
TASKS_LIMIT = 100
"""Tasks of a feature."""
TEXT_LIMIT = 500
"""Characters of a task's text."""
FILES_LIMIT = 20
PATH_LIMIT = 200
CRITERIA_LIMIT = 100
"""Criteria that are kept of one task."""
LINES_LIMIT = 200
"""Lines of one task, or of the coverage, that are searched for what they name."""

_SECTION = "## tasks"
_COVERAGE = "## coverage"
_SPAN = pattern(r"(?<!`)`{1,3}([^`]{1,300})`{1,3}")
_PLACE = pattern(r"([^\s:*?\"<>|]+)(?:::\S*|:[0-9]\S*)?")
"""A file, maybe with a test or a line in it."""
_ENDING = pattern(
    r".*\.(?:adoc|c|cc|cfg|cjs|cpp|cs|css|csv|go|gradle|h|hpp|htm|html|ini|java|js|json|jsonc|jsx"
    r"|kt|kts|less|lock|lua|md|mjs|php|pl|proto|ps1|py|pyi|rb|rs|rst|sass|scala|scss|sh|sql|svelte"
    r"|svg|swift|tf|toml|ts|tsx|txt|vue|xml|yaml|yml)",
    re.IGNORECASE,
)
_NAME = pattern(
    r"(?:Docker|Container|Gem|Jenkins|Just|just|Make|Pip|Proc|Rake|Vagrant)file(?:\.[\w-]+)?"
    r"|GNUmakefile|makefile|go\.(?:mod|sum|work)|CODEOWNERS|LICENSE"
    r"|\.(?:docker|git|npm|prettier|eslint)ignore|\.gitattributes|\.editorconfig|\.env\.example"
)
"""A file that has another ending, or none."""
_NO_PATH = pattern(
    r"[A-Z]+(?:/[A-Z]+)+|(?i:and/or|either/or|yes/no|true/false|on/off|n/a|he/she|his/her)"
    r"|(?:application|audio|font|image|multipart|text|video)/(?:\*|css|csv|event-stream|form-data"
    r"|gif|html|javascript|jpeg|json|markdown|mp4|mpeg|octet-stream|pdf|plain|png|toml|webp|xml"
    r"|yaml|zip|x-[\w.-]+|vnd\.[\w.+-]+|[\w.-]+\+(?:json|xml|yaml|zip))"
)
"""Words or methods with a slash between them, and types of content."""
_SERVES = pattern(r"(?:serves|covers|for|and|criterion|criteria|ac[0-9]+|[\W_])*")
"""What says nothing but which criteria a task serves."""


class Task(Value):
    """A part of the work.

    Attributes:
        id: as ``T1``.
        text: in one line, at most 500 characters.
        files: paths in the project, as far as it names them.
        criteria: ids of those that it serves.
    """

    id: str
    text: str
    files: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()


def tasks_in(lines: list[Line]) -> list[Task]:
    """The tasks under the heading ``## Tasks``, each once, in the order of their first mention.

    They are at most one more than a feature may have. Each has the files in backticks and the
    criteria that it names, and the criteria that ``## Coverage`` says it serves.
    """
    section = _section(lines, _SECTION)
    items = defining(TASK.all_in(section))
    ends = dict(pairwise([*sorted(item.index for item in items), len(section)]))
    chosen = items[: TASKS_LIMIT + 1]
    found = {item.id: _task(item, section, ends[item.index]) for item in chosen}
    for line in _section(lines, _COVERAGE)[:LINES_LIMIT] if found else []:
        words = _written(line)
        criteria = CRITERION.named_in(words) if line.says else []
        for key in TASK.named_in(words) if criteria else []:
            if key in found:
                known = dict.fromkeys([*found[key].criteria, *criteria])
                found[key] = replace(found[key], criteria=tuple(known)[:CRITERIA_LIMIT])
    return list(found.values())


def unnamed(text: str, files: Sequence[str], criteria: Sequence[str]) -> list[str]:
    """The files of a task that its text does not name, and its criteria unless it names all."""
    named = {*CRITERION.named_in(text)}
    files = [each for each in files if each not in {*_files_in(text)}]
    return [*files, *(() if named.issuperset(criteria) else criteria)]


def ticks_in(lines: list[Line], known: Collection[str]) -> Mapping[str, bool]:
    """Which of the known tasks a text says are done, or not: ``- [x] T1``, ``- [ ] T2``."""
    items = TASK.all_in(lines)
    return {item.id: item.box for item in items if item.box is not None and item.id in known}


def problems_of_tasks(
    lines: list[Line], criteria: Sequence[str], *, are_listed: bool
) -> Iterator[tuple[str, str, int | None]]:
    """What is wrong with a list of tasks: in words, what to do about it, and in which line.

    Args:
        lines: of the text that lists them.
        criteria: ids of all that some task has to name.
        are_listed: whether tasks were listed before, so that it need not list them.
    """
    section, tasks = _section(lines, _SECTION), tasks_in(lines)
    place = section[0].number if section else None
    for number, word in TASK.overlooked_in(section, "tasks"):
        fix = "Begin a list item, a heading or a row of a table with T1, T2 and so on"
        yield f"has {word!r}, which is not counted as a task", fix, number
    if not tasks:
        if criteria and not are_listed:
            fix = "List them under ## Tasks, as - T1: the result, in `file`, for AC1"
            yield "has no task under '## Tasks'", fix, place
        return
    if len(tasks) > TASKS_LIMIT:
        fix = "Join what is one step, or start a feature for a part of it"
        yield f"has more than {TASKS_LIMIT} tasks", fix, place
    named = {each for task in tasks for each in task.criteria}
    for missing in criteria:
        if missing not in named:
            fix = f"Write {missing} into the task that serves it, or add a task for it"
            yield f"has no task under '## Tasks' that names {missing}", fix, place


def _task(item: Item, lines: Sequence[Line], end: int) -> Task:
    text, files, criteria = item.words[: TEXT_LIMIT + 1], dict[str, None](), dict[str, None]()
    for number, line in enumerate(islice(belonging_to(item, lines, end), LINES_LIMIT)):
        written = _written(line)
        files |= dict.fromkeys(_files_in(written))
        criteria |= dict.fromkeys(CRITERION.named_in(written))
        words = item_words(line)
        is_more = number and len(text) <= TEXT_LIMIT and not _SERVES.fullmatch(words.lower())
        if is_more and words not in text:
            text = f"{text}; {words}" if text else words
    kept = text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"
    return Task(item.id, kept, tuple(files)[:FILES_LIMIT], tuple(criteria)[:CRITERIA_LIMIT])


def _files_in(text: str) -> list[str]:
    spans = (_PLACE.fullmatch(span.strip()) for span in _SPAN.findall(text))
    return [place[1] for place in spans if place and _is_file(place[1])]


def _is_file(path: str) -> bool:
    if len(path) > PATH_LIMIT or path_problem(path) is not None:
        return False
    if "/" in path:
        return _NO_PATH.fullmatch(path) is None
    return _NAME.fullmatch(path) is not None or _ENDING.fullmatch(path) is not None


def _written(line: Line) -> str:
    return line.written or line.text


def _section(lines: list[Line], heading: str) -> list[Line]:
    """The first heading of that name that has anything below it, with all of that."""
    found: list[Line] = []
    for first in markdown.headings(lines).get(heading, ()):
        found = lines[first : markdown.end_of(lines, first)]
        if any(line.says for line in found[1:]):
            break
    return found
