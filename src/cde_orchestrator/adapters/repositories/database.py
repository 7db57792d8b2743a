"""The state in the database that the settings name, where what is needed for one is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.settings.settings import Settings, outward

if TYPE_CHECKING:
    from cde_orchestrator.adapters.repositories.postgres.repository import (
        PostgresProjectRepository,
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
