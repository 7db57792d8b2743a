"""The state as the settings say: in files, or in a database where that can be used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.settings.settings import Settings, outward

if TYPE_CHECKING:
    from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
    from cde_orchestrator.adapters.repositories.postgres.repository import (
        PostgresProjectRepository,
    )


def in_files(settings: Settings) -> FilesystemProjectRepository:
    """The state in the project's own files."""
    from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
    from cde_orchestrator.storage.retention import Retention

    kept = Retention(
        count=settings.backups_kept,
        days=settings.backup_days,
        total_bytes=settings.backup_bytes,
    )
    return FilesystemProjectRepository(
        lock_timeout_seconds=settings.lock_timeout_seconds, retention=kept
    )


def database_of(
    settings: Settings, breakers: BreakerRegistry | None, trusted: Callable[[], bool]
) -> PostgresProjectRepository:
    """The state in the database, which is used only while it is ``trusted``.

    Raises:
        ValidationError: E314, the database that the settings name cannot be used.
    """
    try:
        from cde_orchestrator.adapters.repositories.postgres.repository import (
            PostgresProjectRepository,
        )
    except ImportError as error:
        raise ValidationError.of(
            "E314",
            setting="state_url",
            source="the settings",
            reason=f"it needs pip install 'cde-orchestrator[postgres]' ({error})",
        ) from error
    return PostgresProjectRepository(
        settings.state_url,
        breakers,
        lock_timeout_seconds=settings.lock_timeout_seconds,
        trusted=trusted,
        of_file=outward(settings, "state_url") is not None,
    )
