"""A completed feature is committed with the person's own git, and offered for review."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.commands import answer, cde, environment, refused
from tests.integration.proving.test_walk_of_a_feature import CHANGED, TESTS, TRUTH, Bench
from tests.programs import program
from tests.repository import git, name_author
from tests.terminal import of_a_person, terminal

WORKFLOW = """\
version: 1
proof: recorded
workflows:
  brief:
    phases:
      - id: write
        prompt: docs/write.md
        outputs: [{id: note, path: "notes/{feature}.md"}]
      - {id: build, prompt: docs/write.md, changes: required}
      - id: check
        prompt: docs/write.md
        outputs: [{id: verdict, path: "notes/{feature}-verdict.md", verdict: [approved]}]
"""
ONE_PHASE = """\
version: 1
workflows:
  brief:
    phases:
      - id: write
        prompt: docs/write.md
        outputs: [{id: note, path: "notes/{feature}.md"}]
"""
GH = """\
#!/bin/sh
printf '%s\\n' "$@" > "$GH_LOG"
cat >> "$GH_LOG"
if [ -n "$GH_FAILS" ]; then echo "not signed in" >&2; exit 4; fi
echo https://example.com/pull/1
"""
GOAL = "Add a login page [skip ci]\n\nIt fixes #3 for @team."
FILES = ["new.py", "notes/login-verdict.md", "notes/login.md", "shop.py"]


class Shop:
    """A repository with a feature that is completed and not committed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        git(root, "init", "--quiet", "--initial-branch=work")
        (root / "shop.py").write_text("x = 1\n")
        (root / "old.py").write_text("y = 1\n")
        (root / ".cde").mkdir()
        (root / ".cde" / "workflow.yml").write_text(WORKFLOW)
        answer("init", cwd=root)
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message=Begin")
        name_author(root)

    def complete(self, name: str = "login", goal: str = GOAL, **files: str) -> None:
        """Take a feature through its phases, with these files, ``_py`` for ``.py``."""
        answer("start", goal, "--name", name, "--no-baseline", cwd=self.root)
        answer("submit", name, "--output", f"note={self.given('Words')}", cwd=self.root)
        for path, text in (files or {"shop_py": "x = 2\n", "new_py": "z = 1\n"}).items():
            (self.root / path.replace("_", ".")).write_text(text)
        answer("submit", name, cwd=self.root)
        verdict = self.given("Verdict: approved")
        answer("submit", name, "--output", f"verdict={verdict}", cwd=self.root)

    def given(self, text: str) -> Path:
        """A file outside the project with a text."""
        path = self.root.parent / "given.md"
        path.write_text(f"{text}\n")
        return path

    def hook(self, name: str, text: str) -> None:
        """Set up a hook of the repository."""
        path = self.root / ".git" / "hooks" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def finish(self, *words: str) -> dict[str, Any]:
        """The reply to ``cde finish login`` without a question."""
        return answer("finish", "login", "--yes", *words, cwd=self.root)

    def refusal(self, *words: str) -> str:
        """Why it is refused, by E157, after which nothing is other than before."""
        before = self.state()
        error = refused("finish", "login", "--yes", *words, cwd=self.root)
        assert error["code"] == "E157"
        assert self.state() == before
        return str(error["message"])

    def state(self) -> tuple[str, str, str]:
        """The commit, the index and the files."""
        status = git(self.root, "status", "--porcelain", "--untracked-files=all")
        return git(self.root, "rev-parse", "HEAD"), git(self.root, "ls-files", "--stage"), status

    def committed(self) -> list[str]:
        """The files of the last commit."""
        names = git(self.root, "show", "--name-only", "--format=", "HEAD")
        return sorted(names.splitlines())


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


@pytest.fixture
def completed(shop: Shop) -> Shop:
    shop.complete()
    (shop.root / "mine.txt").write_text("Not of the feature.\n")
    (shop.root / "old.py").write_text("y = 2\n")
    return shop


