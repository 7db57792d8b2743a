"""Every action of the page, by its name."""

from __future__ import annotations

from cde_orchestrator.web.actions.close import CLOSE
from cde_orchestrator.web.actions.decide import DECIDE
from cde_orchestrator.web.actions.edit import EDIT
from cde_orchestrator.web.actions.note import NOTE
from cde_orchestrator.web.actions.reopen import REOPEN
from cde_orchestrator.web.actions.restore import RESTORE
from cde_orchestrator.web.actions.rollback import ROLL_BACK
from cde_orchestrator.web.actions.run import RUN
from cde_orchestrator.web.actions.start import START
from cde_orchestrator.web.actions.stop import STOP
from cde_orchestrator.web.actions.test_alert import TEST_ALERT
from cde_orchestrator.web.actions.trust import TRUST

EVERY = {
    each.name: each
    for each in (
        DECIDE,
        NOTE,
        EDIT,
        RESTORE,
        ROLL_BACK,
        CLOSE,
        RUN,
        STOP,
        TEST_ALERT,
        TRUST,
        REOPEN,
        START,
    )
}
