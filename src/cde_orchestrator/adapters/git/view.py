"""A view of a git repository without those of its settings that name a program.

Filters (``filter.NAME.clean``, ``smudge``, ``process``) are run by whatever git command compares
or writes files, and they are found by name, so that no option turns them all off. To read their
names up first and to override each would leave a moment in which another one can be added. So
git does not read the repository's configuration at all where it may run one: it reads a copy,
of which only known keys that name no program are left. The copy is made from one reading, lies
outside of the project, and takes the place of the repository's shared folder
(``GIT_COMMON_DIR``), in which everything else is a link to what is really there. The
configuration of the user and of the system, as of Git LFS, is read as ever.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cde_orchestrator.infrastructure.system.tree import names_in

_OWN_SCOPES = frozenset({"local", "worktree"})
_KEPT = re.compile(
    r"(index|status)\.[^.]+|extensions\.(?!worktreeconfig|partialclone)[^.]+|core\.(attributesfile"
    r"|autocrlf|bigfilethreshold|checkroundtripencoding|checkstat|eol|excludesfile|filemode"
    r"|ignorecase|longpaths|precomposeunicode|protecthfs|protectntfs|repositoryformatversion"
    r"|safecrlf|sharedrepository|sparsecheckout|sparsecheckoutcone|symlinks|trustctime)"
)
"""What says how files are compared and written. Of the extensions, one would have git read one
more file, and one start a transport."""
_PREFIX = "git-"
_LEFT_SECONDS = 24 * 60 * 60
_NOT_LINKED = frozenset({"config", "config.worktree", "objects"})


@contextmanager
def view_of(places: str, settings: str) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """The variables that have git use the view, and what is to be replaced in what git says.

    Args:
        places: absolute, a line each: the repository's folder, the one that its worktrees share
            and the top of the files, as ``git rev-parse`` has them.
        settings: what ``git config --list --show-scope -z`` says.

    Raises:
        OSError: it cannot be made, lies where an agent writes, or a name has a line break.
    """
    if places.removesuffix("\n").count("\n") != 2:
        raise OSError("a folder's name has a line break")
    folder, shared, top = places.removesuffix("\n").split("\n")
    real = Path(shared)
    with _new_folder(Path(top)) as made:
        view = Path(made) / ".git"
        view.mkdir()
        content = _without_programs(settings).encode(errors="surrogateescape")
        (view / "config").write_bytes(content)
        for name in names_in(real):
            if name not in _NOT_LINKED and not name.endswith(".lock"):
                (view / name).symlink_to(real / name)
        variables = {
            "GIT_DIR": folder,
            "GIT_COMMON_DIR": str(view),
            "GIT_OBJECT_DIRECTORY": str(real / "objects"),
            "GIT_WORK_TREE": top,
        }
        yield variables, {str(view): shared, made: str(real.parent)}


def _new_folder(top: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder where no sandboxed agent writes: the user's cache, out of the work tree.

    The system's for temporary files is taken where this process may not write there either:
    then it has no more rights to lend than the agent.
    """
    import platformdirs

    cache = Path(platformdirs.user_cache_dir("cde-orchestrator", appauthor=False))
    if cache.resolve().is_relative_to(top.resolve()):
        raise OSError(f"the cache folder {cache} is in the work tree: XDG_CACHE_HOME moves it")
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(cache)
        return tempfile.TemporaryDirectory(prefix=_PREFIX, dir=cache)
    except OSError:
        return tempfile.TemporaryDirectory(prefix=_PREFIX)


def _sweep(cache: Path) -> None:
    """Remove the views of processes that were killed."""
    with os.scandir(cache) as entries:
        for entry in entries:
            with suppress(OSError):
                age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                if entry.name.startswith(_PREFIX) and age > _LEFT_SECONDS:
                    shutil.rmtree(entry.path, ignore_errors=True)


def _without_programs(settings: str) -> str:
    """The repository's own settings as a file of git's, as far as they name no program."""
    words = settings.split("\0")
    lines = []
    for scope, entry in zip(words[::2], words[1::2], strict=False):
        key, given, value = entry.partition("\n")
        if scope in _OWN_SCOPES and _KEPT.fullmatch(key):
            section, _, name = key.partition(".")
            escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            lines.append(f"[{section}]\n{name} = " + (f'"{escaped}"\n' if given else "true\n"))
    return "".join(lines)
