"""What is given to operators is valid, and asks for nothing that is not exposed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.infrastructure.monitoring import metric_names
from cde_orchestrator.infrastructure.monitoring.alerts.rules import alert_rules
from cde_orchestrator.infrastructure.settings.settings import Settings
from tools.generate_ops import grafana_dashboard, prometheus_rules

_SUFFIXES = ("_bucket", "_sum", "_count")


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of all metrics that a server exposes."""
    application = build_application(tmp_path_factory.mktemp("project"))
    application.handle(OnboardProject())
    ports = application._assembled(tolerant=False)
    text, _ = ports.health.exposition("")
    application.close()
    return set(re.findall(r"^# TYPE (\w+)", text.decode(), flags=re.MULTILINE))


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(prometheus_rules())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def queries() -> list[str]:
    return [
        target["expr"]
        for panel in json.loads(grafana_dashboard())["panels"]
        for target in panel["targets"]
    ]


def asked_for(expressions: list[str]) -> set[str]:
    words = re.findall(r"\bcde_\w+", " ".join(expressions))
    return {
        next((word.removesuffix(end) for end in _SUFFIXES if word.endswith(end)), word)
        for word in words
    }


def test_every_alert_is_a_rule_with_its_threshold_and_its_hold() -> None:
    *found, down = rules()

    assert down["alert"] == "CdeDown"
    assert [rule["alert"] for rule in found][:2] == ["CdeHighErrorRate", "CdeSlowOperations"]
    for rule, ours in zip(found, alert_rules(Settings()), strict=True):
        sign = ">" if ours.breach == "above" else "<"
        assert rule["expr"] == f"({ours.expression}) {sign} {ours.threshold:g}"
        assert rule["for"] == f"{ours.hold_seconds:.0f}s"
        assert rule["labels"] == {"severity": ours.severity}
        assert "{figure}" not in rule["annotations"]["description"]


def test_every_rule_has_an_address_that_answers_while_it_fires() -> None:
    *found, down = rules()

    for rule, ours in zip(found, alert_rules(Settings()), strict=True):
        address = rule["annotations"]["runbook_url"]
        assert address == f"http://{{{{ $labels.instance }}}}/errors/{ours.error_code}"
        assert ours.error_code in ERROR_MESSAGES
    assert down["annotations"]["runbook_url"].startswith("{{ $externalURL }}/")


def test_a_chart_of_several_servers_says_which_is_which() -> None:
    board = json.loads(grafana_dashboard())
    targets = [target for panel in board["panels"] for target in panel["targets"]]

    variables = [each["name"] for each in board["templating"]["list"]]
    assert variables == ["source", "project", "instance"]
    assert all("{{instance}}" in each["legendFormat"] for each in targets)
    assert all('instance=~"$instance"' in each["expr"] for each in targets)


def test_what_is_asked_for_is_exposed(exposed: set[str]) -> None:
    asked = asked_for([*(rule["expr"] for rule in rules()), *queries()])

    assert len(asked) > 10
    assert asked - exposed == set()


def test_every_name_of_a_metric_is_exposed(exposed: set[str]) -> None:
    known = {name for key, name in vars(metric_names).items() if key.isupper()}

    assert known - exposed == set()


def test_the_panels_of_the_dashboard_do_not_cover_each_other() -> None:
    places = [panel["gridPos"] for panel in json.loads(grafana_dashboard())["panels"]]
    cells = [
        (x, place["y"]) for place in places for x in range(place["x"], place["x"] + place["w"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
