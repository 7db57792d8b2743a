"""What a run of agents leaves in the log."""

from __future__ import annotations

from pathlib import Path

from cde_orchestrator.infrastructure.observability.logs.reader import JsonLogReader
from tests.integration.run.stage import Stage
from tests.integration.run.test_run import one_phase

COURSE = {"operation_started", "operation_failed", "operation_finished"}


def test_each_attempt_of_an_agent_is_an_operation_whose_time_is_the_agent_s(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path)
    one_phase(stage, agent="fail,succeed")
    assert stage.run("column").code == 0

    lines = [line for line in JsonLogReader().entries(stage.project) if "operation_id" in line]
    runs = [line for line in lines if line["operation"] == "run_agent"]
    assert [line["event"] for line in runs if line["event"] in COURSE] == [
        *("operation_started", "operation_failed"),
        *("operation_started", "operation_finished"),
    ]
    assert {"agent_started", "agent_output", "agent_ended"} < {line["event"] for line in runs}
    failed, finished = (line for line in runs if "outcome" in line)
    assert (failed["outcome"], failed["error_code"]) == ("failed", "E906")
    assert (finished["feature"], finished["phase_id"]) == ("column", "write")
    assert finished["spans"]["agent"] > 0.9 * finished["duration_ms"]
    assert len({line["correlation_id"] for line in runs}) == 1

    slow = stage.cde("logs", "slow", "--json").reply["operations"]
    assert "agent" in {each["bottleneck"] for each in slow if each["operation"] == "run_agent"}
