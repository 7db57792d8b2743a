"""How what is stored of a project is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.history import Damage
from cde_orchestrator.domain.value import Value


class PartCondition(Value):
    """How the journal is, or the backups.

    Attributes:
        summary: what is said of it while nothing is wrong.
        harm: what is wrong and cannot be repaired at the moment.
        is_lost: whether the harm costs changes.
        repaired: files that were damaged or missing, and when they were repaired.
    """

    summary: str = "Nothing is known of it."
    harm: Damage | None = None
    is_lost: bool = False
    repaired: Sequence[tuple[datetime, str]] = ()


class StateCondition(Value):
    """How a project's state is, as its repository finds it without changing anything.

    Attributes:
        summary: what is said of the state while it loads and nothing refuses changes.
        refusal: what a change would be refused with now.
        journal: the present state.
        journal_bytes: None where it is no file.
        backup_age_seconds: age of the newest backup where changes are in none, else 0; None
            where backups are no files.
        is_in_database: whether it is kept in a database, which has to answer.
    """

    summary: str = "Nothing is known of it."
    refusal: CDEError | None = None
    journal: PartCondition = PartCondition()
    backups: PartCondition = PartCondition()
    state_bytes: int = 0
    journal_bytes: int | None = None
    backup_age_seconds: float | None = None
    is_in_database: bool = False
