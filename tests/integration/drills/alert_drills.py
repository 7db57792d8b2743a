"""Drills of what alerts are about, and of alerts that reach nobody."""

from __future__ import annotations

from tests.integration.drills.stage import Stage, drill
from tests.receiver import receiving


@drill("E929")
async def an_alert_for_a_receiver_that_is_gone(stage: Stage) -> None:
    settings = stage.root / ".cde" / "config.toml"
    stage.environment |= {"NO_PROXY": "*", "no_proxy": "*"}
    with receiving() as receiver:
        gone = receiver.address
    settings.write_text(f'alert_webhook_url = "{gone}"\n')
    with receiving() as receiver:
        await stage.prove(
            lambda: stage.json_command("alerts", "test", "--project", str(stage.root)),
            names="alert_webhook_url",
            by_hand=lambda: settings.write_text(f'alert_webhook_url = "{receiver.address}"\n'),
        )
        states = [each["alert"]["state"] for each in receiver.received]
    assert states == ["firing", "resolved"]
