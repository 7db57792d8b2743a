"""Drills of the stored state, E200 to E299."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from cde_orchestrator import __version__
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.domain.project import Project
from cde_orchestrator.storage.format.files import StateFiles
from tests.disks import fill, remount, small_disk
from tests.integration.asked_person import Person, filled_in
from tests.integration.drills.feature_drills import submitted
from tests.integration.drills.stage import Outcome, Stage, drill
from tests.postgres_server import postgres_server
from tests.programs import program

HOLD = """\
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(descriptor, fcntl.LOCK_EX)
os.pwrite(descriptor, b"%-12d\\n" % os.getpid(), 0)
print("held", flush=True)
sys.stdin.read()
"""


class Holder:
    """Another process, which holds the project's lock until it is ended."""

    def __init__(self, root: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(root / ".cde" / "lock")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"held\n"

    def end(self) -> None:
        """End it, and with it the lock."""
        self._process.kill()
        self._process.communicate()


def ruined(stage: Stage) -> dict[Path, bytes]:
    """What every file of the state had, of which nothing is left."""
    places = (*(stage.root / ".cde").rglob("*"), *StateFiles(stage.root).backups.glob("*-*"))
    files = [path for path in places if path.suffix in {".json", ".jsonl"}]
    kept = {path: path.read_bytes() for path in files}
    for path in files:
        path.write_bytes(b"\x00" * 100)
    return kept


@drill("E201")
async def a_state_of_which_nothing_is_left(stage: Stage) -> None:
    kept = ruined(stage)

    def put_back() -> None:
        for path, content in kept.items():
            path.write_bytes(content)

    await stage.prove(
        lambda: stage.tool("cde_startFeature", prompt="On what ground"),
        names="nothing can be taken out",
        by_hand=put_back,
    )
    assert stage.census()


@drill("E202")
async def a_state_of_a_newer_version(stage: Stage) -> None:
    state = stage.root / ".cde" / "state.json"
    kept = state.read_bytes()
    content = {"schema_version": 99, "checksum": "0" * 32, "sequence": 7, "items": []}
    blank = json.dumps(content, indent=2)
    digest = hashlib.blake2b(blank.encode(), digest_size=16).hexdigest()
    newer = blank.replace("0" * 32, digest, 1)
    state.write_text(newer)
    await stage.prove(
        lambda: stage.tool("cde_startFeature", prompt="Too new"),
        names=__version__,
        by_hand=lambda: state.write_bytes(kept),
    )


@drill("E203", own_disk=True)
async def an_output_on_a_disk_that_is_read_only(stage: Stage) -> None:
    notes = stage.root / "notes"
    notes.mkdir()
    with small_disk(notes):
        remount(notes, "ro")
        await stage.prove(
            lambda: submitted(stage, "write", note="Cast in stone."),
            names="EROFS",
            by_hand=lambda: remount(notes, "rw"),
        )
        await stage.close()


@drill("E204", own_disk=True)
async def an_output_for_which_the_disk_is_too_small(stage: Stage) -> None:
    notes = stage.root / "notes"
    notes.mkdir()
    with small_disk(notes):
        filler = notes / "filler"
        fill(filler)
        await stage.prove(
            lambda: submitted(stage, "write", note="One too many.\n" * 2_000),
            names="0 MB are free",
            by_hand=filler.unlink,
        )
        await stage.close()


@drill("E206", own_disk=True)
async def a_disk_that_became_read_only(stage: Stage) -> None:
    with small_disk(stage.root):
        remount(stage.root, "ro")
        await stage.prove(
            lambda: stage.json_command("start", "Cast in stone", "--project", str(stage.root)),
            names="Read-only file system",
            by_hand=lambda: remount(stage.root, "rw"),
        )
        await stage.close()


@drill("E205")
async def a_project_that_another_process_holds(stage: Stage) -> None:
    (stage.root / ".cde" / "config.toml").write_text("lock_timeout_seconds = 0.2\n")
    holder = Holder(stage.root)
    try:
        await stage.prove(
            lambda: stage.tool("cde_startFeature", prompt="Wait for it"), by_hand=holder.end
        )
    finally:
        holder.end()


@drill("E207")
async def a_change_of_what_somebody_else_changed(stage: Stage) -> None:
    mine, theirs = FilesystemProjectRepository(), FilesystemProjectRepository()
    stale = mine.get(stage.root)
    stale.name = "Mine"
    fresh = theirs.get(stage.root)
    fresh.name = "Theirs"
    theirs.save(fresh)

    def once_more() -> None:
        project = mine.get(stage.root)
        project.name = "Mine"
        mine.save(project)

    await stage.prove(
        lambda: stage.library(lambda: mine.save(stale)),
        names="Theirs",
        corrected=lambda: stage.library(once_more),
    )


@drill("E208")
async def a_change_that_was_never_made(stage: Stage) -> None:
    words = ["state", "show", "--project", str(stage.root), "--at"]
    await stage.prove(
        lambda: stage.json_command(*words, "999"),
        names="start_feature",
        corrected=lambda: stage.json_command(*words, "3"),
    )


@drill("E209")
async def a_backup_that_does_not_exist(stage: Stage) -> None:
    assert stage.run("state", "compact", "--project", str(stage.root)).returncode == 0
    listed = await stage.json_command("state", "backups", "--project", str(stage.root))
    known = listed.reply["backups"][-1]["file"]
    words = ["state", "restore", "--dry-run", "--project", str(stage.root), "--backup"]
    await stage.prove(
        lambda: stage.json_command(*words, "state-000000009999.json"),
        names=known,
        corrected=lambda: stage.json_command(*words, known),
    )


@drill("E210")
async def an_export_that_is_no_state(stage: Stage) -> None:
    export = stage.folder / "export.json"
    export.write_text('{"features": 7}')

    def export_anew() -> None:
        finished = stage.run("state", "export", "--project", str(stage.root))
        assert finished.returncode == 0
        export.write_text(finished.stdout)

    words = ["state", "import", str(export), "--project", str(stage.root)]
    await stage.prove(lambda: stage.json_command(*words), by_hand=export_anew)


@drill("E211")
async def a_restore_that_was_prepared_for_another_state(stage: Stage) -> None:
    async def restore(token: str | None) -> Outcome:
        arguments = {"action": "restore", "at": 3} | ({"token": token} if token else {})
        return await stage.call("cde_recoverState", arguments)

    async def restore_anew() -> Outcome:
        return await restore((await restore(None)).reply["token"])

    stage.person = Person(filled_in(restore=True))
    stale = (await restore(None)).reply["token"]
    await submitted(stage, "write", note="Words.")
    await stage.prove(lambda: restore(stale), names="submit_work", corrected=restore_anew)


@drill("E212")
async def a_backup_of_which_a_bit_flipped(stage: Stage) -> None:
    mirror = next(iter(sorted(StateFiles(stage.root).backups.glob("journal-*"))))
    content = bytearray(mirror.read_bytes())
    content[len(content) // 2] ^= 1
    mirror.write_bytes(content)
    await stage.prove(stage.finding)


@drill("E220")
async def a_vault_that_cannot_be_written(stage: Stage) -> None:
    passport = StateFiles(stage.root).backups / "project.json"
    passport.unlink()
    passport.mkdir()
    assert stage.run("state", "compact", "--project", str(stage.root)).returncode == 0

    def can_be_written_again() -> None:
        passport.rmdir()
        assert stage.run("status", "--project", str(stage.root)).returncode == 0

    await stage.prove(stage.finding, names="project", by_hand=can_be_written_again)


@drill("E222")
async def a_copy_of_the_project_that_was_used_comes_back(stage: Stage) -> None:
    copy = stage.root.with_name("copy")
    shutil.copytree(stage.root, copy)
    for root, goal in ((stage.root, "Here"), (copy, "There")):
        assert stage.run("start", goal, "--project", str(root)).returncode == 0
    shutil.rmtree(stage.root / ".cde")
    shutil.copytree(copy / ".cde", stage.root / ".cde")
    await stage.prove(stage.finding, names="fork-")
    assert stage.run("status", "here", "--project", str(stage.root)).returncode == 0
    assert stage.run("status", "there", "--project", str(stage.root)).returncode == 0


@drill("E213")
async def a_file_of_a_process_that_died(stage: Stage) -> None:
    left = stage.root / ".cde" / ".state.json.0123456789ab.tmp"
    left.write_text("half")
    os.utime(left, (0, 0))
    await stage.prove(stage.finding)


@drill("E214")
async def an_output_that_was_changed_afterwards(stage: Stage) -> None:
    await submitted(stage, "write", note="Words.")
    output = stage.root / "notes" / "login.md"
    recorded = output.read_text()
    output.write_text("Other words.\n")
    await stage.prove(
        stage.finding, names="notes/login.md", by_hand=lambda: output.write_text(recorded)
    )


@drill("E215")
async def a_damaged_file_that_is_kept(stage: Stage) -> None:
    kept = stage.root / ".cde" / "quarantine" / "20251110T120000000000-state.json"
    kept.parent.mkdir()
    kept.write_text("{")
    await stage.prove(stage.finding, by_hand=kept.unlink)


@drill("E216")
async def a_change_that_was_neither_made_nor_undone(stage: Stage) -> None:
    strace = [program("strace"), "-f", "--seccomp-bpf", "-o", "/dev/null"]
    faults = ["-e", "trace=fdatasync,ftruncate", "-e", "inject=fdatasync,ftruncate:error=EIO"]

    async def start() -> Outcome:
        stage.prefix = [*strace, *faults] if failing else []
        try:
            words = ("start", "Half-way", "--project", str(stage.root))
            return await stage.json_command(*words)
        finally:
            stage.prefix = []

    failing = [True]
    await stage.prove(start, names="start_feature", by_hand=failing.clear)


@drill("E217")
async def a_database_that_is_stopped(stage: Stage) -> None:
    server = postgres_server()
    (stage.root / ".cde" / "config.toml").write_text(f'state_url = "{server.plain_url()}"\n')
    await stage.command("trust", "--yes", "--project", str(stage.root))
    moved = await stage.command("state", "move", "--to-database", "--project", str(stage.root))
    assert moved.error is None, moved.text
    server.stop()
    try:
        await stage.prove(
            lambda: stage.tool("cde_startFeature", prompt="Out of reach"),
            names="does not answer",
            by_hand=server.start,
        )
    finally:
        server.start()


async def answer_yes(stage: Stage, command: str) -> Outcome:
    """Follow a command as on a terminal, where the person says yes."""
    return await stage.command(*shlex.split(command)[1:], "--yes")


@drill("E218")
async def a_database_that_nobody_trusts(stage: Stage) -> None:
    url = postgres_server().plain_url()
    (stage.root / ".cde" / "config.toml").write_text(f'state_url = "{url}"\n')
    moving = ("state", "move", "--to-database", "--project", str(stage.root))
    await stage.prove(lambda: stage.json_command(*moving), follow=partial(answer_yes, stage))


@drill("E219")
async def a_project_that_is_saved_where_another_one_is(stage: Stage) -> None:
    repository = FilesystemProjectRepository()
    stored, other = repository.get(stage.root), Project.create(str(stage.root), "other")

    def in_the_stored_one() -> None:
        stored.metadata["team"] = "payments"
        repository.save(stored)

    await stage.prove(
        lambda: stage.library(lambda: repository.save(other)),
        names=stored.name,
        corrected=lambda: stage.library(in_the_stored_one),
    )


@drill("E224")
async def a_salvage_where_nothing_is_intact(stage: Stage) -> None:
    ruined(stage)
    words = ("start", "Begin again", "--project", str(stage.root))
    await stage.prove(
        lambda: stage.json_command("state", "salvage", "--project", str(stage.root)),
        corrected=lambda: stage.json_command(*words),
        follow=partial(answer_yes, stage),
    )


@drill("E225")
async def changes_that_were_lost_with_both_copies(stage: Stage) -> None:
    files = StateFiles(stage.root)
    for path in (files.journal, *files.segments().values()):
        path.unlink()
    assert stage.run("status", "--project", str(stage.root)).returncode == 0
    [note] = files.quarantine.glob("*.lost")
    await stage.prove(stage.finding, by_hand=note.unlink)


@drill("E227")
async def a_database_named_over_a_project_with_files(stage: Stage) -> None:
    stage.environment["CDE_STATE_URL"] = postgres_server().schema_url()
    await stage.prove(lambda: stage.json_command("list", "--project", str(stage.root)))


@drill("E228")
async def a_state_that_was_moved(stage: Stage) -> None:
    url = postgres_server().schema_url()
    stage.environment["CDE_STATE_URL"] = url
    moved = await stage.command("state", "move", "--to-database", "--project", str(stage.root))
    assert moved.error is None, moved.text
    settings = stage.root / ".cde" / "config.toml"
    kept = settings.read_text()
    settings.unlink()  # as on a branch from before
    del stage.environment["CDE_STATE_URL"]

    def set_the_database() -> None:
        settings.write_text(kept)
        stage.environment["CDE_STATE_URL"] = url

    await stage.prove(
        lambda: stage.json_command("list", "--project", str(stage.root)),
        names="state_url",
        by_hand=set_the_database,
    )
