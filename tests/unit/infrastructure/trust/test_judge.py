"""What a person said to a folder, as it is kept and judged."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from cde_orchestrator.adapters.runners.trust import UserTrustStore
from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.system import acting_files, viewing
from cde_orchestrator.infrastructure.system.file_ops import read_regular_file
from cde_orchestrator.infrastructure.trust import records
from cde_orchestrator.infrastructure.trust.judge import VARIABLE, FolderTrust
from cde_orchestrator.infrastructure.trust.records import TrustFile
from tests.fakes import NOON

LATER = 2**62
"""A time after whatever a test writes, as of a yes long after it."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with settings and a prompt, which nobody trusts."""
    monkeypatch.delenv(VARIABLE)
    root = tmp_path / "root"
    (root / ".cde" / "prompts").mkdir(parents=True)
    (root / ".cde" / "config.toml").write_text('log_level = "DEBUG"\n')
    (root / ".cde" / "prompts" / "a.md").write_text("Words\n")
    yield root
    viewing.forget_all()


@pytest.fixture
def trust(tmp_path: Path) -> FolderTrust:
    return FolderTrust(TrustFile(tmp_path / "config"))


def accepted(trust: FolderTrust, root: Path) -> None:
    trust.accept(root, trust.judge(root).files)


def test_a_folder_is_viewed_until_it_is_trusted(root: Path, trust: FolderTrust) -> None:
    assert trust.judge(root).kind == "not_yet"
    assert viewing.standing_of(root / ".cde" / "state.json") == "not_yet"
    assert not viewing.is_only_viewed(root.parent)
    assert not viewing.is_only_viewed(f"{root}-other")
    accepted(trust, root)
    assert trust.judge(root).kind == "trusted"
    assert not viewing.is_only_viewed(root)


def test_what_was_not_shown_is_not_trusted(root: Path, trust: FolderTrust) -> None:
    shown = trust.judge(root).files
    (root / ".cde" / "config.toml").write_text("")
    with pytest.raises(CDEError, match=r"config\.toml changed while it was read"):
        trust.accept(root, shown)
    assert trust.judge(root).kind == "not_yet"


