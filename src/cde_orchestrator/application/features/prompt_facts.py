"""What a prompt says of a feature to somebody who knows nothing of it, in bounded length."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cde_orchestrator.application.checks.trial_words import ended, named
from cde_orchestrator.application.criterion_views import criterion_view
from cde_orchestrator.application.features.feature_criteria import proving_phase
from cde_orchestrator.domain.criteria import criteria_of_file
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import CDEError, OutputError, ValidationError
from cde_orchestrator.domain.excerpts import READ_BYTES, Section, sections_of
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import SUMMARY_LIMIT, PhaseRecord
from cde_orchestrator.domain.printed_tests import failing_tests_in
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.related import TEXT_LIMIT
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.text import EXCERPT_LIMIT, excerpt_of, harmless, shortened
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Output, Phase, Workflow

if TYPE_CHECKING:
    from cde_orchestrator.application.ports.checks import VersionControl
    from cde_orchestrator.application.ports.core import ProjectFiles
    from cde_orchestrator.application.proofs.proving import Proving

PROGRESS_SHOWN = 5
NOTE_LIMIT = 2_000
"""Characters of a note or a failure that a prompt shows."""
DATA_LIMIT = 1_000
CRITERIA_LIMIT = 6_000
"""Characters of all criteria that are repeated in full; of those after them, only the id is."""
FILES_SHOWN = 100
EARLIER_SHOWN = 5
EARLIER_LIMIT = 600


class InputFiles(Value):
    """The outputs of earlier phases, as their files are, or as they are being delivered."""

    root: Path
    files: ProjectFiles
    delivered: Mapping[str, bytes]
    _known: dict[str, bytes] = field(default_factory=dict)

    def variables(
        self,
        phase: Phase,
        feature: Feature,
        workflow: Workflow,
        *,
        criteria: Collection[Any],
        tasks: Collection[Any],
    ) -> list[dict[str, Any]]:
        """The inputs of a phase, with their first lines and their sections.

        The ``criteria`` and the ``tasks`` that the prompt has by itself, if it has any, take in
        their files no room from other sections.
        """
        found, proving = [], proving_phase(workflow)
        proven = proving.proves if proving else None
        for owner, output in inputs_of(phase, workflow):
            path = output.path_for(feature.name)
            head = self.read(output, feature)[:READ_BYTES].decode("utf-8-sig", errors="replace")
            data = without_secrets(head).encode()
            if not output.required and not data:
                continue
            specifies = output.id == proven
            said = {"tasks"} if tasks else set()
            if criteria and specifies:
                said.add("acceptance criteria")
            found.append(
                {
                    "id": output.id,
                    "path": path,
                    "phase": owner.id,
                    "excerpt": excerpt_of(data, len(data), EXCERPT_LIMIT),
                    "sections": [_section(each) for each in sections_of(data, apart=said)],
                    "specifies": specifies,
                }
            )
        return found

    def read(self, output: Output, feature: Feature) -> bytes:
        """An output; nothing where it is missing, or no place for one."""
        path = output.path_for(feature.name)
        if path in self.delivered:
            return self.delivered[path]
        if path not in self._known:
            self._known[path] = b""
            with suppress(OutputError, ValidationError):
                self._known[path] = self.files.read(self.root, path, output.id) or b""
        return self._known[path]

    def texts(self, phase: Phase, feature: Feature, workflow: Workflow) -> dict[str, str]:
        """What the inputs of a phase say at first, by their ids."""
        return {
            output.id: self.read(output, feature)[:TEXT_LIMIT].decode(errors="replace")
            for _, output in inputs_of(phase, workflow)
        }

    def criteria(self, phase: Phase, feature: Feature, workflow: Workflow) -> list[dict[str, Any]]:
        """The criteria that were accepted before a phase, with how each is met so far."""
        proving = proving_phase(workflow)
        found = workflow.output_owner(proving.proves or "") if proving else None
        order = workflow.phases.index
        if found is None or order(found[0]) >= order(phase):
            return []
        shown, room = [], CRITERIA_LIMIT
        for criterion in criteria_of_file(self.read(found[1], feature)):
            view = criterion_view(feature, workflow, criterion)
            room -= len(view["text"])
            shown.append(
                {
                    "id": view["id"],
                    "text": harmless(without_secrets(view["text"])) if room >= 0 else "",
                    "state": view["state"],
                    "proofs": view["proofs"] if view["state"] == "proven" else [],
                }
            )
        return shown


def inputs_of(phase: Phase, workflow: Workflow) -> list[tuple[Phase, Output]]:
    """The outputs that a phase builds on, each with its phase."""
    found = (workflow.output_owner(output_id) for output_id in phase.inputs)
    return [each for each in found if each is not None]


def _section(section: Section) -> dict[str, Any]:
    return {
        "heading": section.heading,
        "key": section.key,
        "text": section.text,
        "more": section.more,
    }


class SourceSince(Value):
    """What differs in the source from when a feature began."""

    root: Path
    git: Callable[[], VersionControl]
    proving: Callable[[], Proving]

    def variables(
        self, project: Project, feature: Feature, workflow: Workflow
    ) -> list[dict[str, Any]]:
        """The files, with lines added and removed where they are known; none without git.

        What is surely another feature's is none of them.
        """
        from cde_orchestrator.application.proofs.proving import is_record

        try:
            lines = self._lines(project, feature, workflow)
        except CDEError:  # git refuses, or may not be run: the question is answered all the same
            return []
        records = workflow.paths_for(feature.name)
        return [
            {"path": plain(path), "added": counts and counts[0], "removed": counts and counts[1]}
            for path, counts in sorted(lines.items())
            if not is_record(path, records)
        ][:FILES_SHOWN]

    def _lines(
        self, project: Project, feature: Feature, workflow: Workflow
    ) -> Mapping[str, tuple[int, int] | None]:
        from cde_orchestrator.application.proofs.others_changes import made_by_others

        if feature.base is not None:
            proving = self.proving()
            before, after = proving.base_of(feature).id, proving.trees.now(proving.root).id
            lines = self.git().lines_between(proving.root, before, after) or {}
            if not lines:
                return lines
            differing = partial(proving.trees.changed, proving.root, before, after)
            theirs = made_by_others(project, feature, workflow, proving, differing)
            return {path: lines[path] for path in lines if path not in theirs}
        if feature.baseline is not None:
            return dict.fromkeys(self.git().changed_since(self.root, feature.baseline) or ())
        return {}


def fence_for(text: str) -> str:
    """A fence that is longer than any in the text."""
    return "`" * max(4, *(len(run) + 1 for run in re.findall("`+", text)), 4)


def progress(record: PhaseRecord) -> list[dict[str, str]]:
    """The newest notes with their data, oldest first, each in short."""
    return [
        {
            "at": each.at.isoformat(timespec="seconds"),
            "note": shortened(each.note, NOTE_LIMIT),
            "data": _data(each.data),
        }
        for each in record.saved()[-PROGRESS_SHOWN:]
    ]


def _data(data: Any) -> str:
    return "" if data is None else shortened(json.dumps(data, ensure_ascii=False), DATA_LIMIT)


def earlier_attempts(record: PhaseRecord) -> list[dict[str, Any]]:
    """Why attempts fell, but for what failed last and what the phase was returned for."""
    past = [each for summary in record.past for each in summary.get("failures", ())]
    found = [(each.get("attempt"), str(each.get("reason"))) for each in past]
    since, last = record.returned.at if record.returned else None, record.last_failure()
    own = [each for each in record.failures if each.at != since]
    if own and own[-1].reason == last:
        own.pop()
    found += [(each.attempt, each.reason) for each in own]
    # A verdict leaves the failures of its phase, and a summary of them, which is cut.
    known = {(attempt, reason[:SUMMARY_LIMIT]): reason for attempt, reason in found}
    return [
        {"attempt": attempt, "reason": _shown(reason, EARLIER_LIMIT)}
        for (attempt, _), reason in known.items()
    ][-EARLIER_SHOWN:]


def last_failure(record: PhaseRecord) -> str | None:
    """Why the last attempt failed, else why the phase began again: older templates show that."""
    words = record.last_failure() or (record.returned.summary() if record.returned else None)
    return None if words is None else _shown(words, NOTE_LIMIT)


def returned(record: PhaseRecord) -> dict[str, Any] | None:
    """Why the phase began again, and what is kept of what was discarded for it."""
    if (why := record.returned) is None:
        return None
    return {
        "reason": _shown(why.reason, NOTE_LIMIT),
        "to": why.to,
        "by": why.by,
        "discarded": [asdict(each) for each in why.discarded],
        "notes": [_shown(note, NOTE_LIMIT) for note in why.notes],
        "summary": _shown(why.summary(), NOTE_LIMIT),
    }


def _shown(text: str, limit: int) -> str:
    """What a caller said, in short; what is not stored yet may have secrets."""
    return shortened(without_secrets(text), limit)


def failing_tests(record: PhaseRecord) -> Sequence[str]:
    """The tests that failed in the phase's last check, as far as their runner names them."""
    evidence = record.evidence
    return [] if evidence is None or evidence.passed else failing_tests_in(evidence.tail)


def baseline(feature: Feature, phase: Phase, workflow: Workflow) -> list[dict[str, Any]]:
    """How checks and runners of tests ended before the work, and which of them a phase runs."""
    check = ("check", phase.check, phase.check_directory)
    proves = workflow.must_prove(phase)
    return [
        {
            "kind": trial.kind,
            "command": shlex.join(trial.command),
            "outcome": trial.outcome,
            "counts": dict(trial.counts),
            "failing": [plain(name) for name in trial.failing],
            "words": f"{named(*trial.subject)} {ended(trial)}.",
            "here": proves if trial.kind == "runner" else trial.subject == check,
        }
        for trial in feature.trials
    ]
