"""The files of a project that act: what comes into force, or runs, by being there."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system.file_ops import read_bounded
from cde_orchestrator.infrastructure.system.project_home import shared_file
from cde_orchestrator.infrastructure.system.tree import is_folder, names_in

NAMES = ("config.toml", "workflow.yml", "rules.md")
PROMPTS = "prompts"
PROGRAM_LIMIT = 64 * 1024 * 1024
"""Bytes of a program that is watched; an interpreter may be a copy."""
SIZE_LIMIT = 1024 * 1024
"""Bytes of a file in ``.cde``, which may have come with a clone."""
MOST_FILES = 1_000
_OTHER_END = pattern(r"\r(?!\n)|[\v\f\x1c-\x1e\x85\u2028\u2029]")
UNKNOWN = ""
"""The digest of what cannot be judged; it is never the same as another one."""
CHANGED = "changed while it was read: try again"

Stamp = tuple[int, ...]

_PYTHON = pattern(r"(python|pypy)[\d.]*")
_SHELL = pattern(r"(ba|da|z|k|fi)?sh")
_INTERPRETER = pattern(
    rf"{_PYTHON.pattern}|{_SHELL.pattern}|node(js)?|bun|deno|ruby|perl|php|lua|pwsh|powershell"
    r"|Rscript|ts-node|tsx"
)
_WRAPPER = pattern(
    r"env|nice|ionice|timeout|time|nohup|setsid|stdbuf|xargs|sudo|doas|uv|uvx|poetry|npx|run"
)
_VALUED = {
    "timeout": {"-s", "-k", "--signal", "--kill-after"},
    "env": {"-u", "-C", "--unset", "--chdir"},
    "time": {"-f", "-o", "--format", "--output"},
    "nice": {"-n", "--adjustment"},
    "ionice": {"-c", "-n", "--class", "--classdata"},
    "stdbuf": {"-i", "-o", "-e", "--input", "--output", "--error"},
    "xargs": {"-a", "-d", "-E", "-I", "-L", "-n", "-P", "-s", "--arg-file", "--delimiter"},
    "sudo": {"-u", "-g", "-h", "-p", "-C", "-D", "-R", "-T", "--user", "--group", "--chdir"},
    "doas": {"-u", "-C"},
    "uv": {"--project", "--directory", "--config-file"},
    "poetry": {"-C", "-P", "--directory", "--project"},
    "npx": {"-p", "--package"},
    "run": {"-p", "--python", "--with", "--extra", "--group", "--env-file", "--package"},
    "python": {"-W", "-X", "--check-hash-based-pycs"},
    "sh": {"--rcfile", "--init-file"},
}
"""Options of a program whose value is the next word."""
_OTHERS_VALUED = {"-r", "-I", "-d", "--require", "--import", "--loader"}
_PYTHON_ENDS = pattern(r"-[bBdEhiIOPqsSuvVx]*[mc].*")
_SHELL_ENDS = pattern(r"-[a-zA-Z]*c[a-zA-Z]*")
_SHELL_VALUED = pattern(r"[-+][a-zA-Z]*[oO]")
_OTHERS_END = pattern(r"-[a-z0]{0,4}e|-p|--eval|--print|--test")
_DURATION = pattern(r"\d+(\.\d+)?[smhd]?")
_FRESH_NANOSECONDS = 100_000_000
"""A file that was written just now may be written again within one tick of its clock."""
_hashed: dict[Path, tuple[Stamp, str]] = {}
_own_writes: dict[str, str] = {}
_set_up: set[str] = set()


def acting_files(root: Path, home: Path, commands: Iterable[CommandLine]) -> dict[str, Path]:
    """The files by name: settings, workflows, rules, prompts, and the commands' programs."""
    found = {}
    for name in NAMES:
        path = shared_file(root, name, home)
        if os.path.lexists(path):
            found[f"{FOLDER}/{name}"] = path
    found.update(_below(shared_file(root, PROMPTS, home), f"{FOLDER}/{PROMPTS}"))
    for command in commands:
        found.update(program_of(root, command))
    return found


def program_of(root: Path, command: CommandLine) -> dict[str, Path]:
    """The files of the project that the command executes: its program, and what that interprets.

    Its other words are only arguments; what an agent is to work on must be free to change.
    """
    first, *others = command.words
    names = [first] if os.sep in first else []
    found = {}
    for name in [*names, *_executed(root / command.directory, Path(first).name, others)]:
        path = Path(os.path.normpath(root / command.directory / name))
        if path != root and path.is_relative_to(root) and _is_file(path):
            found[str(path.relative_to(root))] = path
    return found


def _executed(folder: Path, program: str, words: Iterable[str]) -> Iterator[str]:
    """The words that the program, an interpreter or one that starts another, executes."""
    before = ""
    for word in words:
        is_interpreter = _INTERPRETER.fullmatch(program) is not None
        if not (is_interpreter or _WRAPPER.fullmatch(program)):
            return
        option, before = before, word if word[:1] in {"-", "+"} else ""
        if option and _has_value(program, option):
            before = ""
            if is_interpreter:
                yield word
        elif before:
            if is_interpreter and _ends(program, word):
                return
        elif _is_file(folder / word):
            yield word
            if is_interpreter:
                return
            program = Path(word).name
        elif is_interpreter and word != "run":
            if not option:  # a script that is not in the project, or a command as test
                return
        elif "=" not in word and not _DURATION.fullmatch(word):
            program = Path(word).name


def _has_value(program: str, option: str) -> bool:
    if _PYTHON.fullmatch(program):
        return option in _VALUED["python"]
    if _SHELL.fullmatch(program):
        return option in _VALUED["sh"] or _SHELL_VALUED.fullmatch(option) is not None
    return option in _VALUED.get(program, _OTHERS_VALUED)


