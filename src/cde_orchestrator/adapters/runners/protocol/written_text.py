"""Files of the project that an agent has its client write."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from acp.exceptions import RequestError
from acp.schema import WriteTextFileRequest, WriteTextFileResponse

from cde_orchestrator.infrastructure.system.file_ops import (
    OsFileOps,
    make_ordinary_folder,
    replace_file,
)
from cde_orchestrator.infrastructure.system.tree import kind_of, status_of


def write_text(request: WriteTextFileRequest, folder: Path) -> WriteTextFileResponse:
    """Put the text into the file, which is made if there is none.

    Raises:
        RequestError: it cannot be written.
    """
    path = Path(os.path.realpath(folder / request.path))
    try:
        for each in reversed([above for above in path.parents if not kind_of(above)]):
            make_ordinary_folder(each)
        mode = stat.S_IMODE(status_of(path).st_mode) & 0o777 if kind_of(path) else None
        replace_file(OsFileOps(), path, request.content.encode(), mode)
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else None
        raise RequestError(-32603, f"{request.path}: {words or error}") from error
    return WriteTextFileResponse()