def test_exactly_the_files_of_the_feature_are_committed(completed: Shop) -> None:
    reply = completed.finish()

    assert completed.committed() == reply["files"] == FILES
    assert reply["left"] == ["mine.txt", "old.py"]
    assert (reply["branch"], reply["is_whole"]) == ("work", True)
    assert reply["commit"] == git(completed.root, "rev-parse", "HEAD")
    assert git(completed.root, "status", "--porcelain") == "M old.py\n?? mine.txt"
    status = answer("status", "login", "--full", cwd=completed.root)
    assert status["events"][-1]["commit"] == reply["commit"]
    commit = {"commit": reply["commit"], "branch": "work"}
    (row,) = answer("list", cwd=completed.root)["features"]
    assert status["committed"] == row["committed"] == commit
    words = f"committed {reply['commit'][:7]} on work"
    listed = cde("list", cwd=completed.root).stdout
    assert f"completed, unproven, {words}" in " ".join(listed.split())
    ended = " ".join(cde("status", "login", cwd=completed.root).stdout.split())
    assert f"It is {words}; " in ended
    assert "a person commits" not in ended

    answer("reopen", "login", "--reason", "Taxes are wrong", cwd=completed.root)
    (row,) = answer("list", cwd=completed.root)["features"]
    assert "committed" not in row
    verdict = completed.given("Verdict: approved")
    answer("submit", "login", "--output", f"verdict={verdict}", cwd=completed.root)
    (row,) = answer("list", cwd=completed.root)["features"]
    assert (row["status"], "committed" in row) == ("completed", False)


def test_the_message_is_of_the_goal_and_the_review_and_directs_nobody(completed: Shop) -> None:
    completed.finish()

    assert git(completed.root, "log", "-1", "--format=%B") == (
        "Add a login page (skip ci)\n\nProof: unproven\n"
        "Review: approved (notes/login-verdict.md)\nFeature: login"
    )
    assert git(completed.root, "log", "-1", "--format=%an") == "Ann"


def test_a_message_can_be_given(completed: Shop) -> None:
    completed.finish("--message", "Add login\n\nIt fixes #3.\n")

    assert git(completed.root, "log", "-1", "--format=%B") == "Add login\n\nIt fixes #3."


def test_a_second_run_says_that_it_is_committed(completed: Shop) -> None:
    first = completed.finish()
    again = completed.finish()

    assert (again["commit"], again["repeated"], again["files"]) == (first["commit"], True, [])
    assert "was committed before" in cde("finish", "login", cwd=completed.root).stdout


def test_what_was_deleted_is_committed_as_deleted(shop: Shop) -> None:
    (shop.root / "gone.py").write_text("g = 1\n")
    git(shop.root, "add", "gone.py")
    git(shop.root, "commit", "--quiet", "--message=More")
    answer("start", GOAL, "--name", "login", "--no-baseline", cwd=shop.root)
    answer("submit", "login", "--output", f"note={shop.given('Words')}", cwd=shop.root)
    (shop.root / "gone.py").unlink()
    answer("submit", "login", cwd=shop.root)
    answer(
        *("submit", "login", "--output", f"verdict={shop.given('Verdict: approved')}"),
        cwd=shop.root,
    )

    assert "gone.py" in shop.finish()["files"]
    assert "gone.py" not in git(shop.root, "ls-files")


def test_the_hooks_of_the_person_run(completed: Shop) -> None:
    completed.hook("pre-commit", "git diff --cached --name-only > ../seen")
    completed.hook("commit-msg", 'echo "Checked: yes" >> "$1"')
    completed.finish()

    assert (completed.root.parent / "seen").read_text().split() == FILES
    assert git(completed.root, "log", "-1", "--format=%B").endswith("Checked: yes")


