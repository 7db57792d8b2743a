"""What is measured, in the formats that Prometheus reads.

Labels are bounded: operations are the use cases, error codes the catalogue's, breakers, checks
and alerts are few, and of phases only so many have a name. The calls of every use case are
exposed from the start, at 0: a series that begins with its first failure shows no increase. Units
are the base units, seconds and bytes (https://prometheus.io/docs/practices/naming/).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import accumulate
from pkgutil import walk_packages
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from cde_orchestrator import __version__, application
from cde_orchestrator.application.ports.health import AlertView
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.infrastructure.monitoring import metric_names as names
from cde_orchestrator.infrastructure.monitoring.health.probes import Facts
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import (
    BUCKETS_SECONDS,
    OperationMeter,
    Totals,
)
from cde_orchestrator.infrastructure.observability.operations import CALLS, EXPLAIN_ERROR
from cde_orchestrator.infrastructure.system.resource_usage import process_memory_bytes

OPENMETRICS = "application/openmetrics-text"

_BREAKER_STATES = {"closed": 0.0, "half_open": 0.5, "open": 1.0}
_OUTCOMES = ("ok", "refused", "failed")
_VERDICTS = {"ok": 0.0, "warning": 1.0, "critical": 2.0}


@dataclass(frozen=True)
class Observation(Collector):
    """All that is exposed at one time, as prometheus-client asks for it.

    Attributes:
        facts: what was found of the project.
        meter: what was counted since the process began.
        alerts: all of them, firing or not.
        slowest_ms: how long the slowest operation of the last minute took.
    """

    facts: Facts
    meter: OperationMeter
    alerts: Sequence[AlertView]
    slowest_ms: float = 0.0

    def collect(self) -> Iterable[Metric]:
        """Every metric."""
        yield from self._of_operations()
        yield from self._of_project()
        yield from self._by_name()

    def _of_operations(self) -> Iterator[Metric]:
        calls = CounterMetricFamily(
            names.OPERATIONS, "Operations that ended.", labels=("operation", "outcome")
        )
        errors = CounterMetricFamily(
            names.ERRORS, "Those that did not succeed.", labels=("operation", "error_code")
        )
        duration = HistogramMetricFamily(
            names.OPERATION_DURATION, "How long operations took.", labels=("operation",)
        )
        operations, lock_waits = self.meter.totals()
        for name in sorted(_counted() | operations.keys()):
            by_outcome = dict.fromkeys(_OUTCOMES, 0)
            if name in operations:
                totals = operations[name]
                duration.add_metric((name,), _buckets(totals), totals.seconds)
                for (outcome, code), count in totals.outcomes.items():
                    by_outcome[outcome] += count
                    if code is not None:
                        errors.add_metric((name, code), count)
            for outcome, count in by_outcome.items():
                calls.add_metric((name, outcome), count)
        refusals = CounterMetricFamily(
            names.PHASE_REFUSALS,
            "Work on a phase that was refused, as by its gate.",
            labels=("workflow", "phase"),
        )
        for phase, count in sorted(self.meter.phases().items()):
            refusals.add_metric(phase.partition("/")[::2], count)
        yield from (calls, errors, duration, refusals)
        waits = HistogramMetricFamily(
            names.LOCK_WAIT, "How long operations waited for the project's lock."
        )
        waits.add_metric((), _buckets(lock_waits), lock_waits.seconds)
        yield waits

    def _of_project(self) -> Iterator[Metric]:
        facts = self.facts
        gauges: list[tuple[str, str, float]] = [
            (names.ACTIVE_FEATURES, "Features that are open.", facts.active_features),
            (names.JOURNAL_BYTES, "Size of the journal.", facts.state.journal_bytes or 0),
            (names.STATE_BYTES, "Size of state.json.", facts.state.state_bytes),
            (names.PROJECT_BYTES, "Size of .cde.", facts.disk_bytes),
            (names.DISK_FREE_BYTES, "Free on the project's disk.", facts.disk_free_bytes),
            (names.MEMORY_USED_RATIO, "Memory in use, 0 to 1.", facts.memory_percent / 100),
            (names.PROCESS_MEMORY_BYTES, "Memory of the process.", process_memory_bytes()),
            (names.UPTIME_SECONDS, "Since the process began.", self.meter.uptime_seconds),
            (names.READ_ONLY, "Whether the project is read-only.", facts.read_only),
            (names.RECOVERIES, "Files repaired in the last minutes.", facts.recoveries),
            (
                names.BACKUP_AGE_SECONDS,
                "Age of changes without a backup.",
                facts.state.backup_age_seconds or 0,
            ),
            (names.CLAIMS_EXPIRED, "Leases that expired.", facts.claims_expired),
            (names.SLOWEST_OPERATION, "The slowest of the last minute.", self.slowest_ms / 1000),
        ]
        for name, about, value in gauges:
            yield GaugeMetricFamily(name, about, value=float(value))
        yield InfoMetricFamily(names.PROJECT_INFO.removesuffix("_info"), "If any.", facts.project)

    def _by_name(self) -> Iterator[Metric]:
        breakers = {each["name"]: _BREAKER_STATES[each["state"]] for each in self.facts.breakers}
        checks = {name: _VERDICTS[verdict] for name, (verdict, _) in self.facts.checks.items()}
        alerts = {each["name"]: float(each["state"] == "firing") for each in self.alerts}
        yield _gauges(names.BREAKER_STATE, "0 closed, 0.5 half-open, 1 open.", "breaker", breakers)
        yield _gauges(names.CHECK_STATE, "0 ok, 1 warning, 2 critical.", "check", checks)
        yield _gauges(names.ALERT_FIRING, "Whether it fires.", "alert", alerts)
        yield _gauges(names.BUILD_INFO, "Always 1.", "version", {__version__: 1.0})


def expose(observation: Observation, accept: str) -> tuple[bytes, str]:
    """The metrics as text, and its media type.

    They are in OpenMetrics where ``accept``, as HTTP says what a reader takes, names that; else
    in the text format 0.0.4, which every reader takes.
    """
    # Not ``accept`` itself: a version in it that is no version would be an exception.
    wanted = f"{OPENMETRICS};version=1.0.0" if OPENMETRICS in accept else ""
    encode, media_type = choose_encoder(wanted)
    return encode(observation), media_type


@cache
def _counted() -> frozenset[str]:
    """Every operation whose calls are counted; loads all use cases."""
    waiting: list[Any] = [UseCase]
    for module in walk_packages(application.__path__, f"{application.__name__}."):
        import_module(module.name)
    for each in waiting:
        waiting += each.__subclasses__()
    counted = (each for each in waiting[1:] if not each.routine)
    of_product = (each for each in counted if each.__module__.startswith(application.__name__))
    return frozenset(each.operation for each in of_product) | {*CALLS, EXPLAIN_ERROR}


def _gauges(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family


def _buckets(totals: Totals) -> list[tuple[str, float]]:
    """Cumulative, as the format has them."""
    bounds = [*map(floatToGoString, BUCKETS_SECONDS), "+Inf"]
    return [*zip(bounds, map(float, accumulate(totals.buckets)), strict=True)]