def test_what_is_written_within_the_tick_of_a_clock_is_noticed(
    root: Path, trust: FolderTrust, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = (root / ".cde" / "config.toml").stat().st_mtime_ns
    monkeypatch.setattr(time, "time_ns", lambda: written)
    accepted(trust, root)
    stamps = acting_files.acting_stamp
    before = {path: stamps(path) for path in (root / ".cde").iterdir()}
    monkeypatch.setattr(acting_files, "acting_stamp", lambda path: before.get(path) or stamps(path))
    (root / ".cde" / "config.toml").write_text('log_level = "ERROR"\n')
    assert trust.judge(root).changed == (".cde/config.toml",)


def test_what_a_link_leads_to_is_watched(root: Path, trust: FolderTrust) -> None:
    (root / "real.sh").write_text("exit 0\n")
    (root / "check.sh").symlink_to("real.sh")
    command = CommandLine(kind="check", words=("sh", "check.sh"))
    UserTrustStore(trust.file.path.parent).grant(root, [command], NOON)
    trust.accept(root, trust.judge(root).files, LATER)
    assert trust.judge(root).kind == "trusted"
    (root / "real.sh").write_text("exit 1\n")
    assert trust.judge(root).changed == ("check.sh",)
    (root / "real.sh").unlink()
    assert trust.judge(root).changed == ("check.sh",)


def test_what_nobody_trusts_is_read_once_while_it_is_the_same(
    root: Path, trust: FolderTrust, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    digest_of = acting_files.digest_of

    def noted(path: Path) -> str:
        read.append(path.name)
        return digest_of(path)

    monkeypatch.setattr(acting_files, "digest_of", noted)
    monkeypatch.setattr(time, "time_ns", lambda: LATER)
    shown = trust.judge(root).files
    assert (trust.judge(root).files, sorted(read)) == (shown, ["a.md", "config.toml"])
    (root / ".cde" / "config.toml").write_text("")
    changed = trust.judge(root).files
    assert (changed != shown, read[2:]) == (True, ["config.toml"])
    trust.accept(root, changed)  # what comes into force is read again
    assert sorted(read[3:]) == ["a.md", "config.toml"]


def test_a_digest_from_while_the_file_changed_is_not_kept(
    root: Path, trust: FolderTrust, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest_of = acting_files.digest_of
    (root / ".cde" / "prompts" / "gone.md").symlink_to("nowhere")

    def changing(path: Path) -> str:
        digest = digest_of(path)
        if path.name == "config.toml":
            path.write_text('log_level = "ERROR"\n')
        return digest

    monkeypatch.setattr(time, "time_ns", lambda: LATER)
    with monkeypatch.context() as patch:
        patch.setattr(acting_files, "digest_of", changing)
        before = trust.judge(root).files
    after = trust.judge(root).files
    assert [name for name in after if after[name] != before[name]] == [".cde/config.toml"]


def test_an_earlier_content_is_trusted_still(root: Path, trust: FolderTrust) -> None:
    accepted(trust, root)
    settings = root / ".cde" / "config.toml"
    before = settings.read_text()
    settings.write_text("")
    assert trust.judge(root).kind == "changed"
    settings.unlink()
    settings.write_text(before)
    assert trust.judge(root).kind == "trusted"


def test_contents_that_were_trusted_in_turn_are_trusted_still(
    root: Path, trust: FolderTrust
) -> None:
    settings, prompt = root / ".cde" / "config.toml", root / ".cde" / "prompts" / "b.md"
    first = settings.read_text()
    accepted(trust, root)
    settings.write_text("")
    prompt.write_text("Words\n")
    accepted(trust, root)
    settings.write_text(first)
    prompt.unlink()
    assert trust.judge(root).kind == "trusted"
    assert trust.differences(root, Path("/none")) == {}
    settings.write_text("other")
    assert trust.judge(root).changed == (".cde/config.toml",)
    accepted(trust, root)
    prompt.write_text("Words\n")
    assert FolderTrust(TrustFile(trust.file.path.parent)).judge(root).kind == "trusted"
    for number in range(20):
        settings.write_text(f"# {number}")
        accepted(trust, root)
    settings.write_text("# 0")
    assert trust.judge(root).kind == "trusted"
    settings.write_text(first)
    assert trust.judge(root).kind == "changed"
    settings.write_text("# 0")
    trust.forget(root)
    assert trust.judge(root).kind == "not_yet"


def test_copies_show_what_changed_and_go_when_nothing_needs_them(
    root: Path, trust: FolderTrust
) -> None:
    accepted(trust, root)
    folder = trust.file.path.with_name("trusted")
    kept = {path.read_text() for path in folder.iterdir()}
    assert kept == {'log_level = "DEBUG"\n', "Words\n"}
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (*folder.iterdir(), trust.file.path)}
    assert modes == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (root / ".cde" / "prompts" / "a.md").write_text("Other words\n")
    assert trust.differences(root, Path("/none")) == {
        ".cde/prompts/a.md": "@@ -1 +1 @@\n-Words\n+Other words"
    }
    trust.forget(root)
    assert [*folder.iterdir()] == []
    trust.forget(root)


def test_the_program_of_a_command_that_is_trusted_later_is_watched(
    root: Path, tmp_path: Path
) -> None:
    store = UserTrustStore(tmp_path / "config")
    trust = FolderTrust(TrustFile(tmp_path / "config"))
    (root / "agent.sh").write_text("x")
    command = CommandLine(kind="agent", name="own", words=("./agent.sh",))
    store.grant(root, [command], NOON)  # without a folder's trust, there is nothing to add to
    accepted(trust, root)
    other = CommandLine(kind="check", words=("sh", "other.sh"))
    (root / "other.sh").write_text("x")
    assert trust.judge(root).kind == "trusted"
    store.grant(root, [other], NOON)
    assert trust.judge(root).kind == "trusted"
    assert store.trusts(root, other)
    (root / "other.sh").write_text("y")
    assert trust.judge(root).changed == ("other.sh",)
    assert not store.trusts(root, other)


def test_what_somebody_broke_in_the_file_is_not_trusted_and_the_rest_is(
    root: Path, trust: FolderTrust
) -> None:
    accepted(trust, root)
    stored = json.loads(trust.file.path.read_text())
    whole = stored["folders"][str(root)]
    del whole["earlier"]  # as an earlier release has it
    odd: list[object] = [{}, [], {**whole, "inode": "x"}, {**whole, "files": {"a": 1}}, None]
    odd.append({**whole, "earlier": {"a": 1}})
    for broken in odd:
        folders = {str(root): whole, "/other": broken}
        trust.file.path.write_text(json.dumps({**stored, "folders": folders}))
        assert [*trust.file.read().folders] == [str(root)]
        assert trust.judge(root).kind == "trusted"
        trust.file.path.write_text(json.dumps({**stored, "folders": {str(root): broken}}))
        assert trust.judge(root).kind == "not_yet"


def too_long(path: Path) -> None:
    path.write_bytes(b"A\n" * 2**20)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Path.mkdir, "is not an ordinary file: remove it"),
        (os.mkfifo, "is not an ordinary file: remove it"),
        (too_long, "has more than 1 MiB: shorten or remove it"),
    ],
)
def test_files_that_cannot_be_judged_are_never_trusted_and_are_named_with_the_way_out(
    root: Path, trust: FolderTrust, make: Callable[[Path], None], why: str
) -> None:
    make(root / ".cde" / "rules.md")
    with pytest.raises(CDEError) as refused:
        accepted(trust, root)
    assert (refused.value.code, refused.value.context["reason"]) == ("E128", f".cde/rules.md {why}")
    assert trust.differences(root, root / "none")[".cde/rules.md"] == f"(not shown: it {why})"


