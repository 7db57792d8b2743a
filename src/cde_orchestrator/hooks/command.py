"""``cde hook EVENT``, from the client's JSON on standard input to the answer."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cde_orchestrator.domain.hooks import IN_A_RUN, Event

_FOLDER = ".cde"
_PROJECT_VARIABLES = ("CLAUDE_PROJECT_DIR", "GEMINI_PROJECT_DIR")
_INPUT_LIMIT = 16 * 1024 * 1024


def answer_hook(event: str, client: str = "", *, explain: bool = False) -> None:
    """Answer one event; never fails.

    Args:
        event: its name, in the client's words.
        client: whose it is; empty to find out.
        explain: say on standard error why there is no answer.
    """
    try:
        answer, why = _answer(event, client)
    except Exception as error:  # noqa: BLE001 - the session goes on, whatever fails here
        answer, why = "", f"{type(error).__name__}: {error}"
    if explain and not answer:
        sys.stderr.write(f"no answer: {why}\n")
    if not answer:
        return
    try:
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()
    except OSError:  # the client is gone; Python would try again at its end, and complain
        with suppress(OSError):
            sys.stdout.close()


def run_hook(words: Sequence[str]) -> None:
    """The same from the words of the command line; what is not understood gets no answer."""
    client, explain, events = "", False, list[str]()
    left = iter(words)
    for word in left:
        if word == "--client":
            client = next(left, "")
        elif word.startswith("--client="):
            client = word.partition("=")[2]
        elif word == "--explain":
            explain = True
        elif not word.startswith("-"):
            events.append(word)
    answer_hook(events[0] if events else "", client, explain=explain)


def _answer(name: str, client: str) -> tuple[str, str]:
    """The answer, or why there is none."""
    if os.environ.get(IN_A_RUN):
        return "", "cde run started this agent, and submits its work itself"
    event = Event.of(name, _given(), client)
    if event is None:
        return "", f"{name!r} is no event for which there is an answer"
    if event.moment == "edit" and not event.edited:
        return "", "the tool edits no file"
    places = [event.cwd or ".", *(os.environ.get(each, "") for each in _PROJECT_VARIABLES)]
    if not any(_may_be_in_project(Path(each)) for each in places if each):
        return "", "there is no project"

    from cde_orchestrator.discovery import find_project_root, is_set_up
    from cde_orchestrator.hooks.answers import answer
    from cde_orchestrator.hooks.open_work import open_work

    roots = (find_project_root(Path(each)) for each in places if each)
    root = next(filter(is_set_up, roots), None)
    if root is None:
        return "", "there is no project"
    work = open_work(root)
    if work is None:
        return "", f"{root} is not trusted, or its state is elsewhere"
    return answer(event, work), "nothing is to be said" if work.features else "no open feature"


def _given() -> Mapping[str, Any]:
    """What the client says; nothing where a person calls at a terminal."""
    if sys.stdin is None or sys.stdin.isatty():
        return {}
    found = json.loads(sys.stdin.buffer.read(_INPUT_LIMIT) or b"{}")
    return found if isinstance(found, dict) else {}


def _may_be_in_project(start: Path) -> bool:
    """Whether a look at a few names says so; only then more is imported."""
    folder = os.path.abspath(start)  # noqa: PTH100 - links count as they are named too
    for each in (folder, os.path.realpath(folder)):
        for place in (Path(each), *Path(each).parents):
            if (place / _FOLDER).is_dir():
                return True
            git = place / ".git"
            if os.path.lexists(git):
                if git.is_file() or (git / "cde").is_dir():
                    return True
                break
    return False
