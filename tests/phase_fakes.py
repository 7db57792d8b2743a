"""Stand-ins for what the work on phases needs of the world."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cde_orchestrator.application.checks.running import RunningView, course_words
from cde_orchestrator.application.ports.breakers import BreakerView
from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.runs import KeptRun, Where
from cde_orchestrator.domain.approval import Channel, Person
from cde_orchestrator.domain.briefings import Briefings
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.command_line import CommandLine, Grant
from cde_orchestrator.domain.exceptions import CDESystemError, FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.lease import Caller, Process
from cde_orchestrator.domain.records import Baseline, Evidence
from cde_orchestrator.domain.standing import Standing


def evidence_of(check: Check, at: datetime, exit_code: int | None, printed: str) -> Evidence:
    """What a check leaves that prints this and ends so."""
    data = printed.encode()
    return Evidence(
        at=at,
        command=check.command,
        directory=check.directory,
        exit_code=exit_code,
        duration_ms=1_000.0,
        tail=printed,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
    )


NOT_TRIED = {
    "kind": "check",
    "command": ["make", "test"],
    "directory": ".",
    "used_by": ["build"],
    "outcome": "not_tried",
    "waits": False,
    "words": "The check `make test` was not tried yet (cde check run)",
    "at": None,
    "exit_code": None,
    "duration_ms": None,
    "counts": {},
    "failing": [],
}
"""The check of the phase ``build`` as answers have it, before it was tried."""


class ScriptedChecks:
    """Runs nothing, and ends as a test wants it.

    Attributes:
        exit_codes: of the coming runs, first to last; 0 when there is none left.
        meanwhile: what happens while a check runs.
        run_checks: the checks that were run.
        busy: whether another submission is being checked.
        noted: what is known of it.
        absent: programs that are not installed.
    """

    def __init__(self) -> None:
        self.exit_codes: list[int | None] = []
        self.printed = "all well\n"
        self.meanwhile: Callable[[], None] | None = None
        self.run_checks: list[Check] = []
        self.busy = False
        self.noted: RunningView | None = None
        self.absent: set[str] = set()

    @contextmanager
    def lock_check(self, root: Path, feature: Feature) -> Iterator[Watch]:
        """Be the only one; what happens meanwhile is let in."""
        if self.busy:
            phase = feature.current_phase
            about = {"feature": feature.name, "phase": phase, "course": course_words(self.noted)}
            raise FeatureError.of("E129", **about, holder="process 1")
        yield lambda _: None

    def running(self, root: Path, feature: Feature) -> RunningView | None:
        """What another submission has run."""
        return self.noted

    def problem(self, root: Path, check: Check) -> str | None:
        """Whether its program is not installed."""
        name = check.command[0]
        return f"there is no program {name} on PATH" if name in self.absent else None

    def run(self, root: Path, check: Check, at: datetime, watch: Watch | None) -> Evidence:
        """The scripted end."""
        self.run_checks.append(check)
        if watch is not None:
            watch(self.printed)
        if self.meanwhile is not None:
            self.meanwhile()
        exit_code = self.exit_codes.pop(0) if self.exit_codes else 0
        return evidence_of(check, at, exit_code, self.printed)


class InMemoryTrust:
    """Trusts everything until it is told to be careful."""

    def __init__(self) -> None:
        self.careful = False
        self.grants: list[CommandLine] = []

    def digest(self, root: Path, command: CommandLine) -> str:
        """As the real one makes it."""
        return command.digest(str(root))

    def trusts(self, root: Path, command: CommandLine) -> bool:
        """Whether it was granted."""
        return not self.careful or command in self.grants

    def granted(self, root: Path) -> list[Grant]:
        """What was granted."""
        return [
            Grant(
                digest=self.digest(root, command),
                kind=command.kind,
                name=command.name,
                words=command.words,
                directory=command.directory,
                granted_at=datetime(2025, 11, 10, tzinfo=UTC),
            )
            for command in self.grants
        ]

    def grant(self, root: Path, commands: Sequence[CommandLine], at: datetime) -> None:
        """Trust these too."""
        self.grants += [command for command in commands if command not in self.grants]

    def accept(self, root: Path, shown: Mapping[str, str]) -> None:
        """The folder is trusted always."""

    def revoke(self, root: Path, digests: Collection[str], *, folder: bool = False) -> Standing:
        """Trust them no longer; the folder is trusted always."""
        self.grants = [each for each in self.grants if self.digest(root, each) not in digests]
        return Standing(kind="trusted", path=str(root))

    def differences(self, root: Path, judged: Mapping[str, str]) -> dict[str, str]:
        """None: its folder is trusted."""
        return {}


class FakeRuns:
    """Runs as a test wants them.

    Attributes:
        known: the last run of each feature, by id.
        reason: why the next run does not begin, or end; empty where it does.
        asked: what was started or stopped.
        begins: the run that begins with the next start.
        places: where runs are that are not here, by id.
    """

    def __init__(self) -> None:
        self.known: dict[str, KeptRun] = {}
        self.reason = ""
        self.asked: list[Sequence[str]] = []
        self.begins: KeptRun | None = None
        self.places: dict[str, Where] = {}

    def kept(self, feature_id: str) -> KeptRun | None:
        """As the test has it."""
        return self.known.get(feature_id)

    def alongside(self, run: KeptRun) -> list[str]:
        """Other features with the same process."""
        others = self.known.items()
        return [key for key, each in others if each.id != run.id and each.process == run.process]

    def start(self, feature_id: str, words: Sequence[str]) -> str:
        """Note it."""
        self.asked.append([feature_id, *words])
        if self.begins is not None and not self.reason:
            self.known[feature_id] = self.begins
        return self.reason

    def stop(self, feature_id: str, run: KeptRun) -> str:
        """Note it."""
        self.asked.append([run.id])
        return self.reason

    def where(self, run: KeptRun) -> Where:
        """As the test has it."""
        return self.places.get(run.id, "here")

    def stamps(self) -> dict[str, str]:
        """The newest line of each."""
        return {key: str(len(each.lines)) for key, each in self.known.items()}


class InMemoryObjects:
    """Contents by digest."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def put(self, root: Path, data: bytes, sha256: str | None = None) -> str:
        """Keep it."""
        digest = sha256 or hashlib.sha256(data).hexdigest()
        self.contents[digest] = data
        return digest

    def get(self, root: Path, digest: str) -> bytes | None:
        """The content, if it was not removed."""
        return self.contents.get(digest)