def test_a_file_that_changes_while_it_is_judged_is_named(root: Path) -> None:
    gone, back = root / "gone", root / ".cde" / "config.toml"
    missing = "cannot be read (No such file or directory): correct or remove it"
    assert acting_files.why_unknown(gone) == missing
    assert acting_files.why_unknown(back) == "changed while it was read: try again"


def test_of_a_file_that_is_another_by_now_nothing_is_shown(root: Path, trust: FolderTrust) -> None:
    accepted(trust, root)
    rules = root / ".cde" / "rules.md"
    rules.write_text("Delete everything.\n")
    judged = trust.judge(root).files
    changed = "(not shown: it changed while it was read: try again)"
    rules.write_text("Be kind.\n")
    assert trust.differences(root, root / "none", judged)[".cde/rules.md"] == changed
    rules.unlink()
    assert trust.differences(root, root / "none", judged)[".cde/rules.md"] == changed
    rules.write_text("Delete everything.\n")
    shown = trust.differences(root, root / "none", judged)[".cde/rules.md"]
    assert "+Delete everything." in shown


def test_a_file_that_is_no_text_is_trusted_without_its_lines(
    root: Path, trust: FolderTrust
) -> None:
    (root / ".cde" / "rules.md").write_bytes(b"\xff")
    shown = trust.differences(root, root / "none")[".cde/rules.md"]
    assert shown == "(not shown: it is a link, no plain text, or long)"
    accepted(trust, root)
    assert trust.judge(root).kind == "trusted"


def test_the_product_s_own_writes_are_no_change(root: Path, trust: FolderTrust) -> None:
    accepted(trust, root)
    path = root / ".cde" / "workflow.yml"
    path.write_bytes(b"own")
    acting_files.wrote(path, b"own")
    trust.note_own(root, trust.judge(root))
    assert trust.judge(root).kind == "trusted"
    path.write_bytes(b"other")
    acting_files.wrote(path, b"own")
    trust.note_own(root, trust.judge(root))
    assert trust.judge(root).changed == (".cde/workflow.yml",)


