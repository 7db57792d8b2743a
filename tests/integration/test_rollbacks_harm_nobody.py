"""A person and features work in one folder, and whatever a rollback does, the person's work stays.

Each round, a feature is started among a person's uncommitted edits, both change files, and the
feature is rolled back, with its code or without, killed in the middle or not, undone or not. The
ledger says who wrote each file last; what the product knows is not looked at.
"""

from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.features.rollback_feature import RollbackFeature, RollbackReply
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.state.recover_state import RestoreState
from cde_orchestrator.bootstrap import Application, build_application
from cde_orchestrator.domain.feature import CLOSED_STATUSES
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from tests.repository import git
from tests.soak import SOAK

SEED = int(os.environ.get("CDE_SIMULATION_SEED", "18"))
WORLDS, ROUNDS = (100, 10) if SOAK else (5, 5)

TRACKED = ["a.py", "b.py", "c.py", "shop/pay.py", "shop/odd name.py", "tools/run.sh"]
OTHERS = ["new.py", "shop/fresh.py", "notes.txt", "build.log", "shop/a'b.py", "deep/er/x.py"]
Actor = Literal["person", "feature"]
Content = tuple[str, int, bytes]
Files = dict[str, Content]


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Write:
    """Who changed a file, and whether the feature has handed in something since."""

    actor: Actor
    handed_in: bool = False


@dataclass
class Desk:
    """A folder where a person and features work.

    Attributes:
        ledger: changes by path since the feature's phase started.
        is_sure: whether nothing happened that makes the product leave everything alone.
        is_mixed: whether the person changed a file of the feature's before it was handed in:
            that nobody can tell apart.
    """

    root: Path
    random: random.Random
    ledger: dict[str, list[Write]] = field(default_factory=dict)
    is_sure: bool = True
    is_mixed: bool = False
    number: int = 0

    @contextmanager
    def product(self, root: Path | None = None) -> Iterator[Application]:
        """The product, in a process of its own as far as it knows."""
        with closing(build_application(root or self.root)) as application:
            yield application

    def handle(self, use_case: Any) -> Any:
        with self.product() as application:
            return application.handle(use_case)

    def change(self, actor: Actor, path: str) -> None:
        """Have somebody change a file in some way; what git sees no change in is none."""
        place, before = self.root / path, self.content(path)
        kind = self.random.choice(["write", "write", "write", "append", "remove", "mode", "link"])
        if place.is_symlink() or (kind == "link" and self.random.random() < 0.7):
            kind = "write"
        if kind in {"append", "remove", "mode"} and not place.is_file():
            kind = "write"
        place.parent.mkdir(parents=True, exist_ok=True)
        text = f"{actor} {self.random.randrange(10**9)}\n".encode()
        if kind == "append":
            place.write_bytes(place.read_bytes() + text)
        elif kind == "remove":
            place.unlink()
        elif kind == "mode":
            place.chmod(stat.S_IMODE(place.stat().st_mode) ^ 0o111)
        else:
            place.unlink(missing_ok=True)
            if kind == "link":
                place.symlink_to(self.random.choice(["a.py", "/etc/hostname", "nowhere"]))
            else:
                place.write_bytes(self.random.choice([text, text + b"\r\n\x00\xff", b""]))
                place.chmod(self.random.choice([0o644, 0o644, 0o755, 0o600]))
        if not _same(self.content(path), before):
            self.ledger.setdefault(path, []).append(Write(actor))

    def hand_in(self, name: str) -> None:
        """Have the feature save what it did, or give an attempt up, and name its files."""
        mine = [path for path, writes in self.ledger.items() if _by(writes, "feature")]
        self.handle(SaveProgress(feature_id=name, note=f"Changed {', '.join(mine) or 'none'}"))
        if self.random.random() < 0.1:
            self.handle(FailPhase(feature_id=name, phase_id="define", reason="It broke"))
        for writes in self.ledger.values():
            for each in writes:
                each.handed_in = True

    def files(self) -> Files:
        """Every file and link, but the product's and git's own and records."""
        found: Files = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if {".git", ".cde"} & {*path.parts} or name.startswith("specs"):
                continue
            content = self.content(name)
            if content is not None:
                found[name] = content
        return found

    def content(self, name: str) -> Content | None:
        """A file or a link as it is; None where there is neither."""
        path = self.root / name
        if path.is_symlink():
            return "link", 0, os.readlink(path).encode()
        if path.is_file():
            return "file", stat.S_IMODE(path.stat().st_mode), path.read_bytes()
        return None

    def own(self) -> dict[str, bytes]:
        """What is the person's of git: index, HEAD, branches and their logs."""
        own = self.root / ".git"
        names = ["index", "HEAD", "logs/HEAD", "packed-refs"]
        names += [str(path.relative_to(own)) for path in (own / "refs" / "heads").rglob("*")]
        return {name: (own / name).read_bytes() for name in names if (own / name).is_file()}

    def sequence(self) -> int:
        return int(self.handle(RestoreState(at=1, dry_run=True))["sequence"])


