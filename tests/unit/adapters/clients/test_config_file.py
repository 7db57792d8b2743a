"""A client's file is changed with care, or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.adapters.clients.careful_file import (
    LIMIT_BYTES,
    PROJECT_LIMIT_BYTES,
    CarefulFile,
)
from cde_orchestrator.adapters.clients.config_file import ConfigFile
from cde_orchestrator.domain.exceptions import ValidationError

ENTRY = {"command": "cde", "args": ["serve"]}
OWN = frozenset({*ENTRY, "url"})
OTHERS = '{\n  "servers": {"a": {"command": "x"}} // mine\n}\n'


def config(
    path: Path, section: str = "servers", *, kept: Path | None, private: bool = True
) -> ConfigFile:
    return ConfigFile(CarefulFile(path, kept, private=private), section)


@pytest.fixture
def file(tmp_path: Path) -> ConfigFile:
    """A file that does not exist yet, in a folder that does not either."""
    return config(tmp_path / "folder" / "mcp.json", kept=tmp_path / "kept" / "clients")


def written(file: ConfigFile, data: bytes) -> ConfigFile:
    file.file.path.parent.mkdir(exist_ok=True)
    file.file.path.write_bytes(data)
    return file


def connect(file: ConfigFile) -> None:
    file.file.write(file.connected(ENTRY, OWN))


def disconnect(file: ConfigFile) -> None:
    file.file.write(file.disconnected())


def refusal_of(file: ConfigFile) -> str:
    """Why the file is not changed; nothing of it is."""
    before = file.file.path.lstat()
    with pytest.raises(ValidationError) as refused:
        connect(file)
    with pytest.raises(ValidationError) as again:
        disconnect(file)
    assert (refused.value.code, again.value.code) == ("E330", "E330")
    after = file.file.path.lstat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)
    return refused.value.message


def test_a_file_that_did_not_exist_is_made_and_removed_again(file: ConfigFile) -> None:
    connect(file)

    assert file.entry() == ENTRY
    assert file.file.path.stat().st_mode & 0o777 == 0o600
    disconnect(file)
    assert not file.file.path.exists()


def test_a_file_of_a_project_is_as_any_other(tmp_path: Path) -> None:
    file = config(tmp_path / "mcp.json", kept=None, private=False)
    other = tmp_path / "other"
    other.write_text("")

    connect(file)

    assert file.file.path.stat().st_mode == other.stat().st_mode


@given(
    data=st.sampled_from(
        [
            *(b"", b"\n", b"{}", b"{\n}\n", b'{"servers": {}}', b'{"servers": {\n}}', b'{"a": 1}'),
            *(OTHERS.encode(), OTHERS.encode().removesuffix(b"\n"), b"// mine\n{ }"),
            *(OTHERS.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + OTHERS.encode()),
        ]
    )
)
def test_removal_leaves_the_file_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("case")
    file = written(config(folder / "mcp.json", kept=folder / "kept"), data)

    connect(file)

    changed = file.file.path.read_bytes()
    assert file.entry() == ENTRY
    assert changed.startswith(b"\xef\xbb\xbf") == data.startswith(b"\xef\xbb\xbf")
    assert b"\n" not in changed.replace(b"\r\n", b"") or b"\r\n" not in data
    connect(file)
    assert file.file.path.read_bytes() == changed
    disconnect(file)
    assert file.file.path.read_bytes() == data


def test_what_others_wrote_meanwhile_is_kept(file: ConfigFile) -> None:
    written(file, b"{}")
    connect(file)
    content = json.loads(file.file.path.read_bytes())
    file.file.path.write_text(json.dumps({**content, "more": 1}, indent=4))

    disconnect(file)

    assert json.loads(file.file.path.read_bytes()) == {"servers": {}, "more": 1}


def test_a_copy_of_what_was_there_is_kept_for_its_owner_alone(file: ConfigFile) -> None:
    written(file, OTHERS.encode())
    planned = file.connected(ENTRY, OWN)

    copy = file.file.write(planned)

    assert copy is not None
    assert copy.read_text() == OTHERS
    assert copy.stat().st_mode & 0o077 == 0
    assert sorted(each.name for each in file.file.path.parent.iterdir()) == ["mcp.json"]


def test_permissions_stay(file: ConfigFile) -> None:
    written(file, OTHERS.encode()).file.path.chmod(0o640)
    connect(file)
    assert file.file.path.stat().st_mode & 0o777 == 0o640


def test_a_change_of_somebody_else_meanwhile_is_not_lost(file: ConfigFile) -> None:
    written(file, OTHERS.encode())
    planned = file.connected(ENTRY, OWN)
    file.file.path.write_text('{"theirs": true, "more": 1}')

    with pytest.raises(ValidationError, match=r"changed just now"):
        file.file.write(planned)

    assert file.file.path.read_text() == '{"theirs": true, "more": 1}'


def test_a_file_that_came_meanwhile_is_not_lost(file: ConfigFile) -> None:
    planned = file.connected(ENTRY, OWN)
    written(file, b"{}")

    with pytest.raises(ValidationError, match=r"changed just now"):
        file.file.write(planned)


@pytest.mark.parametrize(
    "data",
    [
        *(b"{", b"[]", b"null", b"\xff\xfe{\x00}\x00", b"\x00", b'{"servers": []}', b"// nothing"),
        *(b'{"servers": {"cde": 5}}', b'{"servers": {"cde": null}}', b'{"servers": 5}'),
        b'{"a":' * 100_000,
    ],
)
def test_what_cannot_be_understood_is_refused(file: ConfigFile, data: bytes) -> None:
    assert str(file.file.path) in refusal_of(written(file, data))


def test_an_entry_that_starts_another_program_is_refused(file: ConfigFile) -> None:
    written(file, b'{"servers": {"cde": {"command": "/usr/bin/desktop"}}}')
    assert "starts another program, /usr/bin/desktop" in refusal_of(file)


def test_a_file_of_10_mb_is_changed_and_a_larger_one_than_the_limit_refused(
    file: ConfigFile,
) -> None:
    text = json.dumps({"projects": {f"p{n}": "x" * 1_000 for n in range(10_000)}}, indent=2)
    written(file, text.encode())
    connect(file)
    disconnect(file)
    assert file.file.path.read_text() == text

    written(file, b" " * (LIMIT_BYTES + 1))
    assert "bytes" in refusal_of(file)


def test_a_file_of_a_project_is_bounded_closer(tmp_path: Path) -> None:
    file = config(tmp_path / "mcp.json", kept=None, private=False)
    nested = "[" * 190 + "/**/" + "]" * 190
    written(file, f'{{"a": [{",".join([nested] * 2_700)}]}}'.encode())
    assert file.entry() is None

    written(file, b" " * (PROJECT_LIMIT_BYTES + 1))
    assert "bytes" in refusal_of(file)


def test_a_folder_a_link_and_a_pipe_are_refused(file: ConfigFile, tmp_path: Path) -> None:
    file.file.path.mkdir(parents=True)
    assert "a folder is in its place" in refusal_of(file)
    file.file.path.rmdir()
    (tmp_path / "dotfiles.json").write_text(OTHERS)
    file.file.path.symlink_to(tmp_path / "dotfiles.json")
    assert f"a link is in its place, to {tmp_path / 'dotfiles.json'}" in refusal_of(file)
    assert (tmp_path / "dotfiles.json").read_text() == OTHERS
    file.file.path.unlink()
    os.mkfifo(file.file.path)
    assert "a pipe" in refusal_of(file)


def test_a_read_only_file_is_refused(file: ConfigFile) -> None:
    written(file, OTHERS.encode()).file.path.chmod(0o444)
    assert "read-only" in refusal_of(file)


def test_a_file_of_somebody_else_is_refused(
    file: ConfigFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(file, OTHERS.encode())
    monkeypatch.setattr(os, "geteuid", lambda: file.file.path.stat().st_uid + 1)
    assert "belongs to another user" in refusal_of(file)


def test_a_file_in_the_place_of_a_folder_is_refused(file: ConfigFile, tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("")
    with pytest.raises(ValidationError) as refused:
        connect(file)
    assert refused.value.code == "E330"


def test_a_copy_that_was_damaged_is_no_reason_to_lose_anything(file: ConfigFile) -> None:
    written(file, OTHERS.encode())
    connect(file)
    (copy,) = (file.file.copies or Path()).iterdir()
    copy.write_bytes(b"{ \xff")

    disconnect(file)

    assert file.file.path.read_text() == OTHERS


def test_an_entry_that_was_there_keeps_what_a_person_added(file: ConfigFile) -> None:
    written(
        file, b'{"servers": {"cde": {"command": "cde", "url": "x", "env": {"A": "1"}}, "b": {}}}'
    )
    connect(file)
    assert file.entry() == {"command": "cde", "env": {"A": "1"}, "args": ["serve"]}
    disconnect(file)
    assert file.file.path.read_bytes() == b'{"servers": {"b": {}}}'


def test_toml_is_changed_the_same_way(tmp_path: Path) -> None:
    file = config(tmp_path / "config.toml", "mcp_servers", kept=tmp_path / "kept")
    text = '# mine\nmodel = "x"\n[projects."/a"]\ntrust_level = "trusted"'
    file.file.path.write_text(text)

    connect(file)

    assert file.entry() == ENTRY
    connect(file)
    disconnect(file)
    assert file.file.path.read_text() == text
    file.file.path.write_text('mcp_servers.cde.command = "cde"\n')
    assert "[mcp_servers.cde]" in refusal_of(file)
