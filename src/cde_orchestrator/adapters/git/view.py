"""A view of a git repository without those of its settings that name a program.

Filters (``filter.NAME.clean``, ``smudge``, ``process``) are run by whatever git command compares
or writes files, and they are found by name, so that no option turns them all off. To read their
names up first and to override each would leave a moment in which another one can be added. So
git does not read the repository's configuration at all where it may run one: it reads a copy,
of which only known keys that name no program are left. The copy is made from one reading, lies
outside the project, and takes the place of the repository's shared folder
(``GIT_COMMON_DIR``), in which everything else is a link to what is really there. The
configuration of the user and of the system, as of Git LFS, is read as ever.
"""

from __future__ import annotations

import hashlib
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
_NOTE = ".note"
_CHECKSUM_BYTES = 20
_ATTRIBUTES = "* -text -crlf -eol -ident -filter !working-tree-encoding\n"
"""They come before those of any other file."""


@contextmanager
def view_of(
    places: str, settings: str, *, as_they_are: bool = False
) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """The variables that have git use the view, and what is to be replaced in what git says.

    Args:
        places: absolute, a line each: the repository's folder, the one that its worktrees share
            and the top of the files, as ``git rev-parse`` has them.
        settings: what ``git config --list --show-scope -z`` says.
        as_they_are: whether also no attribute has a byte of a file changed; with an index of its
            own, which does not exist at first.

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
        if as_they_are:
            _convert_nothing(view / "info", real / "info")
            variables["GIT_INDEX_FILE"] = str(Path(made) / "index")
        yield variables, {str(view): shared, made: str(real.parent)}


def _convert_nothing(made: Path, real: Path) -> None:
    """Put attributes of our own in the place of the repository's own."""
    made.unlink(missing_ok=True)
    made.mkdir()
    (made / "attributes").write_text(_ATTRIBUTES, encoding="ascii")
    for name in names_in(real):
        if name != "attributes":
            (made / name).symlink_to(real / name)


def take_index(index: Path, folder: str) -> str | None:
    """Begin with the index that was kept last for a work tree; None where there is none.

    Its time is kept as well: a file that is newer may have changed without being seen to.

    Args:
        index: the view's own.
        folder: where git keeps what is the work tree's own.

    Returns:
        What was noted of it; empty where that was of another one.
    """
    kept = _kept(index, folder)
    try:
        shutil.copy2(kept, index)
    except OSError:
        index.unlink(missing_ok=True)
        return None
    with suppress(OSError, ValueError):
        checksum, _, note = kept.with_suffix(_NOTE).read_text(encoding="ascii").partition(" ")
        if checksum == _checksum(index):
            return note
    return ""


def keep_index(index: Path, folder: str, note: str) -> None:
    """Keep the index for the next one, at least for a day, where only this user writes."""
    if index.parents[1] == _cache():
        with suppress(OSError):
            noted, kept = index.with_suffix(_NOTE), _kept(index, folder)
            noted.write_text(f"{_checksum(index)} {note}", encoding="ascii")
            for each in (noted, index):
                each.chmod(0o600)
            os.replace(noted, kept.with_suffix(_NOTE))
            os.replace(index, kept)


def _checksum(index: Path) -> str:
    """What git ends an index with, of all before it."""
    with index.open("rb") as file:
        file.seek(-_CHECKSUM_BYTES, os.SEEK_END)
        return file.read().hex()


def _kept(index: Path, folder: str) -> Path:
    digest = hashlib.sha256(folder.encode(errors="surrogateescape")).hexdigest()
    return index.parents[1] / f"{_PREFIX}{digest}.index"


def _cache() -> Path:
    """The user's own folder for what may be lost."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("cde-orchestrator", appauthor=False))


def _new_folder(top: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder where no sandboxed agent writes: the user's cache, out of the work tree.

    The system's for temporary files is taken where this process may not write there either:
    then it has no more rights to lend than the agent.
    """
    cache = _cache()
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
                    if entry.is_dir(follow_symlinks=False):
                        shutil.rmtree(entry.path, ignore_errors=True)
                    else:
                        os.unlink(entry.path)


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