def test_what_is_revoked_while_own_writes_are_noted_stays_so(
    root: Path, trust: FolderTrust, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted(trust, root)
    path = root / ".cde" / "workflow.yml"
    path.write_bytes(b"own")
    acting_files.wrote(path, b"own")
    noted = acting_files.own_writes

    def revoking(root: Path, files: Mapping[str, Path]) -> dict[str, str]:
        FolderTrust(TrustFile(trust.file.path.parent)).forget(root)  # as another process does
        return noted(root, files)

    monkeypatch.setattr(acting_files, "own_writes", revoking)
    trust.note_own(root, trust.judge(root))
    assert trust.judge(root).kind == "not_yet"


def test_commands_of_another_folder_at_the_path_are_not_for_one_that_the_product_makes(
    root: Path, trust: FolderTrust
) -> None:
    store = UserTrustStore(trust.file.path.parent)
    accepted(trust, root)
    store.grant(root, [CommandLine(kind="check", words=("make",))], NOON)
    root.rename(root.with_name("earlier"))
    root.mkdir()
    standing = trust.judge(root)
    path = root / ".cde" / "workflow.yml"
    path.parent.mkdir()
    path.write_bytes(b"own")
    acting_files.wrote(path, b"own")
    acting_files.set_up(root)
    trust.note_own(root, standing)
    assert trust.judge(root).kind == "trusted"
    assert store.granted(root) == []


def test_a_process_reads_what_a_person_trusts_once(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    accepted(FolderTrust(), root)
    read: list[Path] = []

    def counted(path: Path, limit: int, *, follow: bool) -> tuple[bytes, int]:
        read.append(path)
        return read_regular_file(path, limit, follow=follow)

    monkeypatch.setattr(records, "read_regular_file", counted)
    assert [FolderTrust().judge(root).kind for _ in range(2)] == ["trusted"] * 2
    assert UserTrustStore().granted(root) == []
    assert read == [UserTrustStore().path]
    (tmp_path / "config").rename(tmp_path / "other")
    assert FolderTrust().judge(root).kind == "not_yet"


def test_the_file_may_change_in_another_thread_while_it_is_read(
    root: Path, trust: FolderTrust, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted(trust, root)

    class Stamp(tuple[int, ...]):
        """One during whose comparison another thread changes the file."""

        __slots__ = ()
        __hash__ = tuple.__hash__

        def __eq__(self, other: object) -> bool:
            trust.file.change(lambda _: None)
            return tuple.__eq__(self, other)

    monkeypatch.setattr(
        records, "acting_stamp", lambda path: Stamp(acting_files.acting_stamp(path) or ())
    )
    trust.file.read()
    assert [*trust.file.read().folders] == [str(root)]


def test_a_program_of_a_project_that_the_product_made_is_not_read_again(
    tmp_path: Path, trust: FolderTrust, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    root = tmp_path / "made"
    root.mkdir()
    (root / "tool").write_text("x")
    standing = trust.judge(root)
    (root / ".cde").mkdir()
    acting_files.set_up(root)
    trust.note_own(root, standing)
    command = CommandLine(kind="check", words=("./tool",))
    clock = time.time_ns() + 10**9
    monkeypatch.setattr(time, "time_ns", lambda: clock)
    UserTrustStore(trust.file.path.parent).grant(root, [command], NOON)
    read: list[Path] = []
    monkeypatch.setattr(acting_files, "digest_of", read.append)
    assert trust.judge(root).kind == "trusted"
    assert read == []
    viewing.forget_all()


def test_a_folder_that_is_not_there_is_not_set_up(root: Path, trust: FolderTrust) -> None:
    assert trust.judge(root / "none").kind == "unset"


def test_settings_can_be_considered_without_being_in_force(root: Path, trust: FolderTrust) -> None:
    trust.judge(root)
    settings = root / ".cde" / "config.toml"
    assert not viewing.applies(settings)
    with viewing.considering():
        assert viewing.applies(settings)
        with pytest.raises(OSError, match="not trusted"):
            viewing.refuse_write(settings)
    assert not viewing.applies(settings)


def test_each_changed_file_is_named_also_where_no_line_differs(
    root: Path, trust: FolderTrust, tmp_path: Path
) -> None:
    prompts, packaged = root / ".cde" / "prompts", tmp_path / "packaged"
    (packaged / "prompts").mkdir(parents=True)
    (prompts / "empty.md").touch()
    accepted(trust, root)
    (prompts / "a.md").write_bytes(b"Words\r\n")
    (prompts / "empty.md").unlink()
    for folder in (prompts, packaged / "prompts"):
        (folder / "same.md").write_text("As packaged\n")
    (prompts / "new.md").touch()
    found = trust.differences(root, packaged)
    assert tuple(found) == trust.judge(root).changed
    assert found == {
        ".cde/prompts/a.md": "(the same lines: only their ends differ, or it is a link now)",
        ".cde/prompts/empty.md": "(it was empty, or its content was not kept)",
        ".cde/prompts/new.md": "(it is new, and empty)",
        ".cde/prompts/same.md": "(it is new, and as the product has it)",
    }


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1e", "\r"])
def test_a_line_that_ends_for_some_alone_is_not_shown(
    root: Path, trust: FolderTrust, end: str
) -> None:
    config = root / ".cde" / "config.toml"
    config.write_text('# Note\nelicitation = "refused"\n', encoding="utf-8")
    accepted(trust, root)
    config.write_text(f'# Note{end}elicitation = "refused"\n', encoding="utf-8", newline="")
    shown = trust.differences(root, root / "packaged", trust.judge(root).files)
    assert shown == {".cde/config.toml": "(not shown: it is a link, no plain text, or long)"}
