"""Finish a completed feature: commit its files, and offer them for review."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, TypedDict

from cde_orchestrator.application.features.commit_message import commit_message, commit_subject
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.phase_prompt import PhasePrompts
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.report_feature import ReportFeature, ReportReply
from cde_orchestrator.application.features.report_markdown import report_markdown
from cde_orchestrator.application.made_views import last_difference
from cde_orchestrator.application.ports.commits import Commits, WorkTree
from cde_orchestrator.application.proofs.records import record_path
from cde_orchestrator.application.proofs.verdicts import CHANGED_SHOWN, changed_since
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    FeatureView,
    ProjectView,
    feature_view,
    project_view,
)
from cde_orchestrator.domain.errors.fixes import SHOW_STATUS
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from cde_orchestrator.domain.feature import (
    CLOSED_STATUSES,
    COMMITTED,
    COMPLETED,
    Feature,
    artifacts_from,
)
from cde_orchestrator.domain.phase_record import state_predicate
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.project_paths import SHARED, is_copy
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.domain.text import checked_text, counted

_SETTINGS = "config.toml"
"""No feature brings it: what it says is often of one machine, and secret."""
_OF_PROJECT = tuple(f".cde/{name}" for name in SHARED if name != _SETTINGS)
LEFT_SHOWN = 20
MESSAGE_LIMIT = 20_000
_SHOWN = 5
_LINES = 40


class FinishReply(TypedDict):
    """What is committed, or would be.

    ``commit`` is None where nothing was committed yet, ``repeated`` whether there was nothing left
    to commit; ``left`` are the first changed files that are not the feature's, of ``left_total``,
    and ``aside`` those of them that are copies of its discarded outputs.
    ``is_whole`` is false where it is not recorded which files of the source the feature changed.
    ``digest`` names all of what is shown. ``remote`` is where the branch is pushed to, None where
    there is none, ``is_pushed`` whether that has it as it is here, as of the last fetch or push,
    and ``can_open`` whether a pull request can be opened from here. ``own`` are those of ``files``
    that are the project's own and that git does not know yet, and ``changed`` the first files that
    are others than when the feature was completed with what was proven of them.
    """

    project: ProjectView
    feature: FeatureView
    branch: str
    folder: str
    files: list[str]
    own: list[str]
    changed: list[str]
    left: list[str]
    aside: list[str]
    left_total: int
    is_whole: bool
    message: str
    digest: str
    commit: str | None
    repeated: bool
    said: str
    remote: str | None
    is_default: bool
    is_pushed: bool
    can_open: bool


_UNCHANGED = "none of its files differs from what is committed"


class FinishFeature(UseCase[FinishReply], operation="finish_feature", in_worktree=True):
    """Commit the files of a completed feature on its branch, with the project's own new ones.

    It is done with the person's own git, whose hooks may refuse it. Done twice, it commits nothing
    more.

    Attributes:
        also: paths to commit as well: others, or those that another feature changed too.
        message: of the commit; made from the feature where it is None.
        dry_run: only show what would be committed.
        shown: the digest of what a person said yes to; None where nobody was shown it.
    """

    feature_id: str
    also: Collection[str] = ()
    message: str | None = None
    dry_run: bool = False
    shown: str | None = field(default=None, compare=False)

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        outputs: ProjectOutputs,
        rendering: PhasePrompts,
        commits: Commits,
        standing: Standing,
    ) -> FinishReply:
        """Raises E004, E102, E103, E157, E206, E302, E303, E922, E325 to E327."""
        if not standing.acts:
            raise standing.refusal()
        project, feature, workflow = features.read(self.feature_id)
        if feature.status != COMPLETED:
            raise _refusal(feature, _not_completed(feature)).fixed_by([SHOW_STATUS])
        report = ReportFeature(feature_id=feature.id)(
            features=features, outputs=outputs, rendering=rendering, standing=standing
        )
        message = self._message_for(report)
        folder = outputs.files.folder(features.root)
        tree = commits.work_tree(folder)
        chosen = _Chosen.of(project, feature, tree, self.also, outputs)
        reply: FinishReply = {
            "project": project_view(project, features.root, features.repository.backend),
            "feature": feature_view(feature),
            "branch": tree.branch or "",
            "folder": str(folder),
            "files": chosen.files,
            "own": chosen.own,
            "changed": chosen.changed,
            "left": chosen.left[:LEFT_SHOWN],
            "aside": _copies(chosen.left[:LEFT_SHOWN], workflow.paths_for(feature.name)),
            "left_total": len(chosen.left),
            "is_whole": last_difference(feature) is not None,
            "message": message,
            "digest": _digest(tree.branch, chosen.files, chosen.changed, message),
            "commit": None,
            "repeated": False,
            "said": "",
            "remote": tree.remote or None,
            "is_default": tree.is_default,
            "is_pushed": False,
            "can_open": bool(tree.remote) and commits.can_ask_for_review(),
        }
        if not chosen.files:
            commit = commits.last(folder, chosen.wanted)
            if commit is None:
                raise _refusal(feature, _UNCHANGED).fixed_by([SHOW_STATUS])
            pushed = bool(tree.remote) and commits.is_pushed(folder, tree.remote, tree.branch or "")
            return {**reply, "commit": commit, "repeated": True, "is_pushed": pushed}
        chosen.require_free()
        if self.dry_run:
            return reply
        if self.shown is not None and self.shown != reply["digest"]:
            raise _refusal(feature, "it differs from what was shown; see what there is now")
        commit, said = commits.commit(folder, chosen.files, tree.new, message)
        if not commit:
            raise _refusal(feature, "git or one of its hooks refused it; nothing changed", said)
        self._note(features, feature, {**reply, "commit": commit})
        return {**reply, "commit": commit, "said": said}

    def _message_for(self, report: ReportReply) -> str:
        if self.message is None:
            return commit_message(report)
        return checked_text("message", self.message, MESSAGE_LIMIT).strip() + "\n"

    def _note(self, features: ProjectFeatures, feature: Feature, reply: FinishReply) -> None:
        leases = features.leases()
        facts: dict[str, Any] = {"changed": reply["changed"]} if reply["changed"] else {}
        facts |= {"by": leases.caller.name, "commit": reply["commit"], "branch": reply["branch"]}
        with features.change(feature.id) as (_, changed, _workflow):
            changed.note(COMMITTED, at=leases.now.isoformat(), **facts)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The files to commit.

    Attributes:
        wanted: all files of the feature.
        files: those of them that are not as they were committed last, and ``own`` with them.
        own: files of the project itself that git does not know yet.
        changed: files that are others than when the feature was completed.
        left: other changed files.
        problems: what keeps them from being committed, the first one first.
    """

    feature: Feature
    wanted: list[str]
    files: list[str]
    own: list[str]
    changed: list[str]
    left: list[str]
    problems: list[str]

    @classmethod
    def of(
        cls,
        project: Project,
        feature: Feature,
        tree: WorkTree,
        also: Collection[str],
        outputs: ProjectOutputs,
    ) -> _Chosen:
        """The feature's, and those that are named in addition."""
        difference = last_difference(feature)
        own = {record_path(feature.name), *(each.path for each in artifacts_from(feature.phases))}
        own |= set(difference.paths if difference else ())
        wanted = own | set(also)
        mine = wanted & tree.changed
        of_project = {path for path in tree.new if mine and _is_of_project(path)}
        files = sorted(mine | of_project)
        problems = [*_problems(feature, tree, wanted)]
        if difference is not None and difference.files > len(difference.paths):
            problems.append(
                f"it changed {counted(difference.files, 'file')}, and only "
                f"{len(difference.paths)} of them are recorded: commit them with git"
            )
        if unknown := sorted(set(also) - tree.changed):
            problems.append(f"nothing is to be committed of {_few(unknown)}")
        others = _not_committed_by_others(project, feature, set(files) - set(also))
        if others:
            shared = sorted(others)
            who = ", ".join(sorted(set(others.values())))
            problems.append(
                f"{_few(shared)} changed for other features too ({plain(who)}): name the files "
                "that are to be committed all the same"
            )
        left = sorted(tree.changed - wanted - of_project)
        other = changed_since(feature, outputs.files, outputs.root)
        changed = [path for path in other if path in files][:CHANGED_SHOWN]
        return cls(feature, sorted(wanted), files, sorted(of_project), changed, left, problems)

    def require_free(self) -> None:
        """Refuse where something keeps them from being committed.

        Raises:
            FeatureError: E157.
        """
        if self.problems:
            raise _refusal(self.feature, self.problems[0])


