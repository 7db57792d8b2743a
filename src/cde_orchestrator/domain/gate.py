"""The gate of a phase: what its outputs must be before the work counts as done.

Only content decides. Nothing here reads a file: the caller brings the bytes, a judge of syntax
for the formats that need a parser, and a search for regular expressions that is bounded in time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, field
from typing import Any

from cde_orchestrator.domain import markdown
from cde_orchestrator.domain.criteria import criteria_in, criteria_of_file, overlooked_in
from cde_orchestrator.domain.exceptions import OutputError
from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.tasks import problems_of_tasks
from cde_orchestrator.domain.text import counted
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Output, Phase

SyntaxJudge = Callable[[str, str], str | None]
"""Why a text is not valid in a format (``json``, ``yaml``, ``toml``), or None."""

Search = Callable[[str, str], bool | None]
"""Whether a regular expression, with ``^`` and ``$`` at lines, matches in a text; None when that
could not be found out in a reasonable time."""

EXPRESSION = "re:"
_PARSED = frozenset({"json", "yaml", "toml"})
_SLOT = pattern(
    r"(?i)<fill(?:[ \t]*:[^>\n]*>?|[ \t]*>)|&lt;fill(?:[ \t]*:(?:(?!&gt;).)*(?:&gt;)?|[ \t]*&gt;)"
)
"""What a form leaves to be written, also as HTML escapes it: so some programs pass a form on."""
_OPEN = pattern(
    r"\{\{[^{}\n]*\}\}|\{%[^{}\n]*%\}"
    r"|\[(?:TODO|TBD|FILL|INSERT|NEEDS CLARIFICATION)\b[^\]\n]{0,200}\]"
)
_LEFT_OVER = pattern(
    r"\[ {0,3}(?:insert|your|fill|add|enter|describe|put|write)\b[^\[\]\n]{0,200}"
    r"\bhere[ .]{0,3}\](?![(\[:])"
    r"|\[ {0,3}insert (?:an?|the|your|some)\b[^\[\]\n]{0,200}\](?![(\[:])",
    re.IGNORECASE,
)
_LEFT_OVER_VALUE = pattern(
    r"(?:.*[:|])?[\s>*_\-+.\d)#]*+"
    r"<(?:insert|your|fill|add|enter|describe|put|write)[ _-][^<>\n]{0,200}[ _-]here>"
    r"[.*_\s]*+(?:\|.*)?",
    re.IGNORECASE,
)
"""A slot in angle brackets that is all that is said; in a sentence it may be what it is about."""
_FILLER = pattern(
    r"[\s>*_\-+|.\d)]{0,20}lorem ipsum(?:[ ,]+dolor\b.*|[\s.,…*_]*)", re.IGNORECASE | re.DOTALL
)
_PUT_OFF = pattern(
    r"[\s>*_\-+|.\d)(\[\]xX]*"
    r"(?:(?:TODO|TBD|FIXME)\b"
    r"(?! (?:comments?|entry|entries|items?|lists?|markers?|notes?|tags?)\b).*"
    r"|(?:\.\.\.|…)[\s|]*)"
)
"""What puts a section off; a sentence about such comments does not."""
_WHOLE = (_PUT_OFF, _LEFT_OVER, _LEFT_OVER_VALUE, _FILLER)
_VERDICT = pattern(
    r"[ \t]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)?[*_`]*verdict[*_`]*[ \t]*:(.*)", re.IGNORECASE
)
_VERDICT_WORDS = pattern(r"[^\W_]+(?:[ '-][^\W_]+)*")
_VERDICT_LIMIT = 60
_PUT_OFF_VALUE = pattern(r"(?:.*[:|]\s*)?\**(?:TODO|TBD)\**(?:\s*\|.*|[.\s]*)")


class Problem(Value):
    """One reason why an output is not accepted.

    Attributes:
        line: where it is, from 1; None when it is about the whole file.
        fix: what to do about it.
    """

    code: str
    output: str
    path: str
    line: int | None
    problem: str
    fix: str

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{self.output} at {place} {self.problem}"


class OtherVerdict(Value):
    """A verdict that is none of those that pass; ``line`` is where it is, from 1."""

    output: str
    path: str
    line: int
    words: str


class Gate(Value, kw_only=True):
    """The gate of one phase of one feature.

    Attributes:
        skeleton: the phase's rendered prompt, empty where it has none; an output that only
            repeats it is refused.
        syntax: judges the formats that have a syntax.
        search: looks for regular expressions.
        back_to: the phase to go back to where there is no verdict that passes.
        proven: ids of outputs whose criteria a later phase has to prove.
        covered: outputs of earlier phases, by id, whose criteria tasks have to name.
        are_tasks_listed: whether an earlier phase listed the tasks.
    """

    phase: Phase
    feature_name: str
    syntax: SyntaxJudge
    search: Search
    skeleton: str
    back_to: str
    proven: frozenset[str] = frozenset()
    covered: Mapping[str, bytes] = field(default_factory=dict)
    are_tasks_listed: bool = False

    def problems(self, contents: Mapping[str, bytes]) -> list[Problem]:
        """Everything that is wrong, in the order of the outputs.

        Args:
            contents: bytes by output id; an output that is not there has no file.
        """
        return [
            problem for output in self.phase.outputs for problem in self._about(output, contents)
        ]

    def require(self, contents: Mapping[str, bytes]) -> None:
        """Let the outputs pass, or refuse them all with every problem.

        Raises:
            OutputError: E110 missing, E111 empty, E116 of another type, E117 not filled in,
                E114 too little, E115 without what it must contain, E131 without a verdict: the
                first that applies.
        """
        found = self.problems(contents)
        if found:
            codes = {problem.code for problem in found}
            raise OutputError.of(
                next(
                    code
                    for code in ("E110", "E111", "E116", "E117", "E114", "E115", "E131")
                    if code in codes
                ),
                feature=self.feature_name,
                phase=self.phase.id,
                back_to=self.back_to,
                problems="; ".join(map(str, found)),
                outputs=[problem_as_dict(problem) for problem in found],
            )

    def other_verdict(self, contents: Mapping[str, bytes]) -> OtherVerdict | None:
        """The first verdict that does not pass, in outputs that ``require`` lets pass."""
        for output in self.phase.outputs:
            if not output.verdict or output.id not in contents:
                continue
            text = contents[output.id].decode("utf-8-sig")
            document = markdown.read(text) if output.type == "markdown" else None
            for at, _, said in _verdicts(text, document):
                if verdict_words(said) not in _passing(output):
                    path = output.path_for(self.feature_name)
                    return OtherVerdict(
                        output.id, path, at, " ".join(said.strip(" \t*_`.").split())
                    )
        return None

    def _about(self, output: Output, contents: Mapping[str, bytes]) -> Iterable[Problem]:
        content = contents.get(output.id)

        def problem(code: str, words: str, fix: str, line: int | None = None) -> Problem:
            path = output.path_for(self.feature_name)
            return Problem(code, output.id, path, line, words, fix)

        if content is None:
            if output.required:
                fix = f"Write the file, or give its text under the output's id, {output.id}"
                yield problem("E110", "is missing", fix)
            return
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            at = content.count(b"\n", 0, error.start) + 1
            yield problem("E116", "is not UTF-8 text", "Save the file as UTF-8", at)
            return
        if not text.strip():
            yield problem("E111", "is empty", "Write the content that the phase asks for")
            return
        if output.type in _PARSED and (reason := self.syntax(output.type, text)):
            fix = f"Correct it until a parser of {output.type} accepts it"
            yield problem("E116", f"is not valid {output.type}: {reason}", fix)
        if output.type == "markdown" and (lines := len(text.splitlines())) > markdown.LINES_LIMIT:
            words = f"has {counted(lines, 'line')}; at most {markdown.LINES_LIMIT} are accepted"
            yield problem("E116", words, "Shorten it; leave out generated data")
            return
        document = markdown.read(text) if output.type == "markdown" else None
        for words, fix, place in _unfilled(text, document, self.skeleton):
            yield problem("E117", words, fix, place)
        if len(content) < output.min_bytes:
            words = f"has {counted(len(content), 'byte')} of at least {output.min_bytes}"
            yield problem("E114", words, "Write what the phase's prompt asks for, in full")
        elif document is not None and not any(line.is_content for line in document):
            yield problem("E114", "has only headings", "Write the content under each")
        for words, fix, place in _lacking(output, text, document, self.search):
            yield problem("E115", words, fix, place)
        for words, fix, place in _uncounted(text) if output.id in self.proven else ():
            yield problem("E115", words, fix, place)
        for words, fix, place in self._uncovered(output, document, contents):
            yield problem("E115", words, fix, place)
        for words, fix, place in _undecided(output, text, document):
            yield problem("E131", words, fix, place)

    def _uncovered(
        self, output: Output, document: list[markdown.Line] | None, contents: Mapping[str, bytes]
    ) -> Iterable[_Finding]:
        """Criteria that no task names, where the output lists the tasks."""
        if output.covers is None or document is None:
            return ()
        source = {**self.covered, **contents}.get(output.covers, b"")
        criteria = [each.id for each in criteria_of_file(source)]
        return problems_of_tasks(document, criteria, are_listed=self.are_tasks_listed)


_Finding = tuple[str, str, int | None]


def _uncounted(text: str) -> Iterable[_Finding]:
    """Criteria that nobody would prove, as they are not written as such; or that there are none."""
    fix = "Begin a list item, a heading or a row of a table with AC1, AC2 and so on"
    for number, word in overlooked_in(text):
        yield f"has {_shown(word)}, which is not counted as a criterion", fix, number
    if not criteria_in(text):
        yield "has no criterion", fix, None


def problem_as_dict(problem: Problem) -> dict[str, Any]:
    """A problem as an error's context has it."""
    return {key: value for key, value in asdict(problem).items() if value is not None}


