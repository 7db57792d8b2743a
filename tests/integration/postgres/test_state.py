"""The past of a project in PostgreSQL, and one project on several machines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import psycopg
import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.adapters.repositories.postgres.repository import PostgresProjectRepository
from cde_orchestrator.domain.exceptions import ProjectError, StateError, ValidationError
from cde_orchestrator.storage.format.journal import Change, encode_record
from cde_orchestrator.storage.retention import Retention
from tests.integration.postgres.conftest import Open

pytestmark = pytest.mark.postgres


def start(repository: PostgresProjectRepository, root: Path, *prompts: str) -> None:
    for prompt in prompts:
        with repository.transaction(root) as project:
            project.start_feature(prompt)


def names(repository: PostgresProjectRepository, root: Path) -> list[str]:
    return [feature.name for feature in repository.get(root).features]


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def checkout(root: Path, place: Path) -> Path:
    """The project as git brings it to another machine."""
    (place / ".cde").mkdir(parents=True)
    shutil.copy(root / ".cde" / "config.toml", place / ".cde" / "config.toml")
    return place


def test_two_checkouts_of_one_repository_are_one_project(
    repository: PostgresProjectRepository, open_repository: Open, root: Path, tmp_path: Path
) -> None:
    other, elsewhere = open_repository(), checkout(root, tmp_path / "elsewhere")
    start(repository, root, "Here")
    start(other, elsewhere, "There")
    start(repository, root, "Here again")
    assert names(other, elsewhere) == ["here", "there", "here-again"]
    assert other.get_or_create(elsewhere).id == repository.get(root).id
    assert other.get(elsewhere).path == str(elsewhere)
    assert repository.get(root).path == str(root)
    assert all("path" not in entry.summary for entry in repository.history(root, 5)[:-1])


def test_a_project_is_saved_from_two_checkouts(
    repository: PostgresProjectRepository, open_repository: Open, root: Path, tmp_path: Path
) -> None:
    other, elsewhere = open_repository(), checkout(root, tmp_path / "elsewhere")
    mine, theirs = repository.get(root), other.get(elsewhere)
    mine.start_feature("Mine")
    theirs.start_feature("Theirs")
    repository.save(mine)
    other.save(theirs)
    assert names(repository, root) == ["mine", "theirs"]


def test_other_projects_in_the_database_are_left_alone(
    repository: PostgresProjectRepository, root: Path, tmp_path: Path
) -> None:
    second = tmp_path / "elsewhere" / "project"
    second.mkdir(parents=True)
    repository.get_or_create(second)
    start(repository, root, "Ours")
    assert names(repository, second) == []
    assert repository.get(second).id != repository.get(root).id


def test_the_key_is_written_above_what_the_settings_hold_already(
    repository: PostgresProjectRepository, tmp_path: Path
) -> None:
    config = tmp_path / ".cde" / "config.toml"
    config.parent.mkdir()
    config.write_text("# ours\nslow_operation_ms = 7\n[agents.own]\ncommand = ['x']\n")
    with pytest.raises(ProjectError):
        repository.get(tmp_path)
    repository.get_or_create(tmp_path)
    first, *rest = config.read_text().splitlines()
    assert first.startswith('state_project = "')
    assert rest == ["# ours", "slow_operation_ms = 7", "[agents.own]", "command = ['x']"]
    assert "!config.toml" in (config.parent / ".gitignore").read_text()


def test_the_past_can_be_seen_and_brought_back(
    repository: PostgresProjectRepository, root: Path
) -> None:
    start(repository, root, "First", "Second")
    with repository.transaction(root) as project:
        project.feature("first").metadata["n"] = 1
    about = repository.history(root, 10, "first")
    assert [entry.sequence for entry in about] == [5, 3, 1]
    assert [entry.sequence for entry in repository.history(root, 2)] == [5, 4]
    assert [entry.sequence for entry in repository.history(root, 10, "first", 3)] == [5]
    sequence, past = repository.state_at(root, 3)
    assert [feature["name"] for feature in past["features"].values()] == ["first"]
    assert repository.restore(root, past, expected_sequence=5) == 6
    assert names(repository, root) == ["first"]
    assert [backup.sequence for backup in repository.backups(root)] == [5]
    kept = repository.backup(root, "state-000000000005.json")
    assert repository.restore(root, kept) == 7
    assert names(repository, root) == ["first", "second"]
    assert repository.verify(root) == []
    assert sequence == 3


@pytest.mark.parametrize("sequence", [0, 9])
def test_what_never_was_is_not_in_the_past(
    repository: PostgresProjectRepository, root: Path, sequence: int
) -> None:
    with pytest.raises(StateError) as caught:
        repository.state_at(root, sequence)
    assert caught.value.code == "E208"
    assert (caught.value.context["oldest"], caught.value.context["newest"]) == (1, 2)


def test_a_restore_of_another_state_than_was_looked_at_is_refused(
    repository: PostgresProjectRepository, root: Path
) -> None:
    _, past = repository.state_at(root, 1)
    with pytest.raises(StateError) as caught:
        repository.restore(root, past, expected_sequence=1)
    assert caught.value.code == "E211"
    with pytest.raises(StateError) as caught:
        repository.backup(root, "state-000000000007.json")
    assert caught.value.code == "E209"


def test_retention_drops_backups_and_the_changes_that_only_they_need(
    open_repository: Open, root: Path
) -> None:
    repository = open_repository(retention=Retention(count=2))
    for number in range(4):
        start(repository, root, f"Number {number}")
        repository.compact(root)
    assert [backup.sequence for backup in repository.backups(root)] == [5, 6]
    assert [entry.sequence for entry in repository.history(root, 9)] == [6]
    assert repository.verify(root) == []
    start(repository, root, "One more")
    assert repository.state_at(root, 7)[1] == repository.state_at(root)[1]
    with pytest.raises(StateError):
        repository.state_at(root, 4)


def test_whole_states_are_kept_as_the_journal_grows(
    repository: PostgresProjectRepository, root: Path
) -> None:
    for number in range(3):
        with repository.transaction(root) as project:
            project.metadata[str(number)] = "x" * 600_000
    assert [backup.sequence for backup in repository.backups(root)] == [4]
    assert repository.verify(root) == []


def test_what_was_altered_by_hand_is_found_and_mended_from_the_history(
    repository: PostgresProjectRepository, open_repository: Open, root: Path, url: str
) -> None:
    start(repository, root, "Kept", "Altered")
    execute(url, "UPDATE cde_feature SET document = '{}' WHERE document->>'name' = 'altered'")
    execute(url, "UPDATE cde_project SET document = '{\"id\": 1}'")
    damaged = {damage.file for damage in repository.verify(root)}
    assert len(damaged) == 2
    with pytest.raises(StateError) as caught:
        open_repository().get(root)
    assert caught.value.code == "E201"
    assert len(repository.repair(root)) == 2
    assert repository.verify(root) == []
    assert names(open_repository(), root) == ["kept", "altered"]


def test_a_change_that_was_altered_by_hand_is_not_followed(
    repository: PostgresProjectRepository, open_repository: Open, root: Path, url: str
) -> None:
    follower = open_repository()
    assert names(follower, root) == []
    start(repository, root, "Stands")
    execute(url, "UPDATE cde_journal SET changes = '[]' WHERE sequence = 3")
    assert names(follower, root) == ["stands"]
    impossible = '[{"op": "remove", "path": "/nothing/there"}]'
    start(repository, root, "Stands too")
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT at, operation, actor, correlation_id, previous FROM cde_journal"
            " WHERE sequence = 4"
        ).fetchone()
        assert row is not None
        at, operation, actor, correlation_id, previous = row
        change = Change(
            at=at,
            operation=operation,
            actor=actor,
            correlation_id=correlation_id,
            changes=json.loads(impossible),
        )
        checksum = encode_record(4, previous, change).checksum
        connection.execute(
            "UPDATE cde_journal SET changes = %s, checksum = %s WHERE sequence = 4",
            [impossible, checksum],
        )
    assert names(follower, root) == ["stands", "stands-too"]


def test_an_altered_or_missing_change_is_found(
    repository: PostgresProjectRepository, root: Path, url: str
) -> None:
    start(repository, root, "First", "Second")
    repository.compact(root)
    execute(url, "UPDATE cde_journal SET actor = 'nobody' WHERE sequence = 2")
    execute(url, "UPDATE cde_checkpoint SET content = 'x'")
    assert [damage.file for damage in repository.verify(root)] == [
        "state-000000000004.json",
        "change 2",
    ]
    execute(url, "DELETE FROM cde_journal WHERE sequence = 2")
    assert "change 3" in {damage.file for damage in repository.verify(root)}
    assert [backup.problem is None for backup in repository.backups(root)] == [False]


def test_a_database_that_was_put_back_is_followed(
    repository: PostgresProjectRepository, root: Path, url: str
) -> None:
    start(repository, root, "Kept", "Lost")
    execute(
        url,
        "DELETE FROM cde_journal WHERE sequence = 4;"
        " DELETE FROM cde_feature WHERE document->>'name' = 'lost';"
        " UPDATE cde_project SET sequence = 3, checksum ="
        " (SELECT checksum FROM cde_journal WHERE sequence = 3)",
    )
    assert names(repository, root) == ["kept"]
    start(repository, root, "Next")
    assert repository.state_at(root)[0] == 4


def test_what_files_hold_is_taken_over_and_a_nul_in_it_survives(
    repository: PostgresProjectRepository, root: Path, tmp_path: Path
) -> None:
    files, folder = FilesystemProjectRepository(), tmp_path / "files"
    folder.mkdir()
    files.get_or_create(folder)
    with files.transaction(folder) as project:
        project.activate()
        project.metadata["odd"] = ["\0", 1.0, 1, "ä"]
        project.start_feature("Moved")
    _, document = files.state_at(folder)
    repository.restore(root, document)
    assert names(repository, root) == ["moved"]
    moved = repository.get(root)
    assert moved.metadata["odd"] == ["\0", 1.0, 1, "ä"]
    assert (moved.id, moved.path) == (document["id"], str(root))
    assert repository.verify(root) == []


def test_without_any_table_there_is_no_past_and_no_project(
    open_repository: Open, tmp_path: Path
) -> None:
    repository = open_repository()
    assert repository.verify(tmp_path) == []
    assert repository.history(tmp_path, 5) == []
    assert repository.backups(tmp_path) == []
    with pytest.raises(ProjectError):
        repository.backup(tmp_path, "state-000000000001.json")


def test_a_url_that_libpq_does_not_take_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValidationError) as caught:
        PostgresProjectRepository("postgresql://cde:hunter%zz@db/cde")
    assert caught.value.code == "E314"
    assert "hunter" not in repr(caught.value.context)
