"""What programs of agents report, added up."""

from __future__ import annotations

from cde_orchestrator.domain.agent_run import RUNS_KEPT, AgentReport, AgentRun, total
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.phase_record import PhaseRecord


def test_reports_are_added_up_and_what_was_said_last_counts() -> None:
    first = AgentReport(session="a", turns=1, input_tokens=5, cost_usd=0.1, denied=("x", "y"))
    later = AgentReport(session="b", turns=2, output_tokens=3, denied=("y",), words="Done")
    assert total([first, later]) == AgentReport(
        session="b",
        turns=3,
        input_tokens=5,
        output_tokens=3,
        cost_usd=0.1,
        denied=("x", "y"),
        words="Done",
    )
    assert total([later, AgentReport()]).words == "Done"
    assert total([]).cost_usd is None


def test_without_an_answer_of_a_model_nothing_is_kept() -> None:
    assert not AgentReport(session="a", words="Done").has_answer
    for report in (AgentReport(input_tokens=1), AgentReport(denied=("x",)), AgentReport(turns=1)):
        assert report.has_answer


def test_the_newest_runs_stay_with_a_phase() -> None:
    record = PhaseRecord("define")
    for number in range(RUNS_KEPT + 2):
        record.add_run(AgentRun(at=utc_now(), agent="a", attempt=number, seconds=1.0))
    assert [record.runs[0].attempt, len(record.runs)] == [2, RUNS_KEPT]
