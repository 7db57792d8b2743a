"""Reports of errors: what is in them, how many there are, and that they never get in the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from subprocess import PIPE
from typing import Any, NoReturn

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.logs.error_reports import ListErrorReports, ShowErrorReport
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import Application, build_application
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError
from cde_orchestrator.domain.lease import COMMAND_LINE
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.infrastructure.reports import store
from cde_orchestrator.infrastructure.reports.store import REPORT_BYTES, FileErrorReports
from cde_orchestrator.infrastructure.settings.settings import Settings, settings_file
from cde_orchestrator.infrastructure.system import tree
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.testing import ManualClock


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """An active project with a feature."""
    application = build_application(tmp_path)
    application.handle(OnboardProject())
    application.handle(StartFeature(prompt="Add a login page", name="login"))
    return application


class Busy(GetFeatureStatus, operation="get_feature_status"):
    """A question that is refused as the feature is being run; that leaves a report."""

    def __call__(self, *, features: ProjectFeatures, **_: object) -> NoReturn:
        features.repository.get(features.root)
        raise CDESystemError.of("E909", feature=self.feature_id)


def refusal(application: Application, reference: str = "nothing") -> CDEError:
    """The error of a question that is refused."""
    with pytest.raises(CDEError) as caught:
        application.handle(Busy(feature_id=reference))
    return caught.value


def report_of(application: Application, error: CDEError) -> dict[str, Any]:
    assert error.report_id is not None
    return application.handle(ShowErrorReport(report_id=error.report_id))["report"]


def files(root: Path) -> list[Path]:
    return sorted((root / ".cde" / "errors").iterdir())


def capture(reports: FileErrorReports, root: Path, error: CDEError, **arguments: Any) -> None:
    reports.capture(root, error, error, operation="drill", arguments=arguments)


def failure() -> CDEError:
    return CDEError.of("E203", path="state.json", reason="no space left")


def test_a_report_names_the_caller_as_the_journal_does(application: Application) -> None:
    with calling(COMMAND_LINE, agent="ann"):
        error = refusal(application)
    assert report_of(application, error)["operation"]["actor"] == "cli (ann)"


def codes(reports: FileErrorReports, root: Path) -> Counter[str]:
    return Counter(each.code for each in reports.summaries(root, 1_000))


def test_a_report_tells_what_was_asked_what_led_here_and_how_things_stand(
    application: Application,
) -> None:
    error = refusal(application, "lgin")
    report = report_of(application, error)

    assert report["code"] == "E909"
    assert report["correlation_id"] == error.correlation_id
    assert report["operation"]["name"] == "get_feature_status"
    assert report["operation"]["arguments"] == {
        "feature_id": "lgin",
        "detail": "brief",
        "to_run": False,
        "to_work": True,
        "to_do": False,
        "prompt": True,
        "compare": False,
    }
    assert report["recent_operations"][-1]["name"] == "start_feature"
    assert [entry["operation"] for entry in report["journal"]][:2] == [
        "start_feature",
        "onboard_project",
    ]
    assert report["journal"][0]["feature"] == "login"
    assert report["project"]["status"] == "active"
    assert report["project"]["features"] == 1
    assert {"cde-orchestrator", "python", "mcp"} <= set(report["versions"])
    assert set(report["platform"]) == {"system", "release", "machine"}


def test_the_stack_is_that_of_what_was_raised_at_first(application: Application) -> None:
    class Broken(GetFeatureStatus, operation="get_feature_status"):
        def __call__(self, **_: object) -> NoReturn:
            try:
                raise OSError("the token=hunter2 of the disk")
            except OSError as error:
                raise ZeroDivisionError("halved by nothing") from error

    with pytest.raises(CDEError) as caught:
        application.handle(Broken(feature_id="login"))
    report = report_of(application, caught.value)

    assert report["code"] == "E999"
    assert [each["type"] for each in report["exceptions"]] == ["ZeroDivisionError", "OSError"]
    frame = report["exceptions"][0]["frames"][-1]
    assert frame["file"] == __file__
    assert frame["code"].startswith("raise ZeroDivisionError")
    assert "hunter2" not in json.dumps(report["exceptions"][1]["message"])


def test_the_feature_concerned_stands_in_the_report(application: Application) -> None:
    reports = FileErrorReports()
    error = CDESystemError.of("E909", feature="login")
    application.operation("submit_work", {"feature_id": "login"}).capture(error, error)

    report = reports.load(application.root, error.report_id or "")
    assert report is not None
    assert report["feature"]["name"] == "login"
    assert report["feature"]["phases"]["define"]["status"] == "in_progress"


def test_secrets_are_taken_out(application: Application) -> None:
    error = CDESystemError.of("E909", feature="ghp_" + "a1B2" * 9)
    application.operation("tool", {"password": "hunter2", "feature_id": "token=hunter2"}).capture(
        error, error
    )

    content = files(application.root)[-1].read_text()
    assert "hunter2" not in content
    assert "a1B2" not in content


def test_without_a_project_there_is_no_report(tmp_path: Path) -> None:
    error = refusal(build_application(tmp_path))

    assert (error.code, error.report_id) == ("E004", None)
    assert list(tmp_path.iterdir()) == []


def test_one_error_leaves_one_report(application: Application) -> None:
    error = refusal(application)
    application.operation("again", {}).capture(error, error)

    assert len(files(application.root)) == 1


def test_a_report_is_for_the_owner_alone(application: Application) -> None:
    refusal(application)

    assert files(application.root)[0].stat().st_mode & 0o077 == 0


def test_only_the_newest_are_kept_and_the_list_begins_with_the_newest(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    clock = ManualClock()
    reports = FileErrorReports(kept=3, clock=clock)
    made = []
    for _ in range(5):
        error = failure()
        capture(reports, tmp_path, error)
        made.append(error.report_id)
        clock.advance(1)

    assert [each.id for each in reports.summaries(tmp_path, 10)] == made[:1:-1]
    assert [each.id for each in reports.summaries(tmp_path, 2)] == made[:2:-1]
    assert len(files(tmp_path)) == 3


def test_a_report_is_bounded_and_so_are_all_together(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    reports = FileErrorReports(most_bytes=REPORT_BYTES)
    huge = {f"argument{number}": "x" * 100_000 for number in range(200)}
    for _ in range(4):
        capture(reports, tmp_path, CDEError("m", "E999", huge), **huge)

    sizes = [path.stat().st_size for path in files(tmp_path)]
    assert max(sizes) <= REPORT_BYTES
    assert sum(sizes) <= REPORT_BYTES


def failed() -> None:
    raise failure()


def test_settings_say_how_many_are_kept(application: Application) -> None:
    settings_file(application.root).write_text("error_reports_kept = 2\nrefusal_reports_kept = 3")
    again = build_application(application.root)
    for number in range(4):
        refusal(again, f"nothing-{number}")
        with pytest.raises(CDEError):
            again.operation("drill", {}).run(failed)

    assert Counter(path.stem[21:].count("-E909-") for path in files(again.root)) == {0: 2, 1: 3}


def test_settings_count_before_the_first_use_case(application: Application) -> None:
    settings_file(application.root).write_text("error_reports_kept = 2\ncall_timeout_seconds = 7")
    fresh = build_application(application.root)
    assert fresh.settings.call_timeout_seconds == 7
    for _ in range(4):
        with pytest.raises(CDEError):
            fresh.operation("drill", {}).run(failed)
    assert len(files(fresh.root)) == 2


def test_settings_that_are_not_valid_count_once_they_are_corrected(
    application: Application,
) -> None:
    fresh = build_application(application.root)
    settings_file(fresh.root).write_text("call_timeout_seconds = true")
    assert fresh.settings == Settings()
    settings_file(fresh.root).write_text("call_timeout_seconds = 7")
    assert fresh.settings.call_timeout_seconds == 7


def test_a_flood_of_mistyped_names_pushes_no_other_report_out(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    reports = FileErrorReports()
    capture(reports, tmp_path, failure())
    workflow = CDEError.of("E310", path=".cde/workflow.yml", line=3, reason="no phases")
    capture(reports, tmp_path, workflow)
    for number in range(205):
        capture(reports, tmp_path, CDEError.of("E102", reference="x"), feature=f"nope-{number}")

    assert codes(reports, tmp_path) == {"E203": 1, "E310": 1, "E102": 20}
    listed = [each.code for each in reports.summaries(tmp_path, 10)]
    assert listed == ["E102"] * 9 + ["E203"]


def test_the_reports_of_refusals_are_bounded_together(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    reports = FileErrorReports(refusals_bytes=REPORT_BYTES)
    capture(reports, tmp_path, failure())
    for number in range(4):
        huge = {"number": number, **{f"argument{each}": "x" * 100_000 for each in range(30)}}
        capture(reports, tmp_path, CDEError.of("E102", reference="x"), **huge)

    assert codes(reports, tmp_path)["E203"] == 1
    sizes = [path.stat().st_size for path in files(tmp_path) if "-E102-" in path.name]
    assert 0 < sum(sizes) <= REPORT_BYTES


def test_the_same_refusal_has_one_report_with_a_count(application: Application) -> None:
    errors = [refusal(application, "lgin") for _ in range(205)]
    other = refusal(application, "logn")

    rows = application.handle(ListErrorReports())["reports"]
    assert [(each["id"], each["count"]) for each in rows] == [
        (other.report_id, 1),
        (errors[-1].report_id, 205),
    ]
    first, last = report_of(application, errors[0]), report_of(application, errors[-1])
    assert first == last
    assert last["count"] == 205
    assert last["correlation_id"] == errors[-1].correlation_id
    assert str(errors[0].report_id)[:15] == datetime.fromisoformat(last["first_at"]).strftime(
        "%Y%m%dT%H%M%S"
    )
    assert last["first_at"] < last["at"]


def test_the_same_failure_has_a_report_each_time(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    reports = FileErrorReports()
    for _ in range(3):
        capture(reports, tmp_path, failure(), feature_id="login")
    assert [each.count for each in reports.summaries(tmp_path, 10)] == [1, 1, 1]


def test_threads_that_are_refused_at_once_lose_no_count(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    reports, refusals = FileErrorReports(), 40

    def refuse(_: int) -> None:
        capture(reports, tmp_path, CDEError.of("E102", reference="x"), feature_id="nope")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(refuse, range(refusals)))
    assert sum(each.count for each in reports.summaries(tmp_path, 100)) == refusals
    refuse(0)
    assert [each.count for each in reports.summaries(tmp_path, 100)] == [refusals + 1]


@pytest.mark.parametrize("obstacle", ["{id}.tmp", "{id}.json/mine"])
def test_a_report_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, obstacle: str
) -> None:
    (tmp_path / ".cde").mkdir()
    clock = ManualClock()
    reports = FileErrorReports(clock=clock)
    for _ in range(2):
        first = CDEError.of("E102", reference="x")
        capture(reports, tmp_path, first)
        clock.advance(1)
    (path,) = files(tmp_path)
    new = f"{clock():%Y%m%dT%H%M%S%f}-{path.stem.partition('-')[2]}"
    in_the_way = path.parent / obstacle.format(id=new)
    in_the_way.parent.mkdir(exist_ok=True)
    in_the_way.write_text("")
    capture(reports, tmp_path, second := CDEError.of("E102", reference="x"))

    assert second.report_id is None
    assert path.is_file()
    listed = reports.summaries(tmp_path, 5)
    assert [(each.id, each.count) for each in listed if each.code == "E102"] == [
        (first.report_id, 2)
    ]
    clock.advance(1)
    capture(reports, tmp_path, CDEError.of("E102", reference="x"))
    assert [each.count for each in reports.summaries(tmp_path, 5)] == [3]


def test_the_folder_is_listed_once_for_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".cde").mkdir()
    reports = FileErrorReports()
    capture(reports, tmp_path, CDEError.of("E102", reference="x"))
    listed, entries_of = [], tree.entries_of

    def counted(folder: Path) -> Any:
        listed.append(folder)
        return entries_of(folder)

    monkeypatch.setattr(store, "entries_of", counted)
    capture(reports, tmp_path, CDEError.of("E102", reference="x"))
    monkeypatch.undo()
    assert listed.count(tmp_path / ".cde" / "errors") == 1


REFUSED = """
import sys
from pathlib import Path
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.reports.store import FileErrorReports
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.readline()
for _ in range(10):
    error = CDEError.of("E102", reference="x")
    FileErrorReports().capture(Path(sys.argv[1]), error, error, operation="drill", arguments={})
