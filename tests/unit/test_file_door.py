"""Files of a project are reached by one door: ``infrastructure/system/file_ops.py``.

What opens, creates, renames or removes by a path follows links that come with a project, or that
somebody puts there meanwhile. So no other module does it, but for places that are no project's.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.unit.test_house import PACKAGE, parsed, python_files

DOOR = ("infrastructure/system/tree.py", "infrastructure/system/file_ops.py")
OWNERS = {"ops", "self._ops", "file_ops", "OsFileOps()", "ast", "webbrowser"}
"""Whose functions of these names are the door's own, or are about no file."""
METHODS = {
    *("open", "read_text", "read_bytes", "write_text", "write_bytes", "touch", "unlink", "rename"),
    *("mkdir", "rmdir", "symlink_to", "hardlink_to", "chmod", "iterdir", "glob", "rglob", "walk"),
}
SYSTEM = {
    *("open", "rename", "renames", "replace", "unlink", "remove", "mkdir", "makedirs", "rmdir"),
    *("removedirs", "link", "symlink", "chmod", "chown", "utime", "truncate", "mkfifo", "mknod"),
    *("scandir", "listdir", "walk", "fwalk"),
}
MODULES = {
    "shutil": {"which", "disk_usage", "get_terminal_size"},
    "tempfile": {"gettempdir"},
    "sqlite3": set[str](),
    "gzip": set[str](),
}
"""Modules that open files, with what of them opens none."""

ALLOWED = {
    "what comes with the package": {
        "adapters/workflows/compiled_prompts.py: Path(sandbox.__file__).read_bytes",
        "adapters/workflows/yaml_repository.py: PACKAGED_FILE.read_bytes",
        "adapters/workflows/yaml_repository.py: PACKAGED_FILE.read_text",
        "adapters/workflows/prompts.py: (PACKAGED_PROMPTS / name).read_text",
        "adapters/workflows/prompts.py: PACKAGED_PROMPTS.rglob",
        "adapters/workflows/prompts.py: path.read_text",
        "web/assets.py: entry.read_bytes",
        "web/assets.py: folder.iterdir",
    },
    "what the system says of itself": {
        "adapters/runners/callers.py: Path(f'/proc/{pid}/stat').read_text",
        "adapters/runners/callers.py: _BOOT_ID.read_text",
        "cli/console/output.py: os.open",
        "hooks/sessions.py: (of_system / 'cmdline').read_text",
        "hooks/sessions.py: (of_system / 'stat').read_text",
        "infrastructure/monitoring/telemetry/database.py: os.listdir",
        "infrastructure/system/peers.py: table.read_text",
        "infrastructure/system/process_guard.py: (entry / 'environ').read_bytes",
        "infrastructure/system/process_guard.py: Path('/proc').glob",
        "infrastructure/system/process_lock.py: Path(f'/proc/{int(number)}/stat').read_text",
        "infrastructure/system/resource_usage.py: (group / 'memory.stat').read_text",
        "infrastructure/system/resource_usage.py: (group / limit).read_text",
        "infrastructure/system/resource_usage.py: (group / used).read_text",
        "infrastructure/system/resource_usage.py: _OWN_GROUPS.read_text",
    },
    "what the person names": {
        "cli/console/input.py: Path(path).open",
        "infrastructure/system/project_path.py: os.scandir",
        "infrastructure/system/project_path.py: resolved.mkdir",
    },
    "the user's own folders": {
        "infrastructure/monitoring/alerts/personal.py: folder.mkdir",
        "adapters/git/source_trees.py: files.index.unlink",
        "adapters/git/view.py: (made / 'attributes').write_text",
        "adapters/git/view.py: (made / name).symlink_to",
        "adapters/git/view.py: (view / 'config').write_bytes",
        "adapters/git/view.py: (view / name).symlink_to",
        "adapters/git/view.py: cache.mkdir",
        "adapters/git/view.py: each.chmod",
        "adapters/git/view.py: index.open",
        "adapters/git/view.py: index.unlink",
        "adapters/git/view.py: kept.with_suffix(_NOTE).read_text",
        "adapters/git/view.py: made.mkdir",
        "adapters/git/view.py: made.unlink",
        "adapters/git/view.py: noted.write_text",
        "adapters/git/view.py: os.replace",
        "adapters/git/view.py: os.scandir",
        "adapters/git/view.py: os.unlink",
        "adapters/git/view.py: shutil.copy2",
        "adapters/git/view.py: shutil.rmtree",
        "adapters/git/view.py: tempfile.TemporaryDirectory",
        "adapters/git/view.py: view.mkdir",
        "adapters/proving/runners/execution.py: tempfile.TemporaryDirectory",
        "adapters/runners/agent_process.py: tempfile.TemporaryDirectory",
        "adapters/runners/server_file.py: each.mkdir",
        "infrastructure/trust/records.py: folder.iterdir",
        "infrastructure/trust/records.py: folder.mkdir",
        "infrastructure/trust/records.py: path.parent.mkdir",
        "infrastructure/trust/records.py: path.unlink",
        "storage/format/vault.py: above.mkdir",
    },
    "scratch folders, which the system makes for this user alone": {
        "adapters/proving/copies.py: folder.mkdir",
        "adapters/proving/scratch.py: (made / _FILES).mkdir",
        "adapters/proving/scratch.py: os.scandir",
        "adapters/proving/scratch.py: os.walk",
        "adapters/proving/runners/junit.py: os.walk",
        "adapters/proving/scratch.py: path.chmod",
        "adapters/proving/scratch.py: shutil.rmtree",
        "adapters/proving/scratch.py: tempfile.mkdtemp",
        "adapters/proving/untracked.py: path.symlink_to",
    },
    "what git opens by path itself, and is looked at before": {
        "adapters/git/own_files.py: os.scandir",
        "adapters/git/worktrees.py: each.mkdir",
    },
    "a file without a name, or an opened one": {
        "adapters/proving/runners/inside/launcher.py: os.open",
        "adapters/proving/runners/inside/pytest_tests.py: os.open",
        "adapters/proving/runners/reports.py: tempfile.TemporaryFile",
        "adapters/runners/agent_process.py: tempfile.TemporaryFile",
        "adapters/runners/background_runs.py: tempfile.TemporaryFile",
        "infrastructure/monitoring/alerts/notifiers.py: tempfile.TemporaryFile",
        "infrastructure/observability/logs/reader.py: gzip.open",
        "infrastructure/observability/logs/retention.py: gzip.open",
    },
    "an address": {
        "adapters/runners/server_file.py: opener.open",
        "infrastructure/monitoring/alerts/notifiers.py: _opener().open",
    },
    "opens by the door": {"storage/format/files.py: shelf.open"},
    "opens by path, and is compared with what the door opened before it is used": {
        "infrastructure/monitoring/telemetry/database.py: sqlite3.connect",
    },
}