def test_a_hook_that_refuses_leaves_everything_as_it_was_and_is_heard(completed: Shop) -> None:
    completed.hook("pre-commit", "echo 'a line is too long' >&2; exit 1")

    assert "refused it" in completed.refusal()
    said = cde("finish", "login", "--yes", cwd=completed.root)
    assert "a line is too long" in said.stderr
    completed.hook("pre-commit", "exit 0")
    assert completed.committed() != FILES
    completed.finish()
    assert completed.committed() == FILES


def test_nothing_is_committed_where_nobody_was_asked(completed: Shop) -> None:
    before = completed.state()
    done = cde("finish", "login", cwd=completed.root)
    shown = cde("finish", "login", "--dry-run", cwd=completed.root)

    assert done.returncode == 2
    assert "there is no terminal to ask in" in done.stderr
    assert "  new.py\n" in shown.stdout
    assert "Add a login page (skip ci)" in shown.stdout
    assert "Not committed: mine.txt, old.py" in shown.stdout
    assert completed.state() == before


def test_a_feature_that_is_not_completed_is_refused(shop: Shop) -> None:
    answer("start", GOAL, "--name", "login", "--no-baseline", cwd=shop.root)

    assert "it is not completed: it is in progress, in phase write" in shop.refusal()


def test_a_detached_head_is_refused(completed: Shop) -> None:
    git(completed.root, "checkout", "--quiet", "--detach")

    refusal = completed.refusal()
    assert "no branch is checked out" in refusal
    assert "git switch --create login" in refusal


def test_another_branch_than_the_feature_s_is_refused(shop: Shop) -> None:
    path = shop.root / ".cde" / "workflow.yml"
    path.write_text(WORKFLOW.replace("  brief:\n", "  brief:\n    branch: true\n"))
    git(shop.root, "commit", "--quiet", "--all", "--message=Branches")
    shop.complete()
    git(shop.root, "switch", "--quiet", "--create", "other")

    assert "git switch feature/login" in shop.refusal()
    git(shop.root, "switch", "--quiet", "--detach")
    refusal = shop.refusal()
    assert "no branch is checked out" in refusal
    assert "git switch feature/login" in refusal
    git(shop.root, "switch", "--quiet", "feature/login")
    assert shop.finish()["branch"] == "feature/login"


def test_a_merge_that_is_under_way_is_refused(completed: Shop) -> None:
    git(completed.root, "checkout", "--quiet", "--", "old.py")
    git(completed.root, "branch", "side")
    git(completed.root, "worktree", "add", "--quiet", "../side", "side")
    side = completed.root.parent / "side"
    (side / "side.txt").write_text("s\n")
    git(side, "add", "--all")
    git(side, "commit", "--quiet", "--message=Side")
    git(completed.root, "merge", "--quiet", "--no-commit", "--no-ff", "side")

    assert "a merge is under way" in completed.refusal()


def test_other_files_that_are_staged_are_refused(completed: Shop) -> None:
    git(completed.root, "add", "mine.txt")

    assert "other files are staged: mine.txt" in completed.refusal()
    assert "mine.txt" in completed.finish("mine.txt")["files"]


def test_a_file_that_another_feature_changed_too_is_committed_only_if_it_is_named(
    shop: Shop,
) -> None:
    shop.complete()
    shop.complete("prices", "Show prices", shop_py="x = 3\n")

    assert "shop.py changed for other features too (prices)" in shop.refusal()
    assert "shop.py" in shop.finish("shop.py")["files"]
    other = answer("finish", "prices", "--yes", cwd=shop.root)
    assert other["files"] == ["notes/prices-verdict.md", "notes/prices.md"]


def test_a_feature_that_was_reopened_has_its_files_to_itself_until_it_is_committed_again(
    completed: Shop,
) -> None:
    completed.finish()
    completed.complete("prices", "Show prices", shop_py="x = 3\n")
    answer("reopen", "login", "--reason", "Taxes are wrong", cwd=completed.root)
    verdict = completed.given("Verdict: approved")
    answer("submit", "login", "--output", f"verdict={verdict}", cwd=completed.root)

    error = refused("finish", "prices", "--yes", cwd=completed.root)
    assert "shop.py changed for other features too (login)" in error["message"]