"""


def test_processes_that_are_refused_at_once_lose_no_count(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    with ExitStack() as stack:
        words = [sys.executable, "-c", REFUSED, str(tmp_path)]
        refused = [
            stack.enter_context(subprocess.Popen(words, stdin=PIPE, stdout=PIPE)) for _ in range(4)
        ]
        for each in refused:
            assert each.stdout is not None
            assert each.stdout.readline() == b"ready\n"
        for each in refused:
            assert each.stdin is not None
            each.stdin.close()
    assert [each.returncode for each in refused] == [0] * 4
    assert sum(each.count for each in FileErrorReports().summaries(tmp_path, 100)) == 40


def test_reports_of_earlier_releases_are_read(tmp_path: Path) -> None:
    folder = tmp_path / ".cde" / "errors"
    folder.mkdir(parents=True)
    name = "20251110T120000000000-0a1b2c3d"
    old = {"id": name, "at": "2025-11-10T12:00:00+00:00", "code": "E102", "message": "No feature"}
    (folder / f"{name}.json").write_text(json.dumps(old))
    reports = FileErrorReports()
    capture(reports, tmp_path, CDEError.of("E102", reference="x"))

    assert reports.load(tmp_path, name) == old
    assert [(each.id, each.count) for each in reports.summaries(tmp_path, 5)][1] == (name, 1)


@pytest.mark.parametrize("count", ["many", None, [], {}])
def test_a_damaged_count_does_not_last(tmp_path: Path, count: object) -> None:
    (tmp_path / ".cde").mkdir()
    reports = FileErrorReports()
    capture(reports, tmp_path, CDEError.of("E102", reference="x"))
    (path,) = files(tmp_path)
    path.write_text(json.dumps({"count": count}))
    for _ in range(2):
        capture(reports, tmp_path, CDEError.of("E102", reference="x"))
    assert [each.code for each in reports.summaries(tmp_path, 5)] == ["E102"]


def test_what_lies_in_the_folder_beside_the_reports_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / ".cde" / "errors"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    reports = FileErrorReports(kept=1)
    for _ in range(3):
        capture(reports, tmp_path, failure())

    assert (folder / "notes.txt").read_text() == "mine"
    assert len(reports.summaries(tmp_path, 10)) == 1


@pytest.mark.parametrize("content", ["", "[]", "{", "\udcff", '{"operation": 7}'])
def test_a_damaged_report_is_listed_and_does_not_fail_the_list(
    tmp_path: Path, content: str
) -> None:
    folder = tmp_path / ".cde" / "errors"
    folder.mkdir(parents=True)
    file = folder / "20251110T120000000000-0a1b2c3d.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))

    assert [each.code for each in FileErrorReports().summaries(tmp_path, 5)] == ["?"]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "linked folder", "without end"])
def test_what_is_no_report_is_neither_read_nor_waited_for_nor_removed(
    tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / ".cde" / "errors"
    folder.mkdir(parents=True)
    other = tmp_path / "other"
    other.mkdir()
    name = "20251110T120000000000-0a1b2c3d"
    secret = other / f"{name}.json"
    secret.write_text('{"code": "E001"}' + " " * (2**21 if kind == "without end" else 0))
    file = folder / f"{name}.json"
    if kind == "linked folder":
        folder.rmdir()
        folder.symlink_to(other)
    elif kind == "without end":
        secret.rename(file)
    elif kind == "link":
        file.symlink_to(secret)
    else:
        os.mkfifo(file) if kind == "pipe" else file.mkdir()
    reports = FileErrorReports(kept=1)

    assert reports.load(tmp_path, name) is None
    assert [each.code for each in reports.summaries(tmp_path, 5)] in ([], ["?"])
    capture(reports, tmp_path, CDEError.of("E102", reference="x"))
    assert kind == "without end" or os.path.lexists(file)
    assert kind == "without end" or secret.exists()


def test_a_state_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    os.mkfifo(tmp_path / ".cde" / "state.json")
    error = CDEError.of("E102", reference="x")
    capture(FileErrorReports(), tmp_path, error)

    assert error.report_id is not None


def test_a_folder_that_cannot_even_be_looked_at_never_fails_the_call(tmp_path: Path) -> None:
    error = CDEError.of("E102", reference="x")
    capture(FileErrorReports(), tmp_path / ("x" * 5_000), error)

    assert error.report_id is None


@pytest.mark.parametrize(
    "report_id", ["", "..", "../state", "20251110T120000000000-0a1b2c3d", "x" * 10_000, "\x00"]
)
def test_a_report_that_does_not_exist_has_a_code(application: Application, report_id: str) -> None:
    with pytest.raises(CDEError) as caught:
        application.handle(ShowErrorReport(report_id=report_id))
    assert caught.value.code == "E322"


def test_a_list_has_at_least_one_place(application: Application) -> None:
    with pytest.raises(CDEError) as caught:
        application.handle(ListErrorReports(limit=0))
    assert caught.value.code == "E305"


@pytest.mark.parametrize(
    "obstacle", ["a file in its place", "a link that leads nowhere", "a link to a folder"]
)
def test_a_report_that_cannot_be_written_never_fails_the_call(
    application: Application, obstacle: str
) -> None:
    place = application.root / ".cde" / "errors"
    if obstacle == "a file in its place":
        place.write_text("in the way")
    elif obstacle == "a link to a folder":
        (application.root / "elsewhere").mkdir()
        place.symlink_to(application.root / "elsewhere")
    else:
        os.symlink("nowhere", place)
    with capture_logs() as logged:
        error = refusal(application)
        application.operation("again", {}).capture(error, error)

    assert (error.code, error.report_id) == ("E909", None)
    assert [each["event"] for each in logged].count("error_report_not_written") == 1
    assert not list(application.root.glob("elsewhere/*"))


@pytest.mark.parametrize(
    "value",
    [float("nan"), {1, 2}, b"bytes", object(), "\udcff", {("a", 1): "b"}, [[[[[[[[[[1]]]]]]]]]]],
)
def test_any_context_makes_a_report(tmp_path: Path, value: object) -> None:
    (tmp_path / ".cde").mkdir()
    reports = FileErrorReports()
    error = CDEError("m", "E999", {"value": value})
    capture(reports, tmp_path, error, value=value)

    assert reports.load(tmp_path, error.report_id or "") is not None


@pytest.mark.parametrize("damage", ["{", "[]", ""])
def test_a_state_that_cannot_be_read_leaves_a_report_all_the_same(
    application: Application, damage: str
) -> None:
    root = application.root
    application.close()
    for path in (*(root / ".cde").rglob("*"), *StateFiles(root).backups.glob("*-*")):
        if path.suffix in {".json", ".jsonl"}:
            path.write_text(damage)
    error = refusal(build_application(root))

    assert error.code == "E201"
    report = report_of(build_application(root), error)
    assert "unavailable" in report["project"]
    assert report["journal"] == []


def test_the_file_of_a_state_that_was_moved_to_a_database_is_not_taken_for_the_state(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = application.root
    application.close()
    with settings_file(root).open("a", encoding="utf-8") as file:
        file.write('state_project = "moved"\n')
    unreachable = "postgresql://nobody@127.0.0.1:1/nothing"
    for url, code in (("", "E314"), (unreachable, "E217")):
        monkeypatch.setenv("CDE_STATE_URL", url)
        with pytest.raises(CDEError) as caught:
            build_application(root).handle(GetFeatureStatus(feature_id="nothing"))
        error = caught.value
        assert error.code == code
        if code == "E314":
            continue  # a mistake in a file, which its words say in full
        path = root / ".cde" / "errors" / f"{error.report_id}.json"
        assert list(json.loads(path.read_bytes())["project"]) == ["unavailable"]
