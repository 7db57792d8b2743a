"""Runs tests of a project by the project's own Python, and reports what became of each.

A program of its own, run as ``python launcher.py``: it needs Python 3.8, the standard library and
the runner. Standard input is a file without a name. A request is read from it, then reports are
written to it, a line each: a signature, a space, and JSON. The key of the signatures comes with
the request, which is removed before anything of the project is loaded.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import json
import os
import sys
import traceback
from functools import partial
from typing import Any

DETAIL_CHARACTERS = 6_000


class Reports:
    """Writes the reports, in this process alone: a copy of it that a test forked writes none."""

    def __init__(self, descriptor: int, key: bytes) -> None:
        process, written = os.getpid(), [0]

        def write(kind: str, **facts: Any) -> None:
            if os.getpid() != process:
                return
            written[0] += 1
            body = json.dumps(dict(facts, kind=kind)).encode()
            data = b"%d %s" % (written[0], body)
            line = b"%s %s\n" % (hmac.new(key, data, hashlib.sha256).hexdigest().encode(), body)
            while line:
                line = line[os.write(descriptor, line) :]

        self.write = write

    @staticmethod
    def covers(test: str, found: str) -> bool:
        """Whether a test that was asked for means this one: its own, a case, or of its class."""
        return found == test or found.startswith((test + "[", test + "::"))

    @staticmethod
    def shown(found: Any) -> str:
        """The end of what was raised, as Python prints it."""
        return "".join(traceback.format_exception(*found))[-DETAIL_CHARACTERS:]


def take_path(request: dict[str, Any]) -> None:
    """Let the project's folders come first, for this process and for those that it starts."""
    sys.path[:0] = [os.getcwd(), *request["path"]]
    inherited = [*request["path"], *request["inherited"]]
    os.environ["PYTHONPATH"] = os.pathsep.join(inherited)


def redirect(request: dict[str, Any]) -> None:
    """Let what is installed from the project's folder come from its copy.

    An installation that can be edited is a folder of ``sys.path``, or a finder that has one.
    """

    def moved(path: Any) -> Any:
        for root, copy in request["moved"].items():
            if isinstance(path, str) and (path + os.sep).startswith(root + os.sep):
                there = os.path.join(copy, path[len(root) + 1 :])
                is_other = path.startswith(sys.prefix + os.sep) or "site-packages" in path
                return there if os.path.exists(there) and not is_other else path
        return path

    installed = [moved(path) for path in sys.path if moved(path) != path]
    sys.path[:] = [moved(path) for path in sys.path]
    for finder in sys.meta_path:
        module = sys.modules.get(getattr(finder, "__module__", ""))
        tables = [getattr(finder, name, None) for name in ("_redirections", "known_source_files")]
        for table in (getattr(module, "MAPPING", None), *tables):
            if isinstance(table, dict):
                for name, path in list(table.items()):
                    if moved(path) != path:
                        table[name] = moved(path)
                        installed += _above(name, moved(path))
    request["path"] = list(dict.fromkeys([*request["path"], *installed]))


def _above(module: str, path: str) -> list[str]:
    """The folder from which a module of this path is imported by its name; none: by no folder."""
    place = path[: -len(".py")] if path.endswith(".py") else path
    place = place[: -len("__init__") - 1] if os.path.basename(place) == "__init__" else place
    names = os.sep + module.replace(".", os.sep)
    return [place[: -len(names)]] if place.endswith(names) else []


def main() -> None:
    """Read the request, and run its tests."""
    descriptor = os.dup(0)
    data = b"".join(iter(lambda: os.read(descriptor, 65536), b""))
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    request = json.loads(data.decode())
    del data
    reports = Reports(descriptor, bytes.fromhex(request.pop("key")))
    if sys.path and sys.path[0] == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]
    sys.argv[:] = [request["runner"]]
    reports.write("python", version=".".join(map(str, sys.version_info[:3])))
    redirect(request)
    _sibling(request["runner"] + "_tests.py").run(request, reports, partial(take_path, request))


def _sibling(name: str) -> Any:
    """A module of this folder, which is not in ``sys.path``."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    spec: Any = importlib.util.spec_from_file_location("cde_" + name[: -len(".py")], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