def test_a_path_with_nothing_to_commit_is_refused(completed: Shop) -> None:
    assert "nothing is to be committed of mine.tx" in completed.refusal("mine.tx")
    below = completed.root / "notes"
    reply = answer("finish", "login", "--yes", "../mine.txt", cwd=below)
    assert reply["files"] == ["mine.txt", *FILES]


def test_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "plain"
    (root / ".cde").mkdir(parents=True)
    (root / ".cde" / "workflow.yml").write_text(ONE_PHASE)
    (root / "given.md").write_text("Words\n")
    answer("init", cwd=root)
    answer("start", GOAL, "--name", "login", "--no-baseline", cwd=root)
    answer("submit", "login", "--output", "note=given.md", cwd=root)

    assert refused("finish", "login", "--yes", cwd=root)["code"] == "E922"


def set_up_gh(tools: Path) -> None:
    """A ``gh`` that writes down what it is given."""
    (tools / "gh").write_text(GH)
    (tools / "gh").chmod(0o755)


def offer(root: Path, path: str) -> dict[str, str]:
    """A remote for the repository, and a ``gh`` before what is on ``PATH``; both as variables."""
    tools = root.parent / "tools"
    tools.mkdir()
    set_up_gh(tools)
    git(root.parent, "init", "--quiet", "--bare", "there.git")
    git(root, "remote", "add", "origin", "../there.git")
    return {"PATH": f"{tools}{os.pathsep}{path}", "GH_LOG": str(root.parent / "gh.log")}


@pytest.fixture
def offered(completed: Shop) -> dict[str, str]:
    """The environment with a remote for the repository, and a ``gh``."""
    return environment(**offer(completed.root, os.environ["PATH"]))


def asked(shop: Shop, answers: dict[str, str], offered: dict[str, str]) -> str:
    """All that is said at a terminal on which a person answers."""
    with terminal("finish", "login", cwd=shop.root, environment=of_a_person(offered)) as screen:
        for question, words in answers.items():
            screen.read_until(question)
            screen.type(words)
        return screen.end()


def test_a_person_is_shown_what_is_committed_and_asked(
    completed: Shop, offered: dict[str, str]
) -> None:
    before = completed.state()
    said = asked(completed, {"Commit this?": "n"}, offered)

    assert "On the branch work:\n  new.py\n" in said
    assert said.endswith("Nothing was committed.\n")
    assert completed.state() == before


def test_who_does_not_want_the_commit_ends_as_who_approves_nothing(
    completed: Shop, offered: dict[str, str]
) -> None:
    with terminal("finish", "login", cwd=completed.root, environment=of_a_person(offered)) as it:
        it.read_until("Commit this?")
        it.type("n")
        it.end()

    assert it.code == 1


def test_the_files_of_the_project_are_committed_with_the_first_feature(shop: Shop) -> None:
    git(shop.root, "rm", "-r", "--quiet", "--cached", ".cde")
    git(shop.root, "commit", "--quiet", "--message=Without")
    shop.complete()
    shown = cde("finish", "login", "--dry-run", cwd=shop.root).stdout
    reply = shop.finish()

    own = [".cde/.gitignore", ".cde/workflow.yml"]
    assert "go by .cde/.gitignore, .cde/workflow.yml; git does not have that yet" in shown
    assert reply["own"] == own
    assert shop.committed() == reply["files"] == [*own, *FILES]
    assert git(shop.root, "status", "--porcelain") == ""
    again = shop.finish()
    assert (again["repeated"], again["own"]) == (True, [])