def _unfilled(text: str, document: list[markdown.Line] | None, skeleton: str) -> Iterable[_Finding]:
    """Slots and words that stand where content should; the first of each kind."""
    fill = "Replace it with real content; if there is none, write None and why"
    if document is None:
        slot, whole = _SLOT.search(text), text.strip()
        if slot or any(each.fullmatch(whole) for each in _WHOLE):
            at = text.count("\n", 0, slot.start()) + 1 if slot else 1
            yield f"still has the placeholder {_shown(slot[0] if slot else text)}", fill, at
        return
    prose = [line for line in document if line.kind is not markdown.Kind.CODE]
    for line in prose:
        if found := _first_slot(line.text):
            yield f"still has the placeholder {_shown(found[0])}", fill, line.number
            return
    put_off = _put_off(document)
    if put_off is not None:
        yield f"says {_shown(put_off.text)} instead of content", fill, put_off.number
    elif _repeats(document, skeleton):
        yield "only repeats the phase's prompt", "Write the answer to the prompt instead", None


def _first_slot(text: str) -> re.Match[str] | None:
    """The first thing in a line that a template left to be written."""
    if not any(mark in text for mark in ("<", "[", "{", "&")):
        return None
    found = _SLOT.search(text) or _OPEN.search(text) or _LEFT_OVER.search(text)
    return found or _LEFT_OVER_VALUE.fullmatch(text)


