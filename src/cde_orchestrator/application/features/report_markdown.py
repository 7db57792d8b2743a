"""A report as Markdown, for the text of a pull request.

Whatever agents, files and people said is quoted: it is no markup, notifies nobody and closes no
issue.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from cde_orchestrator.application.features.report_feature import (
    ReopenedView,
    ReportReply,
    TestedView,
)
from cde_orchestrator.application.features.reported_criteria import (
    ReportedCriterionView,
    ShownProofView,
)
from cde_orchestrator.application.proof_views import caveat_lines, difference_words, places_seen
from cde_orchestrator.domain.clock import to_the_second
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.lease import by_words
from cde_orchestrator.domain.phase_record import state_predicate, state_words
from cde_orchestrator.domain.quoting import code, quoted, quoted_lines
from cde_orchestrator.domain.text import counted

LIMIT = 60_000
"""Characters of a report: the text of a pull request may have 65,536."""
GOAL_LINES = 60
CRITERIA_SHOWN = 100
PROOFS_SHOWN = 10
FILES_SHOWN = 100
SEEN_SHOWN = 5


def report_markdown(reply: ReportReply) -> str:
    """The report; what does not fit is left out at the end, and that is said."""
    parts = (_head, _goal, _criteria, _files, _tests, _review, _approval, _to_verify)
    text = "\n".join(line for part in parts for line in part(reply))
    if len(text) <= LIMIT:
        return f"{text}\n"
    whole, _, _ = text[:LIMIT].rpartition("\n")
    size = counted(len(text), "character", spec=",")
    return f"{whole}\n\nThe rest is left out here: the report has {size}.\n"


def _head(reply: ReportReply) -> Iterator[str]:
    feature = reply["feature"]
    said = f"**{quoted(feature['name'])}** {quoted(state_predicate(feature['status']))}"
    verdict = reply["standing"]["verdict"] if reply["standing"] else ""
    yield f"{said}{f', {verdict}' if verdict else ''} (workflow {code(feature['workflow'])})."
    if reply["missing"]:
        yield from ("", "## What is missing", "")
        yield from (f"- {quoted(each)}" for each in reply["missing"])
    if known := [*map(_reopening, reply["reopened"]), *caveat_lines(reply["caveats"])]:
        yield from ("", "## What to know", "")
        yield from (f"- {quoted(each)}" for each in known)


def _reopening(each: ReopenedView) -> str:
    when, by = to_the_second(each["at"]), by_words(each["by"])
    ended = f"It was {state_words(each['closed_as'])}, and reopened at {when} by {by}"
    return plain(f"{ended}: {each['reason']}", 2_000)


def _goal(reply: ReportReply) -> Iterator[str]:
    yield from ("", "## Goal", "")
    lines = quoted_lines(reply["goal"])
    yield from (f"> {line}".rstrip() + ("  " if line else "") for line in lines[:GOAL_LINES])
    if len(lines) > GOAL_LINES:
        yield f"> (and {len(lines) - GOAL_LINES} more lines)"


def _criteria(reply: ReportReply) -> Iterator[str]:
    criteria = reply["criteria"]
    if not criteria and not reply["proof_words"]:
        return
    yield from ("", "## Acceptance criteria", "")
    for each in criteria[:CRITERIA_SHOWN]:
        is_shown = each["met"] and each["state"] != "stale"
        yield f"- [{'x' if is_shown else ' '}] **{quoted(each['id'])}** {quoted(each['text'])}"
        yield from (f"  - {line}" for line in _shown(each))
    if len(criteria) > CRITERIA_SHOWN:
        yield f"- and {len(criteria) - CRITERIA_SHOWN} more"
    if reply["proof_words"]:
        yield from ("", f"Verdict on the criteria: {quoted(reply['proof_words'])}.")


def _shown(criterion: ReportedCriterionView) -> Iterator[str]:
    if criterion["waived"]:
        yield f"waived by a person: {quoted(criterion['waived'])}"
    elif not criterion["proofs"]:
        yield "nothing has shown it"
    for proof in criterion["proofs"][:PROOFS_SHOWN]:
        yield f"{code(proof['id'])} {_seen(proof)}"
    if len(criterion["proofs"]) > PROOFS_SHOWN:
        yield f"and {len(criterion['proofs']) - PROOFS_SHOWN} more"


def _seen(proof: ShownProofView) -> str:
    """How a proof ended, and the changed places that it sees."""
    words = [quoted(proof["words"])]
    if proof["sees"]:
        more = ", ..." if len(proof["sees"]) > SEEN_SHOWN else ""
        places = f"{', '.join(map(code, proof['sees'][:SEEN_SHOWN]))}{more}"
        words.append(f"sees {places_seen(places, len(proof['sees']))}")
    return ", ".join(words)


def _files(reply: ReportReply) -> Iterator[str]:
    yield from ("", "## Changes", "")
    if reply["difference"] is None:
        yield "No change of the source is recorded."
    else:
        yield f"{difference_words(reply['difference'])}."
    rows = [
        f"- {code(each['path'])}"
        + ("" if each["added"] is None else f" +{each['added']} -{each['removed']}")
        for each in reply["files"]
    ]
    total = reply["difference"]["files"] if reply["difference"] else 0
    if rows:
        yield from ("", *rows[:FILES_SHOWN])
    if rows and total > len(rows[:FILES_SHOWN]):
        yield f"- and {total - len(rows[:FILES_SHOWN])} more"
    if reply["outputs"]:
        paths = ", ".join(code(each["path"]) for each in reply["outputs"])
        yield from ("", f"Outputs: {paths}.")


def _tests(reply: ReportReply) -> Iterator[str]:
    if not reply["tests"]:
        return
    yield from ("", "## Checks", "")
    for each in reply["tests"]:
        yield f"- {_command(each)}"
        yield f"  - before: {quoted(each['before'] or 'it was not run')}"
        yield f"  - after: {quoted(each['after'] or 'it was not run')}"


def _command(tested: TestedView) -> str:
    where = f" in {code(tested['directory'])}" if tested["directory"] != "." else ""
    return f"{code(shlex.join(tested['command']))}{where}"


def _review(reply: ReportReply) -> Iterator[str]:
    review = reply["review"]
    if review is None:
        return
    yield from ("", "## Review", "")
    said = quoted(review["verdict"] or "none")
    about = [
        each["kind"] == "review" and each["phase"] == review["phase"] for each in reply["caveats"]
    ]
    since = ", of other code than this: see *What to know*" if any(about) else ""
    yield f"Verdict: **{said}** ({code(review['path'])}){since}."
    points = review["open_points"]
    yield "" if points else "No finding and no follow-up is open."
    if points:
        yield from ("Still open:", "", *(f"- {quoted(point)}" for point in points))


def _approval(reply: ReportReply) -> Iterator[str]:
    if reply["approved_by"]:
        yield from ("", "## Approval", "")
        yield from (f"- {quoted(each)}" for each in reply["approved_by"])


def _to_verify(reply: ReportReply) -> Iterator[str]:
    if reply["completed_at"] is None:
        return
    yield from ("", "## To verify it", "")
    commands = [shlex.join(["cde", "verify", reply["feature"]["name"]])]
    if reply["base"]:
        commands.append(f"git diff {reply['base'][:12]}")
    yield from (f"- {code(each)}" for each in commands)
