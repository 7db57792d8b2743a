"""Each rule for Prometheus fires for the server in trouble, and not for the one next to it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from cde_orchestrator.infrastructure.monitoring import metric_names as names
from tests.programs import program
from tools.generate_ops import prometheus_rules

TROUBLED, FINE = "127.0.0.1:8787", "127.0.0.1:8788"
CALLS = f'{names.OPERATIONS}{{operation="list_features", outcome="%s"}}'
SCRAPES = 30
"""Samples of each series, which are 7.5 minutes at the shorter interval."""
ALL_ZERO, ALL_ONE = f"0x{SCRAPES}", f"1x{SCRAPES}"
COMMON = {
    names.READ_ONLY: ALL_ZERO,
    names.RECOVERIES: ALL_ZERO,
    names.CLAIMS_EXPIRED: ALL_ZERO,
    names.BACKUP_AGE_SECONDS: ALL_ZERO,
    names.SLOWEST_OPERATION: f"0.02x{SCRAPES}",
    names.MEMORY_USED_RATIO: f"0.3x{SCRAPES}",
    names.DISK_FREE_BYTES: f"50000000000x{SCRAPES}",
    f'{names.BREAKER_STATE}{{breaker="git"}}': ALL_ZERO,
    CALLS % "ok": f"0+3x{SCRAPES}",
    CALLS % "failed": ALL_ZERO,
    CALLS % "refused": f"0+3x{SCRAPES}",
    "up": ALL_ONE,
}


@dataclass(frozen=True, slots=True)
class Case:
    """What makes a rule fire.

    Attributes:
        alert: the rule.
        series: what is different at the server in trouble.
        severity: of the alert.
        samples: after how many samples it must fire.
    """

    alert: str
    series: dict[str, str]
    severity: str = "warning"
    samples: int = SCRAPES


CASES = [
    Case(
        "CdeHighErrorRate",
        {CALLS % "ok": f"0+6x{SCRAPES}", CALLS % "failed": f"0+1x{SCRAPES}"},
    ),
    # A counter that was there at 0 shows its first failures.
    Case(
        "CdeHighErrorRate",
        {CALLS % "ok": f"0x20 30x{SCRAPES}", CALLS % "failed": f"0x20 9x{SCRAPES}"},
        samples=24,
    ),
    # One slow operation, which is seen for a minute at most.
    Case(
        "CdeSlowOperations",
        {names.SLOWEST_OPERATION: f"0.02x20 1.188 0.02x{SCRAPES}"},
        samples=23,
    ),
    Case("CdeDiskSpaceLow", {names.DISK_FREE_BYTES: f"52428800x{SCRAPES}"}),
    Case("CdeMemoryHigh", {names.MEMORY_USED_RATIO: f"0.86x{SCRAPES}"}),
    Case("CdeReadOnly", {names.READ_ONLY: ALL_ONE}, "critical"),
    Case("CdeBreakerOpen", {f'{names.BREAKER_STATE}{{breaker="git"}}': ALL_ONE}),
    Case("CdeStateRecovered", {names.RECOVERIES: f"2x{SCRAPES}"}),
    Case("CdeBackupsStale", {names.BACKUP_AGE_SECONDS: f"200000x{SCRAPES}"}),
    Case("CdeClaimsExpired", {names.CLAIMS_EXPIRED: ALL_ONE}),
    Case("CdeDown", {"up": f"1x3 0x{SCRAPES}"}, "critical"),
]


@pytest.fixture(scope="module")
def promtool() -> str:
    return program("promtool")


def series_of(instance: str, series: dict[str, str]) -> list[dict[str, str]]:
    """Input series of a server, with the labels that Prometheus adds."""
    own = f'job="cde", instance="{instance}"'
    named = {
        f"{name[:-1]}, {own}}}" if name.endswith("}") else f"{name}{{{own}}}": values
        for name, values in series.items()
    }
    return [{"series": name, "values": values} for name, values in named.items()]


def ran(promtool: str, folder: Path, content: dict[str, object]) -> str:
    """What promtool says of a file of tests; empty when all is as expected."""
    (folder / "rules.yml").write_text(prometheus_rules())
    file = folder / "tests.yml"
    file.write_text(json.dumps({"rule_files": ["rules.yml"], **content}))
    command = [promtool, "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_prometheus_takes_the_rules(promtool: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(prometheus_rules())

    checked = subprocess.run(
        [promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def of_case(case: Case, seconds: int) -> dict[str, object]:
    """A test of promtool: after these samples exactly one alert fires, for one server."""
    labels = f'alertname="{case.alert}", alertstate="firing", severity="{case.severity}"'
    alert = f'ALERTS{{{labels}, job="cde", instance="{TROUBLED}"}}'
    return {
        "name": f"{case.alert} after {case.samples} samples",
        "interval": f"{seconds}s",
        "input_series": [
            *series_of(TROUBLED, {**COMMON, **case.series}),
            *series_of(FINE, COMMON),
        ],
        "promql_expr_test": [
            {
                "expr": 'ALERTS{alertstate="firing"}',
                "eval_time": f"{case.samples * seconds}s",
                "exp_samples": [{"labels": alert, "value": 1}],
            }
        ],
    }


@pytest.mark.parametrize(("scraped", "evaluated"), [(15, 15), (60, 60), (61, 60), (60, 15)])
def test_each_fires_for_the_server_in_trouble_alone(
    promtool: str, tmp_path: Path, scraped: int, evaluated: int
) -> None:
    tests = [of_case(case, scraped) for case in CASES]

    assert not ran(promtool, tmp_path, {"evaluation_interval": f"{evaluated}s", "tests": tests})


def test_no_rule_is_without_its_case() -> None:
    (group,) = yaml.safe_load(prometheus_rules())["groups"]

    assert {rule["alert"] for rule in group["rules"]} == {case.alert for case in CASES}
    assert {rule["alert"]: rule["labels"]["severity"] for rule in group["rules"]} == {
        case.alert: case.severity for case in CASES
    }


def test_servers_that_are_fine_leave_it_quiet(promtool: str, tmp_path: Path) -> None:
    quiet = {
        "interval": "15s",
        "input_series": [*series_of(TROUBLED, COMMON), *series_of(FINE, COMMON)],
        "promql_expr_test": [{"expr": "ALERTS", "eval_time": "7m", "exp_samples": []}],
    }

    assert not ran(promtool, tmp_path, {"evaluation_interval": "15s", "tests": [quiet]})