def _put_off(document: list[markdown.Line]) -> markdown.Line | None:
    """The first TODO, TBD or filler that stands alone: for a section, a value or a cell."""
    for index, line in enumerate(document):
        if line.kind is markdown.Kind.PROSE and (
            _PUT_OFF_VALUE.fullmatch(line.text) or _FILLER.fullmatch(line.text)
        ):
            return line
        if line.kind is markdown.Kind.HEADING:
            content = markdown.section(document, index)
            if content and all(_PUT_OFF.fullmatch(each.text) for each in content):
                return content[0]
    return None


def _repeats(document: list[markdown.Line], skeleton: str) -> bool:
    lines = skeleton.splitlines()
    known = {line.strip() for line in lines} | set(map(markdown.without_code_spans, lines))
    content = [line.text.strip() for line in document if line.is_content]
    return bool(known and content) and all(text in known for text in content)


def _lacking(
    output: Output, text: str, document: list[markdown.Line] | None, search: Search
) -> Iterable[_Finding]:
    for wanted in output.must_contain:
        if wanted.startswith(EXPRESSION):
            yield from _without_match(wanted.removeprefix(EXPRESSION), text, search)
        elif document is not None and wanted.lstrip().startswith("#"):
            yield from _without_section(wanted, document)
        elif wanted not in text:
            yield f"lacks {wanted!r}", f"Add {wanted!r} with its content", None