def _copies(paths: list[str], outputs: Collection[str]) -> list[str]:
    return [path for path in paths if is_copy(path, outputs)]


def _is_of_project(path: str) -> bool:
    """Whether it is one of the project's own files, which later features and clones go by."""
    return any(path == each or (each[-1] == "/" and path.startswith(each)) for each in _OF_PROJECT)


def _problems(feature: Feature, tree: WorkTree, wanted: Collection[str]) -> Iterator[str]:
    """What git is at, or has, that a commit must not come across."""
    if tree.branch is None:
        words = f"make one with {own_branch(feature.name)}"
        if feature.branch is not None:  # a start made it
            words = f"its own is checked out with git switch {plain(feature.branch)}"
        yield f"no branch is checked out (detached HEAD): {words}"
    elif feature.branch is not None and tree.branch != feature.branch:
        branch, other = plain(feature.branch), plain(tree.branch)
        yield f"its branch is {branch}, and {other} is checked out: git switch {branch}"
    if tree.under_way:
        yield f"{tree.under_way} is under way: end it first, see git status"
    if staged := sorted(tree.staged - set(wanted)):
        yield f"other files are staged: {_few(staged)}; commit them or unstage them first"


def _not_committed_by_others(
    project: Project, feature: Feature, files: Collection[str]
) -> dict[str, str]:
    """Files that other features changed too that are open, or ended since and are not committed."""
    found: dict[str, str] = {}
    for touched in project.features.touched():
        shared = {*touched.paths, *touched.outputs.values()} & set(files)
        if not shared or touched.id == feature.id:
            continue
        if touched.status in CLOSED_STATUSES:
            other = project.features.by_id(touched.id)
            if other is None or other.updated_at < feature.created_at or other.committed:
                continue
        found |= dict.fromkeys(shared, touched.name)
    return found


