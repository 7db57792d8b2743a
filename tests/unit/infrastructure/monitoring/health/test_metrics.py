"""What Prometheus is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from prometheus_client import parser as plain
from prometheus_client.core import Metric
from prometheus_client.openmetrics import parser as openmetrics

from cde_orchestrator.application.ports.health import AlertView, detail
from cde_orchestrator.domain.subject import name_subject, naming_subject
from cde_orchestrator.infrastructure.monitoring import metric_names
from cde_orchestrator.infrastructure.monitoring.health.metrics import Observation, expose
from cde_orchestrator.infrastructure.monitoring.health.probes import Facts
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter

FIRING: AlertView = {
    "name": "read_only",
    "title": "",
    "severity": "critical",
    "state": "firing",
    "since": None,
    "figure": 1.0,
    "fired_figure": 1.0,
    "threshold": 0.0,
    "unit": "",
    "message": "",
    "error_code": "E206",
}


def observed() -> Observation:
    meter = OperationMeter()
    for duration_ms in (0.5, 3.0, 40.0, 20_000.0):
        meter.ended("start_feature", "ok", None, duration_ms, 0.1)
    with naming_subject():
        name_subject(workflow="feature", phase_id="define")
        meter.ended("start_feature", "refused", "E101", 1.0, 0.0)
    facts = Facts(
        checks={"memory": ("warning", detail("")), "journal": ("ok", detail(""))},
        active_features=3,
        project={"project_id": "4711", "name": 'a "shop"'},
        memory_percent=42.0,
        breakers=[
            {
                "name": "agent-claude",
                "state": "half_open",
                "failures": 5,
                "openings": 1,
                "retry_after_seconds": 0.0,
                "last_failure": 'a "quoted"\nreason',
            }
        ],
    )
    return Observation(
        facts, meter, [FIRING, {**FIRING, "name": "memory_high", "state": "pending"}], 1_188.0
    )


def parsed(accept: str) -> tuple[str, dict[tuple[str, ...], float]]:
    """The media type, and every sample by its name and its labels' values, by the labels' names."""
    text, media_type = expose(observed(), accept)
    is_open = media_type.startswith("application/openmetrics-text")
    read: Any = openmetrics if is_open else plain
    families: Iterable[Metric] = read.text_string_to_metric_families(text.decode())
    samples = [sample for family in families for sample in family.samples]
    return media_type, {
        (each.name, *(value for _, value in sorted(each.labels.items()))): each.value
        for each in samples
    }


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("text/plain;version=1.0.0;q=0.5", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
        ("application/openmetrics-text; version=none", "application/openmetrics-text"),
    ],
)
def test_both_formats_are_read_back_as_what_was_observed(accept: str, media_type: str) -> None:
    told, samples = parsed(accept)
    assert told.startswith(media_type)
    assert samples["cde_operations_total", "start_feature", "ok"] == 4
    assert samples["cde_operations_total", "start_feature", "refused"] == 1
    assert samples["cde_errors_total", "E101", "start_feature"] == 1
    assert samples["cde_slowest_operation_seconds",] == pytest.approx(1.188)
    assert samples["cde_project_info", 'a "shop"', "4711"] == 1
    assert samples["cde_operation_duration_seconds_bucket", "0.005", "start_feature"] == 3
    assert samples["cde_operation_duration_seconds_bucket", "10.0", "start_feature"] == 4
    assert samples["cde_operation_duration_seconds_bucket", "+Inf", "start_feature"] == 5
    assert samples["cde_operation_duration_seconds_count", "start_feature"] == 5
    assert samples["cde_operation_duration_seconds_sum", "start_feature"] == pytest.approx(20.0445)
    assert samples["cde_phase_refusals_total", "define", "feature"] == 1
    assert samples["cde_lock_wait_seconds_count",] == 5
    assert samples["cde_active_features",] == 3
    assert samples["cde_memory_used_ratio",] == pytest.approx(0.42)
    assert samples["cde_breaker_state", "agent-claude"] == 0.5
    assert samples["cde_check_state", "memory"] == 1
    assert samples["cde_alert_firing", "read_only"] == 1
    assert samples["cde_alert_firing", "memory_high"] == 0


def test_calls_are_exposed_before_the_first_of_them() -> None:
    _, samples = parsed("")
    for operation in ("submit_work", "restore_state", "run_agent", "command", "mcp_request"):
        for outcome in ("ok", "refused", "failed"):
            assert samples["cde_operations_total", operation, outcome] == 0


def test_what_watches_is_not_among_the_calls() -> None:
    _, samples = parsed("")
    operations = {key[1] for key in samples if key[0] == "cde_operations_total"}

    assert not operations & {"watch_health", "expose_metrics", "watch_alerts"}


def test_where_there_is_no_project_none_is_named() -> None:
    text, _ = expose(Observation(Facts(), OperationMeter(), []), "")

    assert b"cde_project_info{" not in text


def test_every_metric_that_has_a_name_is_told() -> None:
    _, samples = parsed("")
    told = {key[0].removesuffix("_bucket") for key in samples}
    assert told >= {name for key, name in vars(metric_names).items() if key.isupper()}
