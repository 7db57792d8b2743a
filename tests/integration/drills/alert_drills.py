"""Drills of what alerts are about, and of alerts that reach nobody."""

from __future__ import annotations

from cde_orchestrator.infrastructure.alert_webhook import WebhookNotifier
from cde_orchestrator.infrastructure.breakers import BreakerRegistry
from tests.integration.drills.stage import Outcome, Stage, drill
from tests.receiver import receiving


@drill("E929")
async def an_alert_for_a_receiver_that_is_gone(stage: Stage) -> None:
    with receiving() as receiver:
        gone = receiver.address
    (stage.root / ".cde" / "config.toml").write_text(f'alert_webhook_url = "{gone}"\n')

    async def tell(address: str = gone) -> Outcome:
        webhook = WebhookNotifier(address, BreakerRegistry())
        return await stage.library(lambda: webhook.tell(b"{}"))

    with receiving() as receiver:
        await stage.prove(tell, names="alert_webhook_url", corrected=lambda: tell(receiver.address))
