"""The code of packaged prompts, kept where Python keeps the code of the package's modules.

To compile one takes ten times as long as to fill it in. Whoever may write into ``__pycache__``
may write the package itself, so nothing has to be trusted in addition; where this user may not,
each process compiles for itself. What a project has of its own is never kept.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import re
import sys
from contextlib import suppress
from functools import cache
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from types import CodeType
from typing import cast

import jinja2
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from cde_orchestrator.adapters.workflows import sandbox
from cde_orchestrator.infrastructure.system.file_ops import read_bounded, replace_file
from cde_orchestrator.infrastructure.system.unsynced import UnsyncedFileOps

CODE_LIMIT_BYTES = 4 * 1024 * 1024
_SEAL_BYTES = hashlib.sha256().digest_size


class CompiledPrompts(BytecodeCache):
    """Jinja's cache of code: in memory, and in files that are valid for equal text and compiler."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """The template's name."""
        return name

    def get_source_checksum(self, source: str) -> str:
        """What the code depends on: the text, how the sandbox has it compiled, and for what."""
        return hashlib.sha256(MAGIC_NUMBER + _sandbox() + source.encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Put the code into the bucket, if it is there."""
        key = bucket.key, bucket.checksum
        if key not in self._codes:
            with suppress(OSError):
                found = read_bounded(_file(bucket.key), CODE_LIMIT_BYTES)
                if found[:_SEAL_BYTES] == _seal(bucket, found[_SEAL_BYTES:]):
                    code = marshal.loads(found[_SEAL_BYTES:])  # noqa: S302 - as Python does
                    self._codes[key] = code
        bucket.code = self._codes.get(key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the bucket's code."""
        self._codes[bucket.key, bucket.checksum] = cast("CodeType", bucket.code)
        if not sys.dont_write_bytecode:
            data = marshal.dumps(bucket.code)
            with suppress(OSError):  # as Python does where it may not write
                path, sealed = _file(bucket.key), _seal(bucket, data) + data
                replace_file(UnsyncedFileOps(), path, sealed, mode=None)


COMPILED_PROMPTS = CompiledPrompts()


def _file(name: str) -> Path:
    """Where the code of a template is kept, by the versions of Python and Jinja."""
    version = "jinja" + re.sub(r"\W", "", jinja2.__version__)
    place = Path(__file__).with_name(name.replace("/", "-"))
    return Path(cache_from_source(place, optimization=version))


def _seal(bucket: Bucket, data: bytes) -> bytes:
    """Distinguishes code that is whole, and of this very text."""
    return hashlib.sha256(bucket.checksum.encode() + data).digest()


@cache
def _sandbox() -> bytes:
    """The module that sets the compiler up; where it cannot be read, no code is valid."""
    try:
        return Path(sandbox.__file__).read_bytes()
    except OSError:
        return os.urandom(32)