def test_a_change_of_the_project_s_files_is_no_part_of_a_feature(shop: Shop) -> None:
    shop.complete()
    path = shop.root / ".cde" / "workflow.yml"
    path.write_text(f"{path.read_text()}# More\n")
    (shop.root / ".cde" / "prompts").mkdir()
    (shop.root / ".cde" / "prompts" / "own.md").write_text("Do it.\n")
    reply = shop.finish()

    assert reply["left"] == [".cde/workflow.yml"]
    assert reply["own"] == [".cde/prompts/own.md"]


def test_the_state_is_not_committed_where_no_list_of_git_keeps_it_out(shop: Shop) -> None:
    shop.complete()
    (shop.root / ".cde" / ".gitignore").write_text("")
    (shop.root / ".git" / "info" / "exclude").unlink()
    reply = shop.finish()

    assert (reply["own"], shop.committed()) == ([], FILES)
    assert ".cde/journal.jsonl" in reply["left"]


def test_what_an_attempt_left_is_named_as_kept_aside_and_not_committed(shop: Shop) -> None:
    answer("start", GOAL, "--name", "login", "--no-baseline", cwd=shop.root)
    answer("submit", "login", "--output", f"note={shop.given('No words')}", cwd=shop.root)
    back = answer("rollback", "login", "write", "--reason", "More", cwd=shop.root)
    copy = "notes/login.md.attempt-1"

    assert [row["kept_as"] for row in back["files"]] == [copy]
    answer("submit", "login", "--output", f"note={shop.given('Words')}", cwd=shop.root)
    (shop.root / "shop.py").write_text("x = 2\n")
    answer("submit", "login", cwd=shop.root)
    answer(
        *("submit", "login", "--output", f"verdict={shop.given('Verdict: approved')}"),
        cwd=shop.root,
    )
    shown = cde("finish", "login", "--dry-run", cwd=shop.root).stdout
    assert f"\nKept aside: {copy}\n" in shown
    assert "Not committed" not in shown
    reply = shop.finish()
    assert (reply["left"], reply["aside"]) == ([copy], [copy])
    assert copy not in shop.committed()
    assert (shop.root / copy).read_text() == "No words\n"


@pytest.mark.parametrize(
    "path", ["login.attempt-limit.py", "a.attempt-1/a.py", "notes/login.md.attempt-1x.py"]
)
def test_no_source_file_is_hidden_by_a_name_like_that_of_a_copy(shop: Shop, path: str) -> None:
    (shop.root / path).parent.mkdir(exist_ok=True)
    answer("start", GOAL, "--name", "login", "--no-baseline", cwd=shop.root)
    answer("submit", "login", "--output", f"note={shop.given('Words')}", cwd=shop.root)
    (shop.root / path).write_text("import os\n")
    answer("submit", "login", cwd=shop.root)
    verdict = shop.given("Verdict: approved")
    answer("submit", "login", "--output", f"verdict={verdict}", cwd=shop.root)

    assert git(shop.root, "ls-files", "--others", "--exclude-standard", "--", path) == path
    shop.finish()
    assert path in shop.committed()


def test_settings_are_committed_only_where_they_are_named(shop: Shop) -> None:
    git(shop.root, "rm", "-r", "--quiet", "--cached", ".cde")
    git(shop.root, "commit", "--quiet", "--message=Without")
    shop.complete()
    (shop.root / ".cde" / ".gitignore").write_text("")
    (shop.root / ".git" / "info" / "exclude").unlink()
    secret = [".cde/config.toml", ".cde/config.toml.bak", ".cde/workflow.yml.bak"]
    for path in secret:
        (shop.root / path).write_text("# a secret\n")
    said = cde("finish", "login", "--yes", cwd=shop.root).stdout

    committed = shop.committed()
    assert [each for each in secret if each in committed] == []
    assert "go by .cde/.gitignore, .cde/workflow.yml; the commit has that, too" in said
    assert all(path in said for path in secret)
    shop.finish(".cde/config.toml")
    assert shop.committed() == [".cde/config.toml"]