def _by(writes: list[Write], actor: Actor) -> bool:
    return any(each.actor == actor for each in writes)


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    """A project in a repository, with an ignored file and a committed history."""
    root = tmp_path / "desk"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    with closing(build_application(root)) as application:
        application.handle(OnboardProject())
    (root / ".gitignore").write_text(".cde/\n*.log\n")
    (root / ".gitattributes").write_text("b.py text eol=crlf\nc.py ident\n")
    for name in TRACKED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"committed {name}\n")
    (root / "tools" / "run.sh").chmod(0o755)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "First")
    return Desk(root, random.Random(f"{SEED}-{request.node.callspec.params['world']}"))


@contextmanager
def killed_after(calls: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the process be gone at one of its operations on files."""
    left = calls

    def counted(name: str) -> None:
        original = getattr(OsFileOps, name)

        def operation(*arguments: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return original(*arguments)

        patch.setattr(OsFileOps, name, operation)

    with monkeypatch.context() as patch:
        for name in ("replace", "unlink", "write", "sync_folder", "create"):
            counted(name)
        yield


def work(desk: Desk, name: str) -> None:
    """The person and the feature change files in turn; the feature hands in what it did."""
    everything = [*TRACKED, *OTHERS]
    mine = desk.random.sample(everything, 5)
    for _ in range(desk.random.randrange(1, 4)):
        for _ in range(desk.random.randrange(1, 4)):
            desk.change("feature", desk.random.choice(mine))
        for _ in range(desk.random.randrange(3)):
            beside = [path for path in everything if desk.is_mixed or path not in mine]
            desk.change("person", desk.random.choice(beside))
        desk.hand_in(name)
    for _ in range(desk.random.randrange(3)):
        desk.change("person", desk.random.choice(everything))
    if desk.random.random() < 0.3:
        git(desk.root, "add", "-A")
    if desk.random.random() < 0.1:
        git(desk.root, "commit", "-qm", "Somebody's", "--allow-empty", "-a")
        desk.is_sure = False
    if desk.random.random() < 0.2:
        desk.handle(StartFeature(prompt="Another thing", name=f"{name}-other"))
        desk.is_sure = False


def rolled_back(desk: Desk, name: str, code: bool, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Take the feature back; in some rounds the process is killed once on the way."""
    back = RollbackFeature(feature_id=name, to_phase="define", reason="Wrong way", code=code)
    how = desk.random.random()
    if how < 0.4:
        with killed_after(desk.random.randrange(40), monkeypatch), suppress(Killed):
            return desk.handle(back)
    elif how < 0.5:
        words = ["rollback", name, "define", "--reason", "Wrong way", *(["--code"] * code)]
        process = subprocess.Popen(
            [sys.executable, "-m", "cde_orchestrator", *words],
            cwd=desk.root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with suppress(subprocess.TimeoutExpired):
            process.wait(desk.random.uniform(0.2, 1.2))
        process.kill()
        process.wait()
    elif how < 0.6:
        roll_back_elsewhere(desk, back)
    return desk.handle(back)


def roll_back_elsewhere(desk: Desk, back: RollbackFeature) -> None:
    """From another worktree, where the feature was not worked on, no code moves anywhere."""
    linked = desk.root.with_name("linked")
    if not linked.exists():
        git(desk.root, "worktree", "add", "-q", "--detach", str(linked))
    there, before = Desk(linked, desk.random), desk.files()
    own = there.files()
    there.handle(back)
    desk.is_sure = False  # the phase started again there
    assert (desk.files(), there.files()) == (before, own)


def require_unharmed(desk: Desk, start: Files, before: Files, after: Files, code: bool) -> None:
    """What the person wrote stays; what was the feature's alone is as it was, or as it was left."""
    for path in sorted({*before, *after, *start}):
        writes = desk.ledger.get(path, [])
        if before.get(path) == after.get(path):
            continue
        assert code, f"{path} changed without code"
        assert writes, f"nobody wrote {path}"
        mixed = desk.is_mixed and _by(writes, "feature") and writes[-1].handed_in
        assert mixed or writes[-1].actor == "feature", f"the person's {path} changed"
        found, was = after.get(path), start.get(path)
        assert _same(found, was), f"{path} is neither as before nor as it was: {found}, {was}"


def require_taken_back(
    desk: Desk, start: Files, before: Files, after: Files, reply: RollbackReply
) -> None:
    """What is surely the feature's is as it was when the phase started.

    Nothing is where git could not be asked, as when its processes are ended from outside: the
    answer says so then.
    """
    assert reply["source_problem"] is None, reply["source_problem"]
    for path, writes in desk.ledger.items():
        sides = [each for each in (start.get(path), before.get(path)) if each is not None]
        is_plain = all(kind == "file" for kind, *_ in sides) and not path.endswith(".log")
        if is_plain and not _by(writes, "person") and writes[-1].handed_in:
            seen = [row for row in reply["source"] if row["path"] == path]
            assert _same(after.get(path), start.get(path)), f"{path} was not taken back: {seen}"


def _same(found: Content | None, expected: Content | None) -> bool:
    """Whether git sees the same file: of its permissions, whether it may be executed."""
    if found is None or expected is None:
        return found is expected
    return (found[0], found[1] & 0o100, found[2]) == (expected[0], expected[1] & 0o100, expected[2])


def play(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> RollbackReply:
    """One round."""
    desk.number += 1
    name = f"thing-{desk.number}"
    everything = [*TRACKED, *OTHERS]
    for _ in range(desk.random.randrange(4)):
        desk.change("person", desk.random.choice(everything))
    if desk.random.random() < 0.3:
        git(desk.root, "add", "-A")
    desk.ledger, desk.is_sure, desk.is_mixed = {}, True, desk.random.random() < 0.2
    start = desk.files()
    desk.handle(StartFeature(prompt="A thing", name=name))
    work(desk, name)
    before, own, at = desk.files(), desk.own(), desk.sequence()
    code = desk.random.random() < 0.7
    reply: RollbackReply = rolled_back(desk, name, code, monkeypatch)
    after = desk.files()

    assert desk.own() == own
    require_unharmed(desk, start, before, after, code)
    if code and desk.is_sure:
        require_taken_back(desk, start, before, after, reply)
    if desk.random.random() < 0.5:
        desk.handle(RollbackFeature(feature_id=name, to_phase="define", reason="Again", code=code))
        assert desk.files() == after
    if desk.is_mixed or desk.random.random() < 0.5:
        undo(desk, before, at, monkeypatch)
    assert desk.own() == own
    close_all(desk)
    return reply


def close_all(desk: Desk) -> None:
    """Let nobody be at work any more."""
    with desk.product() as application:
        for each in application.handle(ListFeatures())["features"]:
            if each["status"] not in CLOSED_STATUSES:
                reason = "The round is over"
                close = CloseFeature(feature_id=each["id"], outcome="cancelled", reason=reason)
                application.handle(close)


def undo(desk: Desk, before: Files, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring back what was there before the rollback, to the byte."""
    restore = RestoreState(at=at)
    if desk.random.random() < 0.3:
        with killed_after(desk.random.randrange(30), monkeypatch), suppress(Killed):
            desk.handle(restore)
    desk.handle(restore)
    found = desk.files()
    assert {path: (kind, data) for path, (kind, _, data) in found.items()} == {
        path: (kind, data) for path, (kind, _, data) in before.items()
    }


@pytest.mark.soak
@pytest.mark.parametrize("world", range(WORLDS))
def test_whatever_is_rolled_back_a_persons_work_stays(
    desk: Desk, world: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = [play(desk, monkeypatch) for _ in range(ROUNDS)]
    assert len(taken) == ROUNDS
    git(desk.root, "fsck", "--strict")
