"""What a real server, a network and other clients do to a change that is under way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cde_orchestrator.adapters.repositories.postgres import session, tables
from cde_orchestrator.adapters.repositories.postgres.repository import PostgresProjectRepository
from cde_orchestrator.adapters.repositories.postgres.session import Connection
from cde_orchestrator.domain.exceptions import (
    BackendUnreachableError,
    CircuitBreakerOpenError,
    ConcurrentChangeError,
    LockTimeoutError,
    ProjectError,
    ReadOnlyModeError,
    StateError,
)
from cde_orchestrator.infrastructure.observability.correlation import calling
from tests.integration.postgres.conftest import Open
from tests.postgres_server import PostgresServer
from tests.soak import SOAK

pytestmark = pytest.mark.postgres

EACH = 25 if SOAK else 10

STARTER = """
import sys
from pathlib import Path
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.bootstrap import build_application
application = build_application(Path(sys.argv[1]))
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    application.handle(StartFeature(prompt="Everybody wants the same"))
application.close()
"""
HOLDER = """
import sys
from cde_orchestrator.adapters.repositories.postgres.repository import PostgresProjectRepository
from cde_orchestrator.adapters.repositories.postgres.session import Connection
with PostgresProjectRepository(sys.argv[2]).transaction(sys.argv[1]) as project:
    project.start_feature("Never acknowledged")
    print("inside", flush=True)
    sys.stdin.read()