class PullRequestReply(TypedDict):
    """A branch that was pushed, and the pull request that was opened for it."""

    project: ProjectView
    feature: FeatureView
    branch: str
    remote: str
    title: str
    address: str


class OpenPullRequest(UseCase[PullRequestReply], operation="open_pull_request", in_worktree=True):
    """Push the branch with a completed feature, and open a pull request with its report.

    A person was asked before.
    """

    feature_id: str

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        outputs: ProjectOutputs,
        rendering: PhasePrompts,
        commits: Commits,
        standing: Standing,
    ) -> PullRequestReply:
        """Raises E004, E102, E103, E158, E922, E325 to E327."""
        if not standing.acts:
            raise standing.refusal()
        project, feature, _ = features.read(self.feature_id)
        report = ReportFeature(feature_id=feature.id)(
            features=features, outputs=outputs, rendering=rendering, standing=standing
        )
        folder = outputs.files.folder(features.root)
        tree = commits.work_tree(folder)
        if problem := _not_offered(feature, tree, commits):
            raise FeatureError.of("E158", feature=feature.name, reason=problem)
        branch, title = tree.branch or "", commit_subject(report)
        if said := commits.push(folder, tree.remote, branch):
            raise _not_opened(feature, "git refused to push the branch", said)
        address, said = commits.ask_for_review(folder, branch, title, report_markdown(report))
        if not address:
            raise _not_opened(feature, "the branch is pushed, but gh refused", said)
        return {
            "project": project_view(project, features.root, features.repository.backend),
            "feature": feature_view(feature),
            "branch": branch,
            "remote": tree.remote,
            "title": title,
            "address": plain(address),
        }


def _not_offered(feature: Feature, tree: WorkTree, commits: Commits) -> str:
    """Why no pull request can be opened; empty where one can."""
    if feature.status != COMPLETED:
        return _not_completed(feature)
    if tree.branch is None:
        return "no branch is checked out"
    if tree.is_default:
        return f"{is_default(tree.branch)} with {own_branch(feature.name)}"
    if not tree.remote:
        return f"git knows no remote to push {plain(tree.branch)} to"
    known = commits.can_ask_for_review()
    return "" if known else "the program gh is not on PATH: install it, or open it in a browser"


def _not_completed(feature: Feature) -> str:
    phase = f", in phase {feature.current_phase}" if feature.current_phase else ""
    return f"it is not completed: it {state_predicate(feature.status)}{phase}"


def is_default(branch: str) -> str:
    """Why nothing on this branch can be reviewed, and what can be done about it."""
    others = f"{plain(branch)} is the branch that others are merged into"
    return f"{others}; to have this reviewed, make another one"


def own_branch(name: str) -> str:
    """The command that makes a branch for the feature of a name."""
    return f"git switch --create {plain(name)}"


def _refusal(feature: Feature, reason: str, said: str = "") -> CDEError:
    more = {"tail": said.splitlines()[-_LINES:]} if said else {}
    return FeatureError.of("E157", feature=feature.name, reason=reason, **more)


def _not_opened(feature: Feature, reason: str, said: str) -> CDEError:
    tail = said.splitlines()[-_LINES:]
    return FeatureError.of("E158", feature=feature.name, reason=reason, tail=tail)


def _digest(branch: str | None, *shown: list[str] | str) -> str:
    return hashlib.sha256(json.dumps([branch, *shown]).encode()).hexdigest()


def _few(paths: list[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(map(plain, paths[:_SHOWN])) + more