def _without_match(expression: str, text: str, search: Search) -> Iterable[_Finding]:
    found = search(expression, text)
    if found is None:
        words = f"took too long to search for {expression}"
        yield words, "Simplify the text, or let a person simplify the expression", None
    elif not found:
        yield f"has no match of {expression}", f"Write what {expression} asks for", None


def _without_section(wanted: str, document: list[markdown.Line]) -> Iterable[_Finding]:
    asked, heading = wanted.strip(), markdown.normal(wanted)
    places = markdown.headings(document).get(heading, [])
    if any(markdown.section(document, index) for index in places):
        return
    if places:
        fix = "Write its content; if there is none, write None and why"
        yield f"has nothing under the heading {wanted!r}", fix, document[places[0]].number
    elif near := markdown.nearest(document, wanted):
        words = "#" * near.level + " " + near.text if near.level else near.written
        yield (
            f"has {_shown(words)} in place of the heading {asked!r}",
            f"Write {asked} there",
            near.number,
        )
    else:
        yield _missing_section(wanted, heading, document)


def _missing_section(wanted: str, heading: str, document: list[markdown.Line]) -> _Finding:
    hidden = [
        line for line in document if "#" in line.text and markdown.normal(line.text) == heading
    ]
    kind = hidden[0].kind if hidden else None
    where = "a code block" if kind is markdown.Kind.CODE else "code or HTML"
    words = f"has the heading {wanted!r} only inside {where}" if hidden else ""
    fix = f"Write the line {wanted} outside code and HTML, with its content below"
    return words or f"lacks the heading {wanted!r}", fix, hidden[0].number if hidden else None


def verdict_words(text: str) -> str:
    """A verdict as it is compared: without emphasis, a full stop and upper case."""
    return " ".join(text.strip(" \t*_`").rstrip(".").rstrip("*_`").split()).casefold()


def said_verdict(text: str) -> str:
    """What the first verdict of a Markdown text says; empty where it has none."""
    found = _verdicts(text, markdown.read(text))
    return verdict_words(found[0][2]) if found else ""


def _passing(output: Output) -> set[str]:
    return {verdict_words(each) for each in output.verdict}


def _verdicts(text: str, document: list[markdown.Line] | None) -> list[tuple[int, str, str]]:
    """Each line with a verdict: where it is, the line, and what it says."""
    lines = (
        enumerate(text.splitlines(), start=1)
        if document is None
        else ((line.number, line.written or line.text) for line in document if line.says)
    )
    return [(at, line, match[1]) for at, line in lines if (match := _VERDICT.fullmatch(line))]


def _undecided(
    output: Output, text: str, document: list[markdown.Line] | None
) -> Iterable[_Finding]:
    """That there is no verdict, or none that can be understood."""
    if not output.verdict:
        return
    wanted = " or ".join(f"'Verdict: {each}'" for each in output.verdict)
    found = _verdicts(text, document)
    if not found:
        yield f"has no line {wanted}", f"Write the line {wanted} if it is true", None
    others = [each for each in found if verdict_words(each[2]) not in _passing(output)]
    distinct = {verdict_words(said) for _, _, said in found}
    for at, line, said in others:
        if len(distinct) > 1 or not _is_verdict(said):
            words = f"says {_shown(line)}; {wanted} passes"
            yield words, f"Write one line with the verdict alone: {wanted} if it is true", at
            return


def _is_verdict(said: str) -> bool:
    """Whether it is a few words and nothing else."""
    words = verdict_words(said)
    return len(words) <= _VERDICT_LIMIT and _VERDICT_WORDS.fullmatch(words) is not None


def _shown(text: str) -> str:
    line = text.strip().splitlines()[0]
    return repr(line if len(line) <= 40 else line[:39] + "…")
