"""A folder that came from elsewhere: what it holds is not run, not followed, not waited for."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, closing
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.adapters.runners.callers import current_process, is_own
from cde_orchestrator.adapters.runners.server_file import FILE, server_folder
from cde_orchestrator.domain.lease import Process
from cde_orchestrator.storage.format.files import StateFiles
from tests import command_line
from tests.integration.cli.commands import environment

# As the installed command does, and not as the interpreter does by itself: without the folder.
CDE = [sys.executable, "-P", "-m", "cde_orchestrator"]
SHADOWS = ("typing.py", "secrets.py", "types.py", "mcp/__init__.py", "logging/__init__.py")
COMMANDS = (("status",), ("list",), ("init",), ("doctor",), ("logs",), ("errors", "list"))


def ran(
    *words: str, at: Path, start: list[str] = CDE, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A command in an interpreter of its own, as a person starts it."""
    return subprocess.run(
        [*start, *words],
        cwd=at,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=command_line.TIMEOUT_SECONDS,
        check=False,
    )


def cde(*words: str, at: Path) -> subprocess.CompletedProcess[str]:
    """A command that must not wait for anything."""
    done = command_line.in_words(
        command_line.cde(*words, cwd=at, environment=environment(), timeout=30.0)
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "E999" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done


def warnings_in(stderr: str, event: str) -> list[dict[str, Any]]:
    """The lines on standard error that report the event."""
    lines = [json.loads(line) for line in stderr.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def git(*words: str, at: Path) -> None:
    """Run git as somebody else."""
    who = ["-c", "user.name=other", "-c", "user.email=other@example.org"]
    subprocess.run(["git", *who, *words], cwd=at, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Makes a clone of somebody's repository with these files; ``->`` begins a link's target."""

    def made(files: Mapping[str, str]) -> Path:
        author = tmp_path / "author"
        author.mkdir()
        for name, content in files.items():
            path = author / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith("->"):
                path.symlink_to(content.removeprefix("->"))
            else:
                path.write_text(content)
        git("init", "-q", at=author)
        git("add", "-f", "-A", at=author)
        git("commit", "-q", "-m", "All", at=author)
        git("clone", "-q", str(author), str(tmp_path / "clone"), at=tmp_path)
        return tmp_path / "clone"

    return made


def test_a_cloned_link_for_the_log_reaches_no_file_of_the_person(
    tmp_path: Path, clone: Callable[[Mapping[str, str]], Path]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    profile = home / ".profile"
    profile.write_text("# mine\n")
    folder = clone(
        {
            ".cde/logs/cde.log": "->../../../home/.profile",
            ".cde/config.toml": '"$(touch $HOME/PWNED)" = 1\n',
        }
    )
    assert (folder / ".cde/logs/cde.log").samefile(profile)

    for words in COMMANDS:
        done = ran(*words, at=folder, HOME=str(home))
        assert "Traceback" not in done.stderr
        (warning,) = warnings_in(done.stderr, "log_not_written")
        assert "a link is in its place" in warning["reason"]

    assert profile.read_text() == "# mine\n"
    subprocess.run(["sh", "-c", ". ./.profile"], cwd=home, env={"HOME": str(home)}, check=True)
    assert not (home / "PWNED").exists()


def test_the_dashboard_runs_nothing_of_a_clone(
    tmp_path: Path, clone: Callable[[Mapping[str, str]], Path]
) -> None:
    mark = tmp_path / "PWNED"
    code = f"open({str(mark)!r}, 'w').close()\n"
    folder = clone(dict.fromkeys(SHADOWS, code))
    assert ran("init", at=folder, HOME=str(tmp_path)).returncode == 0

    shown = ran("dashboard", "--no-open", "--json", at=folder, HOME=str(tmp_path))
    stopped = ran("dashboard", "--stop", "--json", at=folder, HOME=str(tmp_path))

    assert shown.returncode == 0, shown.stdout
    assert json.loads(shown.stdout)["started"] is True
    assert json.loads(stopped.stdout)["stopped"] is True
    assert not mark.exists()


def test_a_server_of_an_installation_on_the_path_starts_elsewhere(project: Path) -> None:
    import cde_orchestrator

    source = Path(cde_orchestrator.__file__).parents[1]
    path = os.pathsep.join(["", os.path.relpath(source, project)])
    shown = ran("dashboard", "--no-open", "--json", at=project, PYTHONPATH=path)
    stopped = ran("dashboard", "--stop", "--json", at=project)

    assert shown.returncode == 0, shown.stdout
    assert json.loads(stopped.stdout)["stopped"] is True


def test_what_a_server_says_that_does_not_start_is_in_the_error(
    tmp_path: Path, project: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "uvicorn.py").write_text("raise SystemExit('uvicorn is not what it was')\n")

    done = ran("dashboard", "--no-open", "--json", at=project, PYTHONPATH=str(broken))

    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["context"]["reason"]) == ("E935", "uvicorn is not what it was")


@pytest.mark.parametrize(
    "name",
    [
        *("typing.py", "secrets.py", "mcp.py", "mcp/__init__.py", "logging/__init__.py"),
        *("__future__.py", "subprocess.py", "asyncio/__init__.py", "sitecustomize.py"),
    ],
)
def test_as_a_module_it_imports_nothing_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("raise SystemExit('mine')\n")

    done = ran("--version", at=tmp_path, start=[sys.executable, "-m", "cde_orchestrator"])

    assert (done.returncode, done.stderr) == (0, "")


def test_as_a_module_it_starts_where_the_folder_was_removed(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    words = f"cd {folder} && rmdir {folder} && exec {sys.executable} -m cde_orchestrator --version"

    done = ran("-c", words, at=tmp_path, start=["sh"])

    assert (done.returncode, done.stderr) == (0, "")


def left_by_server(project: Path, content: dict[str, Any]) -> None:
    """Leave what a server says of itself, as only its user can."""
    file = server_folder(project) / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    file.chmod(0o600)


class Victim:
    """A process of this person that has nothing to do with the project."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(["sleep", "1000"], start_new_session=True)

    def is_alive(self) -> bool:
        """Whether nobody has ended it."""
        return self.process.poll() is None


@pytest.fixture
def victim() -> Iterator[Victim]:
    """A process that goes on."""
    made = Victim()
    yield made
    made.process.kill()
    made.process.wait()


@pytest.mark.parametrize(
    "change",
    [
        {"host": "elsewhere"},
        {"host": "elsewhere", "pid": "-group"},
        {"started": ""},
        {"started": "now"},
        {"pid": "-group"},
        {"pid": True},
        {"pid": 0},
        {"pid": 1},
        {"pid": 1.5},
        {"pid": 10**30},
    ],
)
def test_a_server_file_from_elsewhere_ends_no_process(
    project: Path, victim: Victim, change: dict[str, Any]
) -> None:
    pid = victim.process.pid
    process = {"pid": pid, "started": "", "host": socket.gethostname(), **change}
    if process["pid"] == "-group":
        process["pid"] = -pid
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        left_by_server(project, {"url": url, "process": process, "background": True, "key": "x"})

        done = cde("dashboard", "--stop", "--json", at=project)

        assert json.loads(done.stdout)["stopped"] is False
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert victim.is_alive()


@pytest.mark.parametrize(
    "url",
    ["http://0.0.0.0:{}", "http://me@127.0.0.1:{}", "http://127.0.0.1:{}/x/..", "http://[::]:{}"],
)
def test_an_address_from_elsewhere_is_not_asked(project: Path, url: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.setblocking(False)
        address = url.format(listener.getsockname()[1])
        own = current_process()
        process = {"pid": own.pid, "started": own.started, "host": own.host}
        content = {"url": address, "process": process, "background": True, "key": "x"}
        left_by_server(project, content)

        done = cde("dashboard", "--stop", "--json", at=project)

        assert json.loads(done.stdout) == {"url": None, "pid": None, "stopped": False}
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_the_address_of_a_process_that_is_named_truly_is_asked(project: Path) -> None:
    """Only so does it show anything that the others are not."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        own = current_process()
        process = {"pid": own.pid, "started": own.started, "host": own.host}
        left_by_server(project, {"url": url, "process": process, "background": True, "key": "x"})

        done = cde("dashboard", "--stop", "--json", at=project)

        assert json.loads(done.stdout) == {"url": None, "pid": None, "stopped": False}
        connection, _ = listener.accept()
        connection.close()


def _link(path: Path) -> None:
    target = path.parents[2] / "elsewhere"
    target.write_text("")
    path.symlink_to(target)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    # A socket's address takes some 100 bytes; a whole path may have more.
    with chdir(path.parent), socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _nowhere(path: Path) -> None:
    path.symlink_to(path.parents[2] / "nowhere")


def _folder(path: Path) -> None:
    path.mkdir()


OBSTACLES = [_link, _pipe, _socket, _endless, _nowhere, _folder]


def outside(project: Path) -> dict[str, bytes]:
    """What lies beside the project's own folder."""
    return {
        path.name: path.read_bytes() if path.is_file() else b""
        for path in project.iterdir()
        if path.name != ".cde"
    }


@pytest.mark.parametrize("obstacle", OBSTACLES)
@pytest.mark.parametrize("name", ["logs/cde.log", "logs/.__cde.lock"])
def test_commands_do_without_a_log_that_is_no_file(
    project: Path, name: str, obstacle: Callable[[Path], None]
) -> None:
    place = project / ".cde" / name
    cde("list", at=project)
    place.unlink()
    obstacle(place)
    before = outside(project)

    for words in (("list",), ("logs",), ("status", "nothing")):
        done = cde(*words, at=project)
        assert done.returncode == (1 if words[0] == "status" else 0)
        assert len(warnings_in(done.stderr, "log_not_written")) == 1
    assert outside(project) == before


@pytest.mark.parametrize(
    ("folder", "event"), [("logs", "log_not_written"), ("errors", "error_report_not_written")]
)
def test_no_log_and_no_report_is_written_read_or_deleted_through_a_linked_folder(
    project: Path, folder: str, event: str
) -> None:
    elsewhere = project / "elsewhere"
    place = project / ".cde" / folder
    shutil.rmtree(place, ignore_errors=True)
    elsewhere.mkdir()
    old = "20200101T000000000000"
    entry = {"timestamp": "2026-01-01T00:00:00Z", "level": "info", "event": "their secret"}
    names = ("cde.log", f"cde.log.{old}", f"cde.log.{old}.gz.1.tmp", f"{old}-01234567.json")
    for name in names:
        (elsewhere / name).write_text(json.dumps(entry) + "\n")
        os.utime(elsewhere / name, (0, 0))
    before = {path.name: path.read_bytes() for path in elsewhere.iterdir()}
    place.symlink_to(elsewhere)

    refused = cde("run", "--prompt", "Add a login page", "--agent", "claude", at=project)
    shown = cde("logs", at=project).stdout + cde("errors", "list", at=project).stdout
    cde("list", at=project)

    assert len(warnings_in(refused.stderr, event)) == 1
    assert "their secret" not in shown
    assert f"{old}-01234567" not in shown
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} == before


@pytest.mark.parametrize("place", ["in the folder", "outside"])
def test_the_doctor_removes_nothing_through_a_linked_folder(project: Path, place: str) -> None:
    elsewhere = project / "elsewhere"
    backups = StateFiles(project).backups
    if place == "outside":
        backups.rename(elsewhere)
    else:
        shutil.copytree(backups, elsewhere)
        backups = project / ".cde" / "backups"
    (elsewhere / ".theirs.tmp").write_text("")
    os.utime(elsewhere / ".theirs.tmp", (0, 0))
    backups.symlink_to(elsewhere)

    cde("doctor", "--fix", at=project)

    assert (elsewhere / ".theirs.tmp").exists()


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_settings_that_are_no_file_are_refused_at_once(
    project: Path, obstacle: Callable[[Path], None]
) -> None:
    obstacle(project / ".cde" / "config.toml")

    for words in (("list",), ("agents", "list"), ("alerts", "test"), ("project", "settings")):
        done = cde(*words, "--json", at=project)
        assert json.loads(done.stdout)["error"]["code"] == "E320"


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_a_server_file_that_is_no_file_is_no_server(
    project: Path, obstacle: Callable[[Path], None]
) -> None:
    (file := server_folder(project) / FILE).parent.mkdir(parents=True)
    obstacle(file)

    done = cde("dashboard", "--stop", "--json", at=project)

    assert json.loads(done.stdout) == {"url": None, "pid": None, "stopped": False}


def test_a_server_started_in_the_background_can_be_ended_still(project: Path) -> None:
    cde("dashboard", "--no-open", at=project)
    file = server_folder(project) / FILE
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "process": {**content["process"], "host": "other"}}))
    assert json.loads(cde("dashboard", "--stop", "--json", at=project).stdout)["stopped"] is False
    assert is_own(Process(**content["process"]))
    file.write_text(json.dumps(content))

    assert json.loads(cde("dashboard", "--stop", "--json", at=project).stdout)["stopped"] is True
    assert not is_own(Process(**content["process"]))
