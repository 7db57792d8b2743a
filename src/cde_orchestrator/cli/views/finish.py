"""The end of a feature, as people see it."""

from __future__ import annotations

import shlex

from rich.console import Group, RenderableType
from rich.text import Text

from cde_orchestrator.application.features.commit_message import subject_of
from cde_orchestrator.application.features.finish_feature import (
    FinishReply,
    PullRequestReply,
    is_default,
    own_branch,
)
from cde_orchestrator.cli.console.layout import done, next_steps, note, spaced, to_type
from cde_orchestrator.cli.console.wording import RenderTarget, clean, clean_lines, command
from cde_orchestrator.domain.text import counted

_FILES_SHOWN = 50


def plan(reply: FinishReply) -> RenderableType:
    """What would be committed: where, which files, and with which message."""
    head = Text.assemble("On the branch ", (clean(reply["branch"]), "bold"), ":")
    files = [Text(f"  {clean(path)}") for path in reply["files"][:_FILES_SHOWN]]
    if (more := len(reply["files"]) - len(files)) > 0:
        files.append(Text(f"  and {more} more", "dim"))
    lines = [Text(f"  {line}", "dim") for line in clean_lines(reply["message"].strip()).split("\n")]
    own, default = _own(reply, "git does not have that yet"), None
    if reply["is_default"]:
        switch = to_type(own_branch(reply["feature"]["name"]))
        default = Group(note(f"{is_default(reply['branch'])}:"), switch)
    message = Group(Text("Message:"), *lines)
    return spaced(Group(head, *files), own, _changed(reply), _left(reply), message, default)


def finished(
    both: tuple[FinishReply, PullRequestReply | None], look: RenderTarget
) -> RenderableType:
    """What was committed, or would be, and how it goes on."""
    reply, opened = both
    if reply["commit"] is None:
        step = (command(look, "finish", reply["feature"]["name"]), "commit it")
        return spaced(plan(reply), next_steps([step]))
    name, branch = clean(reply["feature"]["name"]), clean(reply["branch"])
    commit = reply["commit"][:12]
    head = done("Feature ", (name, "bold"), f" is committed as {commit} on {branch}")
    if reply["repeated"]:
        head = note(f"{name} was committed before, last as {commit}; nothing is left to commit")
    else:
        head.append(f"  {counted(len(reply['files']), 'file')}", "dim")
    own = _own(reply, "the commit has that, too")
    if opened is not None:
        address = Text.assemble("The pull request: ", (clean(opened["address"]), "cyan"))
        return spaced(head, own, address)
    return spaced(head, own, None if reply["repeated"] else _left(reply), _by_hand(reply, look))


def _own(reply: FinishReply, why: str) -> RenderableType | None:
    """The files of the project itself that go with the feature, by name."""
    if not reply["own"]:
        return None
    names = ", ".join(map(clean, reply["own"]))
    return note(f"All features of the project go by {names}; {why}")


def _changed(reply: FinishReply) -> RenderableType | None:
    """That what would be committed is not what was proven and approved, and what can be done."""
    if not reply["changed"]:
        return None
    names = ", ".join(map(clean, reply["changed"]))
    words = f"{names} changed since the feature was completed: nobody reviewed or approved that"
    name = reply["feature"]["name"]
    return Group(note(f"{words}. To have it done again:"), to_type(f"cde reopen {name}"))


def _left(reply: FinishReply) -> RenderableType | None:
    """Other files that changed and stay as they are."""
    if not reply["left_total"]:
        return None
    more = reply["left_total"] - len(reply["left"])
    shown = ", ".join(clean(each) for each in reply["left"] if each not in reply["aside"])
    shown = (shown + f" and {more} more" if more else shown).removeprefix(" and ")
    lines = [Text(f"Not committed: {shown}")] if shown else []
    if reply["aside"]:
        lines.append(Text(f"Kept aside: {', '.join(map(clean, reply['aside']))}"))
    if not reply["is_whole"]:
        words = "Its workflow records no change of the source: name the files that belong to it."
        lines.append(note(words))
    return Group(*lines)


def _by_hand(reply: FinishReply, look: RenderTarget) -> RenderableType:
    """The commands that push the branch and open a pull request; none pushes to a default one."""
    name, branch = reply["feature"]["name"], reply["branch"]
    steps: list[RenderableType] = []
    if reply["is_pushed"]:
        pushed = note(f"{branch} is pushed to {reply['remote']} already, as far as git knows")
        if reply["is_default"]:
            return pushed
        return Group(pushed, Text("To ask for its review", "dim"), *_to_review(reply, look, branch))
    if reply["is_default"]:
        steps.append(to_type(own_branch(name)))
        branch = name
    if reply["remote"] is None:
        steps.append(_typed("git", "remote", "add", "origin", "ADDRESS"))
    steps.append(_typed("git", "push", "--set-upstream", reply["remote"] or "origin", branch))
    steps += _to_review(reply, look, branch)
    return Group(Text("To push it and ask for its review", "dim"), *steps)


def _to_review(reply: FinishReply, look: RenderTarget, branch: str) -> list[RenderableType]:
    """What opens a pull request of a branch that is pushed."""
    name = reply["feature"]["name"]
    report = command(look, "report", name)
    if reply["remote"] and not reply["can_open"]:
        words = "gh is not on PATH: install it and run this again with --pr, or give this text to"
        return [note(f"{words} the page that opens pull requests"), to_type(report)]
    subject = subject_of(clean(reply["message"].partition("\n")[0]))
    ask = ["gh", "pr", "create", "--head", branch, "--title", subject or name]
    return [to_type(f"{report} | {clean(shlex.join([*ask, '--body-file', '-']))}")]


def _typed(*words: str) -> RenderableType:
    return to_type(clean(shlex.join(words)))
