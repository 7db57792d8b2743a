"""How much a person types for what is done every day, as far as possible on one feature.

``then`` is what the same took before commands asked for what is missing, and meant the only open
feature where none is named. A quoted text is one word, and so is an answer.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.cli.commands import answer, environment
from tests.integration.cli.test_few_words import ONE_PHASE
from tests.integration.cli.test_finish import offer
from tests.repository import git, name_author
from tests.terminal import of_a_person, terminal


@dataclass(frozen=True, slots=True)
class Task:
    """Something that a person does.

    Attributes:
        then: the commands that it took, one a line.
        now: the command that it takes.
        answers: what is typed after each question.
        shows: what the command says in the end.
    """

    then: str
    now: str
    shows: str
    answers: tuple[tuple[str, str], ...] = ()

    @property
    def words_then(self) -> int:
        """Words that were typed."""
        return len(shlex.split(self.then))

    @property
    def words_now(self) -> int:
        """Words that are typed."""
        return len(shlex.split(self.now)) + len(self.answers)


TASKS = (
    Task("cde workflow list", "cde workflow", "short"),
    Task("cde agents list", "cde agents", "claude"),
    Task("cde errors list", "cde errors", "No error reports"),
    Task("cde project info", "cde project", "active"),
    Task("cde state history", "cde state", "login started"),
    Task("cde submit --help", "cde help submit", "Submit the current phase's outputs"),
    Task("cde status --project .", "cde -C . status", "login"),
    Task("cde resume login", "cde next", "Feature login"),
    Task("cde save login 'Form done'", "cde save 'Form done'", "Saved"),
    Task("cde state show --at 2", "cde state show 2", "after change 2"),
    Task(
        "cde close login cancelled --reason Reworded\ncde start 'Add a page to log in'",
        "cde edit --goal 'Add a page to log in'",
        "login",
    ),
    Task("cde list | grep login", "cde list login", "Add a page to log in"),
    Task(
        "cde rollback login write --reason 'Wrong database'",
        "cde rollback",
        "is back in write",
        (("Phase to start again (write): ", "write"), ("Reason: ", "Wrong database")),
    ),
    Task(
        "cde close login cancelled --reason 'Not wanted'",
        "cde close",
        "login is cancelled",
        (("Reason: ", "Not wanted"),),
    ),
    Task(
        "cde rollback login write --reason Wanted",
        "cde reopen login",
        "is back in write",
        (("Reason: ", "Wanted"),),
    ),
    Task("cde submit login write", "cde submit", "login is completed"),
    Task(
        "git add notes\ngit commit -m 'Add a page to log in'\n"
        "git push --set-upstream origin work\ngh pr create --fill",
        "cde finish",
        "https://example.com/pull/1",
        (("Commit this?", "y"), ("open a pull request?", "y")),
    ),
)


@pytest.fixture
def person(project: Path) -> dict[str, str]:
    """The environment of a person who has an open feature, a remote and ``gh``."""
    git(project, "init", "--quiet", "--initial-branch=work")
    (project / ".cde" / "workflow.yml").write_text(ONE_PHASE)
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=Begin")
    name_author(project)
    answer("start", "Add a login page", "--name", "login", "--no-baseline", cwd=project)
    return of_a_person(environment(**offer(project, os.environ["PATH"])))


def said(task: Task, project: Path, person: dict[str, str]) -> str:
    """All that the task's command says to a person."""
    _, *words = shlex.split(task.now)
    with terminal(*words, cwd=project, environment=person) as screen:
        for question, typed in task.answers:
            screen.read_until(question)
            screen.type(typed)
        shown = screen.end()
    assert screen.code == 0, shown
    return shown


def test_what_is_done_every_day_takes_few_words(project: Path, person: dict[str, str]) -> None:
    (project / "notes").mkdir()
    for task in TASKS:
        (project / "notes" / "login.md").write_text("It is done.\n")  # a rollback removes it
        assert task.shows in " ".join(said(task, project, person).split()), task.now
        assert task.words_now <= task.words_then

    assert sum(task.words_then for task in TASKS) == 86
    assert sum(task.words_now for task in TASKS) == 50