class FakeGit:
    """A repository, if a test makes one by giving a commit.

    Attributes:
        commit: the current one; None: no repository.
        dirty: paths that are not committed; ``stuck`` those of them that cannot be restored.
        new: paths that no commit has.
        committed: what differs between any two commits; None: git cannot tell.
        is_known: whether git can tell what is not committed.
        refusal: why git does not work in the repository.
        branches: those that exist, and the commit of each.
        changed: paths that differ from the baseline; None: it cannot be known.
        ignored: files that git ignores and that were written since.
        lines: lines added and removed between any two trees, by path; None: git cannot tell.
    """

    def __init__(self) -> None:
        self.commit: str | None = None
        self.dirty: list[str] = []
        self.stuck: list[str] = []
        self.new: list[str] = []
        self.committed: frozenset[str] | None = frozenset()
        self.is_known = True
        self.refusal: str | None = None
        self.changed: list[str] | None = []
        self.ignored: list[str] = []
        self.lines: Mapping[str, tuple[int, int]] | None = {}
        self.branches: dict[str, str] = {}
        self.branch = "main"

    def head(self, root: Path) -> str | None:
        """What is checked out."""
        return self.commit

    def changed_between(self, root: Path, before: str, after: str) -> frozenset[str] | None:
        """What a test says was committed."""
        return frozenset() if before == after else self.committed

    def lines_between(
        self, root: Path, before: str, after: str
    ) -> Mapping[str, tuple[int, int]] | None:
        """What a test says."""
        return self.lines

    def changes(self, root: Path) -> list[str] | None:
        """What is not committed."""
        return None if self.commit is None else list(self.dirty)

    def problem(self, root: Path) -> str | None:
        """What a test says."""
        return self.refusal

    def baseline(self, root: Path) -> Baseline | None:
        """The commit, and a digest of what is dirty."""
        return None if self.commit is None else Baseline(self.commit, dict.fromkeys(self.dirty))

    def changed_since(self, root: Path, baseline: Baseline) -> list[str] | None:
        """What a test says."""
        return self.changed

    def ignored_since(self, root: Path, moment: datetime) -> list[str]:
        """What a test says."""
        return self.ignored

    def start_branch(self, root: Path, name: str) -> None:
        """Make it and switch to it."""
        if self.branches.setdefault(name, self.commit or "") != self.commit:
            raise FeatureError.of("E125", branch=name, reason="it stands elsewhere")
        self.branch = name


class FakeCallers:
    """Calls come from whom a test says.

    Attributes:
        client, process, connection: of the coming calls.
        anonymous: the coming calls are a person's commands.
        answers: the coming calls may answer what waits for a person.
        dead: processes that ended.
    """

    def __init__(self) -> None:
        self.client = "robot"
        self.process: Process | None = Process(1, "boot:1", "here")
        self.place = "1"
        self.anonymous = False
        self.answers = True
        self.dead: set[Process] = set()
        self.connection = ""
        self.briefings = Briefings()

    def become(self, client: str, pid: int | None = None) -> None:
        """Let the coming calls come from another client, in a process of its own."""
        self.client, self.anonymous = client, False
        self.process = Process(pid, f"boot:{pid}", "here") if pid is not None else None

    def become_person(self) -> None:
        """Let the coming calls be commands of a person."""
        self.client, self.process, self.anonymous = "cli", None, True

    def caller(self, root: Path, agent: str | None) -> Caller:
        """Who calls."""
        return Caller(
            client=self.client,
            agent=agent,
            process=self.process,
            place=self.place,
            anonymous=self.anonymous and agent is None,
            answers=self.answers,
            channel="shell" if self.client == "cli" else "mcp",
            connection=self.connection,
        )

    def person(self, channel: Channel, place: str) -> Person:
        """Ann."""
        return Person(user="ann", host="desk", channel=channel, place=place)

    def runs(self, process: Process) -> bool:
        """Whether it was not ended."""
        return process not in self.dead


class NoBreakers:
    """Nothing is guarded."""

    def views(self) -> Sequence[BreakerView]:
        """None."""
        return ()

    def reset(self, name: str) -> BreakerView:
        """Always E904."""
        raise CDESystemError.of("E904", breaker=name, breakers="none so far")