def _ends(program: str, option: str) -> bool:
    """Whether no file is interpreted, as after ``-m`` and ``-c``: other words are arguments."""
    if _PYTHON.fullmatch(program):
        return _PYTHON_ENDS.fullmatch(option) is not None
    return (_SHELL_ENDS if _SHELL.fullmatch(program) else _OTHERS_END).fullmatch(option) is not None


def _is_file(path: Path) -> bool:
    return os.path.lexists(path) and not is_folder(os.path.normpath(path))


def acting_stamp(path: Path) -> Stamp | None:
    """What is another one when the file was written or replaced, or what a link leads to.

    The last number is the time of the newest change; None where there is nothing to see.
    """
    try:
        found = os.lstat(path)
        stamp = found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        if not stat.S_ISLNK(found.st_mode):
            return stamp
        there = os.stat(path)
    except OSError:
        return None
    target = there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns
    return *stamp, *target, max(found.st_ctime_ns, there.st_ctime_ns)


def settled_stamp(path: Path, began: int) -> Stamp:
    """The stamp of a file that is read from ``began`` on; none where it is too new to decide."""
    stamp = acting_stamp(path)
    return stamp if stamp and stamp[-1] < began - _FRESH_NANOSECONDS else ()


def known_digest(path: Path) -> str:
    """As ``digest_of``, but what is the same by its stamp is read only once by this process."""
    stamp = settled_stamp(path, time.time_ns())
    then, digest = _hashed.get(path, ((), UNKNOWN))
    if not stamp or then != stamp:
        digest = digest_of(path)
        if stamp and digest != UNKNOWN and acting_stamp(path) == stamp:
            if len(_hashed) >= MOST_FILES:
                _hashed.clear()
            _hashed[path] = stamp, digest
    return digest


def digest_of(path: Path) -> str:
    """What stands for the content; of a link, for what it says and where that is a file for it."""
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            target = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()
            real = Path(os.path.realpath(path))
            return f"link {target} {digest_of(real) if real.is_file() else 'nowhere'}"
        return hashlib.sha256(read_bounded(path, _limit_of(path))).hexdigest()
    except OSError:
        return UNKNOWN


def why_unknown(path: Path) -> str:
    """Why the file has no digest, as the rest of a sentence that names it, and what to do."""
    try:
        read_bounded(path, _limit_of(path))
    except OSError as error:
        if error.errno == errno.EFBIG:
            return f"has more than {_limit_of(path) // 1024**2} MiB: shorten or remove it"
        if os.path.lexists(path) and not path.is_file():
            return "is not an ordinary file: remove it"
        return f"cannot be read ({error.strerror}): correct or remove it"
    return CHANGED


def _limit_of(path: Path) -> int:
    return SIZE_LIMIT if FOLDER in path.parts else PROGRAM_LIMIT


def text_of(path: Path, digest: str | None = None) -> str | None:
    """What is in the file; None where it is no text, or too long, or not a file.

    So it is where the content has another digest than the one that is given, or lines that end
    otherwise than text files do: what is one line to a person, or two, is not so to every parser.
    """
    try:
        data = read_bounded(path, SIZE_LIMIT)
        if digest is not None and hashlib.sha256(data).hexdigest() != digest:
            return None
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    return None if _OTHER_END.search(text) else text


def wrote(path: Path, data: bytes) -> None:
    """Remember that the product itself wrote the file."""
    _own_writes[str(path)] = hashlib.sha256(data).hexdigest()


def set_up(root: Path) -> None:
    """Remember that this process made the project in the folder."""
    _set_up.add(os.path.realpath(root))


def was_set_up(root: Path) -> bool:
    """Whether this process made the project in the folder, and that was not noted yet."""
    return os.path.realpath(root) in _set_up


def has_own_writes() -> bool:
    """Whether anything of these is remembered."""
    return bool(_own_writes or _set_up)


def own_writes(root: Path, files: Mapping[str, Path]) -> dict[str, str]:
    """Those of the files that the product wrote since this was asked, with the digests."""
    _set_up.discard(os.path.realpath(root))
    found = {name: _own_writes.pop(str(path), None) for name, path in files.items()}
    return {name: digest for name, digest in found.items() if digest is not None}


def foreign_owner(*paths: Path) -> int | None:
    """The owner of the first of the paths that somebody else owns; None where nobody does.

    Of a link, both its own owner and that of its folder count. Root is nobody's deputy, but
    for the person who called ``sudo``, as git has it.
    """
    if not hasattr(os, "geteuid"):  # Windows has no such owners
        return None
    own = {os.geteuid()}
    caller = os.environ.get("SUDO_UID", "")
    if own == {0} and caller.isdigit():
        own.add(int(caller))
    for path in paths:
        for look in (os.lstat, os.stat):
            try:
                owner = look(path).st_uid
            except OSError:
                continue
            if owner not in own:
                return owner
    return None


def owner_name(uid: int) -> str:
    """The owner as a person knows it."""
    try:
        import pwd

        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except (ImportError, KeyError):
        return f"the user with the uid {uid}"


def _below(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Everything below the folder that is no folder itself; of too much, that it is."""
    waiting, seen = [(name, folder)], 0
    while waiting:
        name, path = waiting.pop()
        if not is_folder(path):
            if os.path.lexists(path):
                yield name, path
            continue
        seen += 1
        inner = names_in(path)[::-1]
        if seen + len(waiting) + len(inner) > MOST_FILES:
            yield f"{name} (more than {MOST_FILES} files)", path  # whose digest is not known
            return
        waiting += [(f"{name}/{each}", path / each) for each in inner]