def test_nothing_is_pushed_without_a_yes(completed: Shop, offered: dict[str, str]) -> None:
    answers = {"Commit this?": "y", "Push work to origin and open a pull request?": "n"}
    said = asked(completed, answers, offered)

    assert "$ git push --set-upstream origin work\n" in said
    assert "cde report login | gh pr create --head work" in said
    assert git(completed.root.parent / "there.git", "branch", "--list") == ""
    assert not (completed.root.parent / "gh.log").exists()


def test_a_branch_that_is_pushed_is_not_to_be_pushed_again(
    completed: Shop, offered: dict[str, str]
) -> None:
    assert not completed.finish()["is_pushed"]
    git(completed.root, "push", "--quiet", "--set-upstream", "origin", "work")
    assert completed.finish()["is_pushed"]
    said = asked(completed, {"Open a pull request?": "n"}, offered)
    assert "work is pushed to origin already, as far as git knows" in said
    assert "git push" not in said
    assert "cde report login | gh pr create --head work" in said

    git(completed.root, "commit", "--quiet", "--allow-empty", "--message", "More")
    said = asked(completed, {"Push work to origin and open a pull request?": "n"}, offered)
    assert "$ git push --set-upstream origin work\n" in said


def test_what_is_pushed_to_where_others_are_merged_into_is_done(
    completed: Shop, offered: dict[str, str]
) -> None:
    git(completed.root, "branch", "--move", "main")
    completed.finish()
    git(completed.root, "push", "--quiet", "origin", "main")
    said = asked(completed, {}, offered)
    assert "main is pushed to origin already, as far as git knows" in said
    assert "git switch" not in said
    assert "gh pr create" not in said


def test_a_pull_request_has_the_report(completed: Shop, offered: dict[str, str]) -> None:
    answers = {"Commit this?": "y", "Push work to origin and open a pull request?": "y"}
    said = asked(completed, answers, offered)

    assert "The pull request: https://example.com/pull/1" in said
    heads = git(completed.root.parent / "there.git", "rev-parse", "work")
    assert heads == git(completed.root, "rev-parse", "HEAD")
    log = (completed.root.parent / "gh.log").read_text()
    assert log.startswith("pr\ncreate\n--head\nwork\n--title\nAdd a login page (skip ci)\n")
    assert "**login** is completed" in log
    assert "@team" not in log


@pytest.mark.slow
def test_a_pull_request_has_the_criteria_and_what_proves_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "project", tmp_path / "home")
    bench.start()
    bench.write("cart.py", CHANGED)
    bench.write("test_cart.py", TESTS + TRUTH)
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_discount\n")
    bench.write("specs/discount/review.md", "Good.\n")
    for phase in ("build", "test", "review"):
        assert bench.code("submit", "discount", phase) == ""
    bench.environment |= offer(bench.root, bench.environment["PATH"])
    git(bench.root, "checkout", "-qb", "work")
    name_author(bench.root)

    assert bench.cde("finish", "discount", "--yes", "--pr")["pull_request"]

    words, _, body = (tmp_path / "gh.log").read_text().partition("--body-file\n-\n")
    assert "--title\nDiscounts\n" in words
    (row,) = [line for line in body.splitlines() if "**AC1**" in line]
    assert "10 percent of 100 leave 90" in row
    assert "`test_cart.py::test_discount`" in body
    assert "cart.py" in body
    assert body == bench.said("report", "discount")
    assert git(bench.root, "log", "-1", "--format=%b").startswith(
        "Acceptance criteria:\n- AC1 (shown): 10 percent of 100 leave 90\n\nProof: proven\n"
    )