"""


def started(*words: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
    )


def names(repository: PostgresProjectRepository, root: Path) -> list[str]:
    return [feature.name for feature in repository.get(root).features]


def start(repository: PostgresProjectRepository, root: Path, prompt: str) -> None:
    with repository.transaction(root) as project:
        project.start_feature(prompt)


@pytest.mark.soak
def test_8_processes_start_features_at_once_and_none_is_refused(
    repository: PostgresProjectRepository, root: Path, url: str
) -> None:
    starters = [started(STARTER, str(root), str(EACH), CDE_STATE_URL=url) for _ in range(8)]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write(b"go\n")
        starter.stdin.flush()
    for starter in starters:
        starter.communicate(timeout=100)
    assert [starter.returncode for starter in starters] == [0] * 8
    features = list(repository.get(root).features)
    assert len(features) == 8 * EACH
    assert len({feature.name for feature in features}) == 8 * EACH
    assert repository.verify(root) == []
    assert repository.state_at(root)[0] == 8 * EACH + 2


def test_many_who_begin_at_once_make_the_tables_and_the_project_once(
    open_repository: Open, tmp_path: Path
) -> None:
    repositories = [open_repository() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda each: each.get_or_create(tmp_path).id, repositories))
    assert len(set(made)) == 1
    assert repositories[0].state_at(tmp_path)[0] == 1


def test_a_change_that_the_database_rolled_back_is_made_again(
    repository: PostgresProjectRepository, root: Path, url: str
) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE tries")
        connection.execute(
            "CREATE FUNCTION first_fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF nextval('tries') < 3 THEN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END IF;"
            " RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER first_fails BEFORE INSERT ON cde_journal"
            " FOR EACH ROW EXECUTE FUNCTION first_fails()"
        )
    start(repository, root, "Third time")
    assert names(repository, root) == ["third-time"]
    assert repository.state_at(root)[0] == 3


def test_a_client_whose_name_holds_a_nul_is_served(
    repository: PostgresProjectRepository, root: Path
) -> None:
    with calling("mcp:odd\0name"):
        start(repository, root, "Served")
    assert repository.history(root, 1)[0].actor == "mcp:oddname"


def test_a_whole_state_that_cannot_be_kept_costs_no_change(
    repository: PostgresProjectRepository, root: Path, url: str
) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE cde_checkpoint ADD CONSTRAINT never CHECK (sequence < 0)")
    with repository.transaction(root) as project:
        project.metadata["large"] = "x" * 1_200_000
    start(repository, root, "Next")
    assert names(repository, root) == ["next"]
    with pytest.raises(StateError) as caught:
        repository.compact(root)
    assert caught.value.code == "E203"


def test_a_client_that_is_killed_in_the_middle_of_a_change_blocks_nobody_and_leaves_nothing(
    repository: PostgresProjectRepository, root: Path, url: str
) -> None:
    holder = started(HOLDER, str(root), url)
    assert holder.stdout is not None
    assert b"inside\n" in iter(holder.stdout.readline, b"")
    holder.send_signal(signal.SIGKILL)
    start(repository, root, "After it")
    assert names(repository, root) == ["after-it"]
    holder.communicate()


def test_a_change_that_stands_still_for_too_long_loses_its_turn_and_is_made_later(
    open_repository: Open, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "IDLE_SECONDS", 0.1)
    slow, quick = open_repository(), open_repository()
    with slow.transaction(root) as project:
        project.start_feature("Slow")
        start(quick, root, "Quick")
    assert names(quick, root) == ["quick", "slow"]


def test_a_project_that_is_removed_from_the_database_is_not_there_any_more(
    repository: PostgresProjectRepository, root: Path, url: str
) -> None:
    project = repository.get(root)
    project.start_feature("Nowhere")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM cde_project")
    with pytest.raises(ProjectError) as caught:
        repository.save(project)
    assert caught.value.code == "E004"
    assert repository.get_or_create(root).id != project.id


def test_a_change_does_not_wait_for_ever_and_names_who_holds_the_project(
    repository: PostgresProjectRepository, open_repository: Open, root: Path
) -> None:
    impatient = open_repository(lock_timeout_seconds=0.05)
    with repository.transaction(root), pytest.raises(LockTimeoutError) as caught:
        start(impatient, root, "Out of turn")
    assert caught.value.code == "E205"
    assert f" {os.getpid()}, " in caught.value.context["holder"]
    start(impatient, root, "In turn")
    assert names(repository, root) == ["in-turn"]


def test_a_restart_of_the_server_between_two_changes_is_not_noticed(
    repository: PostgresProjectRepository, root: Path, server: PostgresServer
) -> None:
    start(repository, root, "Before")
    with server.stopped():
        pass
    assert names(repository, root) == ["before"]
    with server.stopped():
        pass
    start(repository, root, "After")
    assert names(repository, root) == ["before", "after"]


def test_a_change_outlives_a_restart_of_the_server_in_the_middle_of_it(
    repository: PostgresProjectRepository, root: Path, server: PostgresServer
) -> None:
    with repository.transaction(root) as project:
        project.start_feature("Twice begun")
        with server.stopped():
            pass
    assert names(repository, root) == ["twice-begun"]
    assert repository.state_at(root)[0] == 3


def test_a_change_whose_connection_broke_is_made_beside_what_others_did_meanwhile(
    repository: PostgresProjectRepository,
    open_repository: Open,
    root: Path,
    server: PostgresServer,
) -> None:
    with repository.transaction(root) as project:
        project.start_feature("Mine")
        server.terminate_clients()
        start(open_repository(), root, "Theirs")
    assert names(repository, root) == ["theirs", "mine"]
    assert repository.verify(root) == []


def test_a_change_whose_connection_broke_does_not_overwrite_what_others_did_meanwhile(
    repository: PostgresProjectRepository,
    open_repository: Open,
    root: Path,
    server: PostgresServer,
) -> None:
    def contend() -> None:
        with repository.transaction(root) as project:
            project.metadata["by"] = "me"
            server.terminate_clients()
            with open_repository().transaction(root) as other:
                other.metadata["by"] = "them"

    with pytest.raises(ConcurrentChangeError):
        contend()
    assert repository.get(root).metadata == {"by": "them"}


def test_a_connection_that_breaks_just_before_the_commit_acknowledges_nothing_that_is_lost(
    repository: PostgresProjectRepository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = tables.append
    broken: list[Connection] = []

    def breaking(connection: Connection, *rest: Any) -> None:
        append(connection, *rest)
        if not broken:
            broken.append(connection)
            connection.close()

    monkeypatch.setattr(tables, "append", breaking)
    start(repository, root, "Made again")
    assert repository.verify(root) == []
    assert names(repository, root) == ["made-again"]
    assert repository.history(root, 1)[0].sequence == 3


@pytest.mark.parametrize("made", [True, False])
def test_a_commit_whose_answer_is_lost_is_applied_once(
    made: bool,
    repository: PostgresProjectRepository,
    root: Path,
    server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit = tables.commit
    lost: list[bool] = []

    def losing(connection: Connection) -> None:
        if lost:
            commit(connection)
            return
        lost.append(True)
        if made:
            commit(connection)
        server.terminate_clients()
        connection.execute("SELECT 1")

    monkeypatch.setattr(tables, "commit", losing)
    start(repository, root, "Once")
    assert names(repository, root) == ["once"]
    assert repository.state_at(root)[0] == 3
    assert repository.verify(root) == []


def test_a_commit_whose_answer_is_lost_with_the_server_is_not_confirmed(
    repository: PostgresProjectRepository,
    root: Path,
    server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def vanish(connection: Connection) -> None:
        server.stop()
        connection.execute("SELECT 1")

    monkeypatch.setattr(tables, "commit", vanish)
    try:
        with pytest.raises(StateError) as caught:
            start(repository, root, "Perhaps")
    finally:
        server.start()
    assert caught.value.code == "E216"


def test_a_commit_whose_connection_still_holds_the_lock_is_not_confirmed(
    repository: PostgresProjectRepository,
    root: Path,
    server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lose(connection: Connection) -> None:
        monkeypatch.setattr(tables, "begin", refuse)
        server.terminate_clients()
        connection.execute("SELECT 1")

    def refuse(*_: object) -> None:
        raise psycopg.errors.LockNotAvailable

    monkeypatch.setattr(tables, "commit", lose)
    with pytest.raises(StateError) as caught:
        start(repository, root, "Perhaps")
    assert caught.value.code == "E216"


def test_terminated_again_and_again_every_change_is_made_once(
    repository: PostgresProjectRepository, root: Path, server: PostgresServer
) -> None:
    done = threading.Event()

    def terminate() -> None:
        for _ in range(20):  # for less time than a broken connection is mended in
            server.terminate_clients()
            if done.wait(0.03):
                break

    killer = threading.Thread(target=terminate)
    killer.start()
    try:
        for number in range(40):
            start(repository, root, f"Number {number}")
    finally:
        done.set()
        killer.join()
    assert names(repository, root) == [f"number-{number}" for number in range(40)]
    assert repository.state_at(root)[0] == 42
    assert repository.verify(root) == []


def test_a_server_that_is_gone_is_told_and_left_alone_after_five_tries(
    repository: PostgresProjectRepository, root: Path, server: PostgresServer
) -> None:
    with server.stopped():
        for _ in range(5):
            with pytest.raises(BackendUnreachableError) as caught:
                repository.get(root)
        assert caught.value.code == "E217"
        with pytest.raises(CircuitBreakerOpenError):
            repository.get(root)


def test_a_wrong_host_or_database_is_told_at_once(
    open_repository: Open, root: Path, url: str
) -> None:
    for wrong in ("postgresql://nobody.invalid/nothing", url.replace("/postgres?", "/nothing?")):
        with pytest.raises(BackendUnreachableError) as caught:
            open_repository(url=wrong).get(root)
        assert "nothing" in caught.value.context["where"]


def test_a_database_that_takes_no_changes_is_read(
    repository: PostgresProjectRepository, open_repository: Open, root: Path, url: str
) -> None:
    start(repository, root, "Readable")
    standby = open_repository(
        url=url.replace("options=", "options=-cdefault_transaction_read_only%3Don%20")
    )
    project = standby.get(root)
    assert project.read_only
    assert [feature.name for feature in project.features] == ["readable"]
    with pytest.raises(ReadOnlyModeError):
        start(standby, root, "Refused")
    with pytest.raises(ReadOnlyModeError):
        standby.save(project, force=True)
    assert names(repository, root) == ["readable"]


def test_a_user_who_may_only_read_reads_until_they_may_write(
    repository: PostgresProjectRepository,
    open_repository: Open,
    root: Path,
    url: str,
    server: PostgresServer,
) -> None:
    schema = url.rpartition("%3D")[2]
    server.execute(f"CREATE ROLE reader_{schema} LOGIN")
    server.execute(f"GRANT USAGE ON SCHEMA {schema} TO reader_{schema}")
    server.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader_{schema}")
    reader = open_repository(url=url.replace("postgres:@", f"reader_{schema}:@"))
    assert reader.get(root).read_only
    with pytest.raises(ReadOnlyModeError):
        start(reader, root, "Refused")
    server.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO reader_{schema}")
    assert not reader.get(root).read_only
    start(reader, root, "Allowed")
    assert names(repository, root) == ["allowed"]


def test_a_full_disk_refuses_changes_until_a_probe_succeeds(
    open_repository: Open, root: Path, url: str, server: PostgresServer
) -> None:
    now = [0.0]
    repository = open_repository(monotonic=lambda: now[0])
    schema = url.rpartition("%3D")[2]
    server.execute(
        f"CREATE FUNCTION {schema}.full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
    )
    for table in ("cde_journal", "cde_schema"):
        server.execute(
            f"CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {schema}.{table}"
            f" EXECUTE FUNCTION {schema}.full_disk()"
        )
    with pytest.raises(StateError) as caught:
        start(repository, root, "Too much")
    assert caught.value.code == "E204"
    assert "?" not in caught.value.message
    assert repository.get(root).read_only
    with pytest.raises(ReadOnlyModeError):
        start(repository, root, "Still too much")
    now[0] = 6.0
    assert repository.get(root).read_only
    for table in ("cde_journal", "cde_schema"):
        server.execute(f"DROP TRIGGER full_disk ON {schema}.{table}")
    assert repository.get(root).read_only
    now[0] = 12.0
    assert not repository.get(root).read_only
    start(repository, root, "Fits")
    assert names(repository, root) == ["fits"]


def test_tables_of_a_newer_release_are_read_and_not_changed(
    repository: PostgresProjectRepository, root: Path, url: str
) -> None:
    start(repository, root, "Readable")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE cde_schema SET version = 99")
    assert names(repository, root) == ["readable"]
    with pytest.raises(ReadOnlyModeError):
        start(repository, root, "Refused")
    with pytest.raises(ReadOnlyModeError):
        repository.compact(root)
    assert repository.repair(root) == []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE cde_project RENAME COLUMN sequence TO number")
    with pytest.raises(StateError) as caught:
        repository.get(root)
    assert caught.value.code == "E202"
