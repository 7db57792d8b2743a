"""A folder of its own for each feature: a git worktree on the feature's branch."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.adapters.git.git_process import Git, GitError
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system.file_ops import refuse_link
from cde_orchestrator.infrastructure.system.project_home import home_of

log = get_logger(__name__)

WORKTREES = "worktrees"
"""The folder in ``.cde`` that they were made in before; those that are there are still used."""
NEXT_TO = "{name}-worktrees"
"""The folder next to the repository. Many tools skip what is in a folder with a dot."""
BRANCHES = "feature"
NO_REPOSITORY = "not a git repository"


class GitWorktrees:
    """The worktrees of one project, next to its home's repository, if it lies in one.

    A branch that is made begins where the worktree at hand, ``root``, is.
    """

    def __init__(self, root: Path, breakers: BreakerRegistry) -> None:
        self._root = root
        self._breakers = breakers
        self._git = Git(root, breakers)
        self._mutex = threading.Lock()
        self._has_warned = False

    def folder_for(self, feature: str) -> Path | None:
        """The feature's own folder, made when it is missing; None where there can be none.

        Work goes on without it, so that whatever is wrong with git is only logged.
        """
        try:
            with self._mutex:
                top, prefix = self._top_of(feature)
                if not self._exists(top):
                    self._add(top, f"{BRANCHES}/{feature}")
            return top / prefix
        except (OSError, CDEError) as error:
            self._log_reason(feature, str(error))
            return None

    def has(self, feature: str) -> bool:
        """Whether the feature has a folder of its own; git is asked where there may be one."""
        home = home_of(self._root)
        real = Path(os.path.realpath(home))
        above = {each: real.relative_to(each) / feature for each in (real, *real.parents)}
        places = (Path(NEXT_TO.format(name=each)) / inside for each, inside in above.items())
        if not any(map(os.path.lexists, (home / FOLDER / WORKTREES / feature, *places))):
            return False
        try:
            return self._exists(self._top_of(feature)[0])
        except (OSError, CDEError) as error:
            self._log_reason(feature, str(error))
            return False

    def _top_of(self, feature: str) -> tuple[Path, str]:
        """Where the feature's worktree is, or will be, and the project in it; as ``Git.run``.

        It is in the project's ``.cde`` where it was made there, or nothing can be made elsewhere.
        """
        home = home_of(self._root)
        before = home / FOLDER / WORKTREES / feature
        found = Git(home, self._breakers).run("rev-parse", "--show-toplevel", "--show-prefix")
        top, _, prefix = found.partition("\n")
        if os.path.lexists(before) or not os.access(Path(top).parent, os.W_OK):
            return before, prefix
        return Path(NEXT_TO.format(name=top)) / prefix / feature, prefix

    def _exists(self, top: Path) -> bool:
        """Whether the feature's worktree is there; raises as ``Git.run``.

        Something else may be in its place: a link, which may come with a clone, or a repository of
        its own. Nobody works there, lest it lead out of the project.
        """
        refuse_link(top.parent)
        refuse_link(top)
        if not (top / ".git").exists():
            return False
        common = ("rev-parse", "--path-format=absolute", "--git-common-dir")
        found = Git(top, self._breakers).run(*common, "--show-toplevel").splitlines()
        own = [self._git.run(*common), str(top)]
        if list(map(os.path.realpath, found)) != list(map(os.path.realpath, own)):
            raise GitError(f"'{top}' is not a worktree of the project's repository")
        return True

    def _log_reason(self, feature: str, reason: str) -> None:
        """Warn once; that there is no repository is only noted."""
        with self._mutex:
            loud = not self._has_warned and NO_REPOSITORY not in reason
            self._has_warned = self._has_warned or loud
        (log.warning if loud else log.info)("worktree_not_made", feature=feature, reason=reason)

    def _add(self, top: Path, branch: str) -> None:
        self._git.run("worktree", "prune")
        with suppress(OSError):  # git says what is wrong
            missing = [each for each in (top.parent, *top.parent.parents) if not each.exists()]
            for each in reversed(missing):  # parents=True would give the mode to the last alone
                each.mkdir(0o700)
        known = self._git.run("branch", "--list", branch)
        place = (str(top), branch) if known else ("-b", branch, str(top))
        self._git.run("worktree", "add", "--no-checkout", *place)
        try:
            # Apart from that, since this one goes without the repository's filters.
            Git(top, self._breakers).run("reset", "--hard", "--quiet")
        except (GitError, CDEError):
            with suppress(GitError, CDEError):
                self._git.run("worktree", "remove", "--force", str(top))
            raise