def calls() -> Iterator[tuple[str, int, str]]:
    """Module, line and name of each call that acts on a file."""
    for path in python_files("src"):
        module = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(parsed(path)):
            if module not in DOOR and isinstance(node, ast.Call) and acts_on_a_file(node):
                yield module, node.lineno, ast.unparse(node.func)


def acts_on_a_file(call: ast.Call) -> bool:
    """Whether it opens, makes, renames, removes or lists something by its path."""
    if not isinstance(call.func, ast.Attribute):
        return isinstance(call.func, ast.Name) and call.func.id == "open"
    owner, name = ast.unparse(call.func.value), call.func.attr
    if owner == "os":
        return name in SYSTEM
    if owner in MODULES:
        return name not in MODULES[owner]
    if name == "replace":  # a path's takes one argument, a text's two
        return len(call.args) == 1 and not call.keywords
    return name in METHODS and owner not in OWNERS


def test_no_other_module_opens_files() -> None:
    allowed = set[str]().union(*ALLOWED.values())

    assert [
        f"{module}:{line}: {name}"
        for module, line, name in calls()
        if f"{module}: {name}" not in allowed
    ] == []


def test_the_door_has_something_to_keep_out() -> None:
    found = ("open(x)", "path.open()", "os.unlink(x)", "a.replace(b)", "shutil.move(a, b)")
    passed = ("ops.unlink(x)", "text.replace('a', 'b')", "shutil.which('git')", "replace(a, b=1)")

    def judged(text: str) -> bool:
        node = ast.parse(text, mode="eval").body
        assert isinstance(node, ast.Call)
        return acts_on_a_file(node)

    assert [text for text in (*found, *passed) if judged(text)] == [*found]
