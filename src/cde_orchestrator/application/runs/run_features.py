"""Run several features at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypedDict

from cde_orchestrator.application.features.feature_filter import OPEN
from cde_orchestrator.application.features.list_features import LARGEST_LIMIT, ListFeatures
from cde_orchestrator.application.runs.observer import Outcome, PhaseRun, RunReply
from cde_orchestrator.application.use_case import Handles
from cde_orchestrator.application.views import FeatureRow
from cde_orchestrator.domain.errors.formatter import ErrorFormatter, ErrorPayload
from cde_orchestrator.domain.exceptions import CDEError

RunOne = Callable[[FeatureRow], tuple[RunReply, str]]
"""Runs a feature; what became of it, and the folder that its agents worked in."""


class FeatureRunReply(TypedDict):
    """What became of one feature; ``error`` says why it stopped before its end."""

    feature: str
    outcome: Outcome | None
    folder: str | None
    phases: list[PhaseRun]
    error: ErrorPayload | None


class RunsReply(TypedDict):
    """What became of each feature, in the order in which they were listed."""

    runs: list[FeatureRunReply]


def open_features(service: Handles) -> list[FeatureRow]:
    """All features that take more work, newest first."""
    found: list[FeatureRow] = []
    cursor: str | None = None
    while True:
        page = service.handle(ListFeatures(status=OPEN, limit=LARGEST_LIMIT, cursor=cursor))
        found += page["features"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def run_features(
    features: Sequence[FeatureRow], run_one: RunOne, *, jobs: int, stop: Callable[[], None]
) -> RunsReply:
    """Run the features, ``jobs`` at a time, each in a thread; one that fails stops no other.

    When this is interrupted, ``stop`` ends all that runs.
    """
    pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="cde-run")
    futures: list[Future[FeatureRunReply]] = [
        pool.submit(copy_context().run, _outcome, feature, run_one) for feature in features
    ]
    try:
        wait(futures)
    except BaseException:
        for future in futures:
            future.cancel()
        stop()
        raise
    finally:
        pool.shutdown(wait=True)
    return {"runs": [future.result() for future in futures]}


def _outcome(feature: FeatureRow, run_one: RunOne) -> FeatureRunReply:
    outcome = FeatureRunReply(
        feature=feature["name"], outcome=None, folder=None, phases=[], error=None
    )
    try:
        reply, outcome["folder"] = run_one(feature)
        outcome["outcome"], outcome["phases"] = reply["outcome"], reply["phases"]
    except CDEError as error:
        outcome["error"] = ErrorFormatter.payload(error)
    return outcome
