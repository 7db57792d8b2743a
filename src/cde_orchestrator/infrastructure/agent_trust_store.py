"""Which agents this user trusts where, outside of any project: none can trust itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import orjson
import structlog

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.infrastructure.file_ops import OsFileOps, replace_file
from cde_orchestrator.infrastructure.process_lock import ProcessLock

log = structlog.get_logger(__name__)

_FILE = "trusted-agents.json"
_LOCK_SECONDS = 5.0


class AgentTrustStore:
    """Digests of what may be run, each with the folder that it is about.

    Args:
        folder: where they are kept; the user's configuration folder when None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def is_trusted(self, digest: str) -> bool:
        """Whether the user trusted what the digest stands for."""
        return digest in self._read()

    def trust(self, subject: str, digests: Iterable[str]) -> None:
        """Remember what the user trusts.

        Raises:
            StateError: E203, it cannot be written.
        """
        path = self._path()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with ProcessLock(path.with_suffix(".lock"), _LOCK_SECONDS).exclusive():
                known = {**self._read(), **dict.fromkeys(digests, subject)}
                replace_file(OsFileOps(), path, orjson.dumps(known))
        except OSError as error:
            raise StateError.of("E203", path=str(path), reason=str(error)) from error

    def _path(self) -> Path:
        if self._folder is None:
            import platformdirs

            self._folder = platformdirs.user_config_path("cde-orchestrator")
        return self._folder / _FILE

    def _read(self) -> dict[str, str]:
        path = self._path()
        try:
            known = orjson.loads(path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            # What cannot be read is not trusted; trusting anew writes the file anew.
            log.warning("trust_unreadable", path=str(path), reason=str(error))
            return {}
        return known if isinstance(known, dict) else {}
