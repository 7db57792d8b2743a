"""The message of the commit that finishes a feature: what was asked, shown and said."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from cde_orchestrator.application.features.feature_filter import opening_of
from cde_orchestrator.application.features.report_feature import ReportReply
from cde_orchestrator.application.proofs.verdicts import with_waived
from cde_orchestrator.domain.demands import NOBODY
from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.quoting import undirected

SUBJECT_LIMIT = 72
_CRITERIA_SHOWN = 30
_TEXT_LIMIT = 300
_GOAL_LIMIT = 500
_SENTENCE_LEAST, _WORDS_LEAST = 20, 3
"""Characters and words of a sentence that says enough to be a subject."""
_END = pattern(r"[.!?](?=\s)")
_ABBREVIATED = pattern(
    r"(?i)(\A|[^\w.])([a-z]|([a-z]\.)+[a-z]|etc|cf|vs|approx|incl|resp|no|fig|dr|mrs?|ms|st)\.\Z"
)


def commit_subject(reply: ReportReply) -> str:
    """The goal's first line, as a subject; the name where there is none.

    What agents and files said notifies nobody and closes nothing.
    """
    return subject_of(_first_line(reply)) or f"Add {reply['feature']['name']}"


def subject_of(line: str) -> str:
    """The line where it has room, else its first sentence, else its first words and ``…``."""
    if len(line) > SUBJECT_LIMIT:
        line = _first_sentence(line) or opening_of(line, SUBJECT_LIMIT)
    return line.rstrip(" .;:")


def _first_sentence(line: str) -> str:
    """The first sentence or sentences that say enough; empty where none has room."""
    for found in _END.finditer(line[: SUBJECT_LIMIT + 1]):
        sentence = line[: found.end()]
        is_enough = len(sentence) >= _SENTENCE_LEAST and len(sentence.split()) >= _WORDS_LEAST
        if is_enough and not (found[0] == "." and _ABBREVIATED.search(sentence)):
            return sentence
    return ""


def commit_message(reply: ReportReply) -> str:
    """Subject and body: the criteria with what becomes of them, the verdicts, who approved it.

    Of a goal whose first line is no subject, the body begins with the line.
    """
    line = _first_line(reply)
    goal = [_line(line, "")] if len(line) > SUBJECT_LIMIT else []
    parts = [commit_subject(reply), *goal, *_criteria(reply), "\n".join(_said(reply))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _first_line(reply: ReportReply) -> str:
    return undirected(reply["goal"].strip().partition("\n")[0], _GOAL_LIMIT)


def _criteria(reply: ReportReply) -> Iterator[str]:
    lines = []
    for each in reply["criteria"][:_CRITERIA_SHOWN]:
        how = "waived" if each["waived"] else "shown" if each["met"] else "not shown"
        lines.append(_item(f"{each['id']} ({how}): {undirected(each['text'], _TEXT_LIMIT)}"))
    if more := len(reply["criteria"]) - len(lines):
        lines.append(f"- and {more} more")
    if lines:
        yield "\n".join(["Acceptance criteria:", *lines])


def _said(reply: ReportReply) -> Iterator[str]:
    if (standing := reply["standing"]) is not None:
        yield f"Proof: {with_waived(standing['verdict'], standing['waived'])}"
    if reply["review"] is not None:
        verdict = undirected(reply["review"]["verdict"] or "none", _TEXT_LIMIT)
        yield _line(f"Review: {verdict} ({undirected(reply['review']['path'])})")
    people = (each for each in reply["approved_by"] if each != NOBODY)
    yield from (_line(undirected(each, _TEXT_LIMIT)) for each in people)
    yield _line(f"Feature: {reply['feature']['name']}")


def _item(text: str) -> str:
    return textwrap.fill(
        text,
        SUBJECT_LIMIT,
        initial_indent="- ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _line(text: str, further: str = "  ") -> str:
    return textwrap.fill(
        text,
        SUBJECT_LIMIT,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    )