def run(shop: Shop, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return cde("finish", "login", "--yes", "--json", *words, cwd=shop.root, **env)


def test_a_script_pushes_only_where_it_says_so(completed: Shop, offered: dict[str, str]) -> None:
    keys = {key: offered[key] for key in ("PATH", "GH_LOG")}

    assert json.loads(run(completed, **keys).stdout)["pull_request"] is None
    assert git(completed.root.parent / "there.git", "branch", "--list") == ""
    failed = json.loads(run(completed, "--pr", **keys, GH_FAILS="1").stdout)["error"]
    assert (failed["code"], failed["context"]["tail"]) == ("E158", ["not signed in"])
    opened = json.loads(run(completed, "--pr", **keys).stdout)["pull_request"]
    assert opened["address"] == "https://example.com/pull/1"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("branch", "--move", "main"), "make another one"),
        (("remote", "remove", "origin"), "git knows no remote"),
        (("remote", "set-url", "origin", "../nowhere.git"), "git refused to push"),
        (("checkout", "--detach"), "no branch is checked out"),
    ],
)
def test_what_cannot_be_offered_says_why(
    completed: Shop, offered: dict[str, str], words: tuple[str, ...], reason: str
) -> None:
    completed.finish()
    git(completed.root, *words)
    keys = {key: offered[key] for key in ("PATH", "GH_LOG")}

    error = json.loads(run(completed, "--pr", **keys).stdout)["error"]
    assert error["code"] == "E158"
    assert reason in error["message"]


@pytest.fixture
def without_gh(completed: Shop, offered: dict[str, str]) -> dict[str, str]:
    """The environment with the remote, and with git as the only program."""
    tools = completed.root.parent / "tools"
    (tools / "gh").unlink()
    (tools / "git").symlink_to(program("git"))
    return offered | {"PATH": str(tools)}


def test_nobody_is_told_to_push_to_the_branch_that_others_are_merged_into(
    completed: Shop, offered: dict[str, str]
) -> None:
    git(completed.root, "branch", "--move", "main")
    said = asked(completed, {"Commit this?": "y"}, offered)

    before, _, after = said.partition("Commit this?")
    assert said.count("the branch that others are merged into") == 1
    assert "$ git switch --create login\n" in before
    assert "$ git switch --create login\n" in after
    assert "$ git push --set-upstream origin login\n" in after
    assert "cde report login | gh pr create --head login" in after
    assert "origin main" not in said


def test_without_gh_a_person_is_told_how_to_open_it_by_hand(
    completed: Shop, without_gh: dict[str, str]
) -> None:
    said = asked(completed, {"Commit this?": "y"}, without_gh)

    assert "Push work to" not in said
    assert completed.committed() == FILES
    assert git(completed.root.parent / "there.git", "branch", "--list") == ""
    assert "$ git push --set-upstream origin work\n" in said
    assert "$ cde report login\n" in said
    assert "gh pr create" not in said
    assert "gh is not on PATH" in said


def test_without_gh_the_commit_stays_nothing_is_pushed_and_it_can_be_tried_again(
    completed: Shop, without_gh: dict[str, str]
) -> None:
    error = json.loads(run(completed, "--pr", PATH=without_gh["PATH"]).stdout)["error"]

    assert error["code"] == "E158"
    assert "gh is not on PATH" in error["message"]
    assert "install it" in error["message"]
    assert completed.committed() == FILES
    before = completed.state()
    assert git(completed.root.parent / "there.git", "branch", "--list") == ""

    set_up_gh(Path(without_gh["PATH"]))
    path = f"{without_gh['PATH']}{os.pathsep}{os.environ['PATH']}"
    given = {"PATH": path, "GH_LOG": without_gh["GH_LOG"]}
    reply = json.loads(run(completed, "--pr", **given).stdout)
    assert reply["repeated"]
    assert reply["pull_request"]["address"] == "https://example.com/pull/1"
    assert completed.state() == before
    assert git(completed.root.parent / "there.git", "rev-parse", "work") == before[0]


def test_variables_of_git_lead_to_no_other_repository(completed: Shop, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    done = run(completed, GIT_DIR=str(other / ".git"), GIT_INDEX_FILE=str(other / "index"))

    assert json.loads(done.stdout)["commit"] == git(completed.root, "rev-parse", "HEAD")
