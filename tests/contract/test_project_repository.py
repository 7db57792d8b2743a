"""What every project repository must do; each test runs over every implementation."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.checks.baselines import keep_trials, kept_trials
from cde_orchestrator.application.ports.core import ProjectRepository
from cde_orchestrator.domain.agent_run import AgentReport, AgentRun
from cde_orchestrator.domain.doer import Doer
from cde_orchestrator.domain.exceptions import (
    ConcurrentChangeError,
    FeatureError,
    ProjectError,
    ReadOnlyModeError,
    ValidationError,
)
from cde_orchestrator.domain.features import touched_by
from cde_orchestrator.domain.project import ProjectStatus
from cde_orchestrator.domain.records import Artifact, Difference
from cde_orchestrator.domain.tasks import Task
from cde_orchestrator.domain.workflow import Phase, Workflow
from cde_orchestrator.storage.format.files import StateFiles
from tests.contract.conftest import Open
from tests.nobody import as_nobody
from tests.unit.domain.test_trial import FAILED


def test_a_new_project_is_being_onboarded_and_bears_the_folders_name(
    repository: ProjectRepository, root: Path
) -> None:
    project = repository.get_or_create(root)
    assert project.status is ProjectStatus.ONBOARDING
    assert (project.name, project.path) == ("project", str(root))
    assert repository.get_or_create(root, "other name").id == project.id


def test_of_a_sound_state_nothing_is_wrong_and_of_none_too(
    repository: ProjectRepository, active: Path, tmp_path: Path
) -> None:
    condition = repository.condition(active)
    assert condition.refusal is None
    assert condition.is_in_database == (repository.backend == "postgresql")
    for each in (condition, repository.condition(tmp_path)):
        for part in (each.journal, each.backups):
            assert (part.harm, part.is_lost, [*part.repaired]) == (None, False, [])
    assert list(tmp_path.iterdir()) == [active]


def test_a_path_that_does_not_exist_is_named_as_it_was_given(repository: ProjectRepository) -> None:
    with pytest.raises(ProjectError) as caught:
        repository.get_or_create("/invalid")
    assert caught.value.code == "E001"
    assert caught.value.context["path"] == "/invalid"
    assert caught.value.recoverable is False


def test_a_path_with_a_nul_is_no_folder(repository: ProjectRepository) -> None:
    with pytest.raises(ValidationError) as caught:
        repository.get("a\0b")
    assert caught.value.code == "E303"


def test_a_path_that_is_not_utf_8_is_refused_before_anything_is_made(
    repository: ProjectRepository, tmp_path: Path
) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    with pytest.raises(ValidationError) as caught:
        repository.get_or_create(folder)
    assert caught.value.code == "E303"
    assert list(folder.iterdir()) == []


def test_a_file_is_no_project(repository: ProjectRepository, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ProjectError) as caught:
        repository.get_or_create(file)
    assert caught.value.code == "E002"


def test_a_folder_that_may_not_be_read_is_told(repository: ProjectRepository, root: Path) -> None:
    root.chmod(0)
    with as_nobody(root.parent), pytest.raises(ProjectError) as caught:
        repository.get(root)
    assert caught.value.code == "E003"


def test_a_folder_without_project_is_left_as_it_is(
    repository: ProjectRepository, root: Path
) -> None:
    for act in (repository.get, lambda path: repository.transaction(path).__enter__()):
        with pytest.raises(ProjectError) as caught:
            act(root)
        assert caught.value.code == "E004"
    assert list(root.iterdir()) == []


def test_what_a_transaction_changed_is_there_in_another_process(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    with repository.transaction(active) as project:
        feature = project.start_feature("Add a login page", workflow=Workflow.canonical())
        project.metadata["nested"] = {"deep": [1]}
    found = open_repository().get(active)
    assert found.feature(feature.id) == feature
    assert found.metadata == {"nested": {"deep": [1]}}
    assert found.workflow_of(found.feature("add-a-login-page")) == Workflow.canonical()


def test_how_checks_ended_is_kept_with_feature_and_project(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    with repository.transaction(active) as project:
        feature = project.start_feature("Add a login page")
        feature.trials = [FAILED]
        keep_trials(project, [FAILED])

    found = open_repository().get(active)
    assert found.feature("add-a-login-page").trials == [FAILED]
    assert kept_trials(found) == [FAILED]


def test_tasks_are_kept_with_the_phases_that_listed_and_ticked_them(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    task = Task("T1", "the form", ("shop/form.py",), ("AC1", "AC2"))
    with repository.transaction(active) as project:
        feature = project.start_feature("Add a login page", workflow=Workflow.canonical())
        feature.phases["decompose"].tasks = [task]
        feature.phases["implement"].ticks = {"T1": True, "T2": False}

    phases = open_repository().get(active).feature("add-a-login-page").phases
    assert phases["decompose"].tasks == [task]
    assert phases["implement"].ticks == {"T1": True, "T2": False}
    assert (phases["define"].tasks, phases["define"].ticks) == ([], {})


def test_a_transaction_that_fails_changes_nothing(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    with repository.transaction(active) as project:
        kept = project.start_feature("Keep me")

    def fail() -> None:
        with repository.transaction(active) as project:
            project.start_feature("Lose me")
            project.feature(kept.id).metadata["lost"] = True
            project.metadata["lost"] = {"also": "this"}
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    for each in (repository, open_repository()):
        found = each.get(active)
        assert [feature.name for feature in found.features] == ["keep-me"]
        assert found.feature(kept.id).metadata == {}
        assert found.metadata == {}


def test_nested_values_that_change_are_saved(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    with repository.transaction(active) as project:
        project.metadata["nested"] = {"deep": {"value": 1}}
    with repository.transaction(active) as project:
        project.metadata["nested"]["deep"]["value"] = True
    assert open_repository().get(active).metadata == {"nested": {"deep": {"value": True}}}


def test_a_feature_is_kept_in_another_workflow_with_who_did_its_phases(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    doer = Doer(agent="claude", session="1 now here", wanted="other", as_wanted=False)
    large = Workflow(id="large", phases=tuple(Phase(id=each) for each in ("write", "ship")))
    with repository.transaction(active) as project:
        feature = project.start_feature("Add login", name="login")
        feature.phases["define"].doer = doer
    with open_repository().transaction(active) as project:
        feature = project.feature("login")
        project.give_workflow(feature, large)
        feature.change_workflow(large, "claude", project.clock())
        feature.phases["write"].doer = doer
        feature.phases["write"].given = "commands one"
    read = open_repository().get(active)

    kept = read.feature("login")
    assert read.workflow_of(kept) == large
    assert (kept.current_phase, [*kept.phases]) == ("write", ["write", "ship"])
    assert (kept.phases["write"].doer, kept.phases["ship"].doer) == (doer, None)
    assert (kept.phases["write"].given, kept.phases["ship"].given) == ("commands one", "")
    assert kept.phases["write"].past[0]["workflow"] == "standard"


def test_what_agents_reported_of_their_runs_is_kept(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    whole = AgentReport(
        session="s-1",
        turns=3,
        input_tokens=3_000,
        output_tokens=150,
        cost_usd=0.015,
        denied=("Bash curl",),
        words="Done.",
    )
    with repository.transaction(active) as project:
        record = project.start_feature("Add login", name="login").phases["define"]
        for attempt, report in enumerate((whole, AgentReport()), start=1):
            at = project.clock()
            record.add_run(
                AgentRun(at=at, agent="claude", attempt=attempt, seconds=1.5, report=report)
            )
        runs = [*record.runs]
    kept = open_repository().get(active).feature("login").phases
    assert (kept["define"].runs, kept["design"].runs) == (runs, [])


def test_a_project_can_be_changed_and_saved_again_and_again(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    project = repository.get(active)
    feature = project.start_feature("Add search")
    repository.save(project)
    feature.complete_phase("define", [], Workflow.canonical(), project.clock())
    repository.save(project)
    repository.save(project)
    found = open_repository().get(active).feature(feature.id)
    assert found == feature
    assert found.current_phase == "decompose"


def test_saving_does_not_overwrite_what_somebody_else_added(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    project = repository.get(active)
    with open_repository().transaction(active) as other:
        other.start_feature("Theirs")
    project.start_feature("Mine")
    repository.save(project)
    names = {feature.name for feature in open_repository().get(active).features}
    assert names == {"mine", "theirs"}


def test_saving_what_somebody_else_changed_is_refused(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    with repository.transaction(active) as project:
        feature_id = project.start_feature("Contended").id
    mine = repository.get(active)
    mine.feature(feature_id).metadata["by"] = "me"
    with open_repository().transaction(active) as other:
        other.feature(feature_id).metadata["by"] = "them"
    with pytest.raises(ConcurrentChangeError) as caught:
        repository.save(mine)
    assert caught.value.code == "E207"
    found = open_repository().get(active)
    assert found.feature(feature_id).metadata == {"by": "them"}


def test_saving_a_status_that_somebody_else_changed_is_refused(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    mine = repository.get(active)
    mine.metadata["by"] = "me"
    with open_repository().transaction(active) as other:
        other.metadata["by"] = "them"
    with pytest.raises(ConcurrentChangeError):
        repository.save(mine)


def test_saving_a_name_that_was_taken_meanwhile_is_refused(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    mine = repository.get(active)
    mine.start_feature("Anything", name="wanted")
    with open_repository().transaction(active) as other:
        other.start_feature("Anything", name="wanted")
    with pytest.raises(FeatureError) as caught:
        repository.save(mine)
    assert caught.value.code == "E104"
    assert caught.value.context["free_name"] == "wanted-2"


def test_a_read_only_project_is_not_saved_unless_forced(
    repository: ProjectRepository, active: Path
) -> None:
    project = repository.get(active)
    project.metadata["kept"] = True
    project.read_only_reason = "the disk is full"
    with pytest.raises(ReadOnlyModeError):
        repository.save(project)
    repository.save(project, force=True)
    assert repository.get(active).metadata == {"kept": True}


def test_features_are_found_by_id_name_and_beginning_of_the_id(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    with repository.transaction(active) as project:
        made = [project.start_feature("Same words").id for _ in range(3)]
        assert project.features.ids_beginning(made[2][:8]) == [made[2]]
        assert project.features.goal_of(made[0]) == "Same words"
    found = open_repository().get(active)
    assert [found.features.goal_of(each) for each in (made[1], "none")] == ["Same words", ""]
    assert [feature.name for feature in found.features] == [
        "same-words",
        "same-words-2",
        "same-words-3",
    ]
    for feature_id in made:
        assert found.feature(feature_id[:12]).id == feature_id
    assert [summary.id for summary in found.features.summaries()] == made
    assert len(found.features) == 3


def test_features_of_one_change_come_in_their_order_to_whoever_follows(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    other = open_repository()
    other.get(active)
    with repository.transaction(active) as project:
        made = [project.start_feature("Same words").id for _ in range(10)]
    assert [each.id for each in other.get(active).features.summaries()] == made


def test_summaries_tell_of_changes_that_are_not_saved_yet(
    repository: ProjectRepository, active: Path
) -> None:
    with repository.transaction(active) as project:
        feature = project.start_feature("Add search")
    with repository.transaction(active) as project:
        project.feature(feature.id).complete_phase(
            "define", [], Workflow.canonical(), project.clock()
        )
        added = project.start_feature("Another")
        phases = {each.id: each.current_phase for each in project.features.summaries()}
        assert phases == {feature.id: "decompose", added.id: "define"}


def test_what_features_touched_is_found_without_decoding_them(
    open_repository: Open, active: Path
) -> None:
    repository = open_repository()
    with repository.transaction(active) as project:
        feature = project.start_feature("Take cards", name="pay")
        feature.phases["implement"].difference = Difference(2, 3, 1, ("src/pay.py", "b.py"))
        artifact = Artifact("spec", "specs/pay/spec.md", "0" * 64, 7)
        feature.phases["define"].outputs = [artifact]

    kept = open_repository().get(active)
    with repository.transaction(active) as project:
        project.start_feature("Refund", name="refund")
        before = [each.name for each in project.features.touched()]

    (touched,) = kept.features.touched()
    assert (touched.name, touched.goal) == ("pay", "Take cards")
    assert touched.paths == ("src/pay.py", "b.py")
    assert touched.outputs == {"spec": "specs/pay/spec.md"}
    assert before == ["pay", "refund"]
    assert [touched] == [touched_by(each) for each in kept.features]


def test_a_moved_project_bears_its_new_path(
    repository: ProjectRepository, open_repository: Open, active: Path
) -> None:
    repository.close()
    moved = active.rename(active.with_name("moved"))
    project = open_repository().get(moved)
    assert project.path == str(moved)


VERSIONLESS = {
    "id": "11111111-2222-3333-4444-555555555555",
    "name": "Old",
    "path": "/elsewhere",
    "status": "active",
    "created_at": "2025-01-01T00:00:00",
    "updated_at": "2025-01-02T00:00:00+00:00",
    "metadata": {"team": "a"},
    "unknown_key": {"kept": [1, None]},
    "features": [
        {
            "id": f"aaaaaaaa-0000-0000-0000-{number:012d}",
            "project_id": "11111111-2222-3333-4444-555555555555",
            "prompt": "Add the same thing",
            "status": "designing",
            "current_phase": "design",
            "workflow_type": "default",
            "created_at": "2025-01-01T00:00:00",
            "updated_at": "2025-01-01T00:00:00",
            "artifacts": ["spec.md"],
            "metadata": {"n": number},
            "own": None,
        }
        for number in range(300)
    ],
}


def test_a_versionless_state_file_is_taken_over_without_losing_a_key(root: Path) -> None:
    folder = root / ".cde"
    folder.mkdir()
    original = json.dumps(VERSIONLESS)
    (folder / "state.json").write_text(original)
    for _ in range(2):
        project = FilesystemProjectRepository().get(root)
        assert (project.name, project.status) == ("Old", ProjectStatus.ACTIVE)
        assert project.extra == {"unknown_key": {"kept": [1, None]}}
        assert len(project.features) == 300
        feature = project.feature("aaaaaaaa-0000-0000-0000-000000000007")
        assert feature.extra == {"own": None}
        assert (feature.status, feature.current_phase) == ("designing", "design")
        assert (feature.artifacts, feature.metadata) == (["spec.md"], {"n": 7})
        assert feature.name == "add-the-same-thing-8"
    assert (StateFiles(folder.parent).backups / "state-versionless.json").read_text() == original
    content = json.loads((folder / "state.json").read_text())
    assert content["schema_version"] == 1
    assert content["features"][7]["own"] is None
