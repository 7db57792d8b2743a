"""What the runs of a proof say about it: whether it proves, and if not, what to do."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches

from cde_orchestrator.domain.proofs import CriterionSeen, Proof, TestResult

RUNS_LIMIT = 8
"""Runs of the tests concerned that proving takes at most."""
SEES_LIMIT = 20
DETAIL_LIMIT = 400
_NAMED = 3
_COLLECTED = 4
_NOT_NAMED = re.compile(
    r"cannot import name '\w+'|No module named '[\w.]+'|has no attribute '\w+'|undefined: [\w.]+"
    r"|does not provide an export named '\w+'|cannot find \w+ `\w+`|unresolved import `[\w:]+`"
)
"""What is missing, in words without a path of this machine."""
_RED = frozenset({"failed", "error"})


def is_red(result: TestResult) -> bool:
    """Whether it was red by what it ran, not because its file could not be loaded."""
    return result.outcome in _RED and not result.at_load


def is_unclear(result: TestResult) -> bool:
    """Whether it did not get so far that it could say anything."""
    return result.outcome == "missing" or (result.outcome in _RED and result.at_load)


def named(places: Collection[str]) -> str:
    """Places or files in a sentence."""
    shown = list(places)[:_NAMED]
    more = len(places) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def why_not_now(proof: Proof, result: TestResult, collected: Sequence[str]) -> str:
    """Why a proof that did not pass proves nothing."""
    what = "the command" if proof.command else "the test"
    if result.outcome == "missing":
        return f"was not found: {_found(proof, collected)}"
    if result.outcome == "skipped":
        return (
            f"is skipped{_because(result)}: remove what skips it, so that it runs here, or name "
            "another test"
        )
    if result.outcome == "expected_failure":
        return (
            "is expected to fail, so it shows nothing: remove that mark, and make it pass, or "
            "name another test"
        )
    return f"does not pass now{_because(result)}: fix the code or {what} until it passes"


def why_not_loaded(absent: str) -> str:
    """Why a proof says nothing that has to load what is not installed."""
    return (
        f"cannot be loaded: {absent} is not installed where the tests run: install what the "
        "project needs there, or correct what is imported"
    )


def why_not_base(result: TestResult, *, is_named: bool = False) -> str:
    """Why a proof says nothing of the change, by what it did on the base; empty where it does.

    Args:
        result: how it ended there.
        is_named: whether new names were added to the base, as its file cannot be loaded without.
    """
    if result.passed and is_named:
        return (
            "passes on the base already, where what is new exists but does nothing, so it does not "
            "show this change: assert what is new"
        )
    if result.passed:
        return "passes on the base already, so it does not show this change: assert what is new"
    if result.outcome in {"skipped", "expected_failure"}:
        done = "skipped" if result.outcome == "skipped" else "expected to fail"
        return (
            f"is {done} on the base, so it does not show this change: let it fail where what is "
            "new is absent"
        )
    return ""


def why_unrun(result: TestResult) -> str:
    """Why a test did not run on the base; the same wherever it is asked."""
    if result.outcome == "missing":
        return "there is no such test"
    found = _NOT_NAMED.search(result.detail)
    return "loading fails" + (f", {found.group()}" if found else "")


def unrun(tests: Mapping[str, str]) -> list[str]:
    """What a person should know of tests that did not run on the base, by why."""
    alike: dict[str, list[str]] = {}
    for test, why in tests.items():
        alike.setdefault(why, []).append(test)
    return [
        f"on the base {named(ids)} could not be run: {why}; that it fails without the change "
        "is shown by what was knocked out alone"
        for why, ids in alike.items()
    ]


def why_unused(paths: str) -> str:
    """Why a proof says nothing of a change in files that it does not load."""
    return (
        f"passes on the base already, and also when {paths} cannot be loaded, so it does not use "
        "what changed: call the changed code and assert what is new, or, where nothing is new to "
        "whoever calls it, name a test of the code that changed"
    )


def why_not_control(result: TestResult, files: Collection[str]) -> str:
    """Why a proof says nothing of behaviour, by what the control did; empty where it does."""
    if result.passed:
        return ""
    return (
        f"turns red at an edit without effect in {named(files)}: it depends on how the code is "
        f"written, or does not pass each time{_because(result)}: assert what the code does"
    )


def why_blind(places: Collection[str]) -> str:
    """Why a proof that stayed green proves nothing."""
    what, it = ("do", "them") if len(places) > 1 else ("does", "it")
    return (
        f"stays green when {named(places)} {what} nothing: it asserts nothing of {it}, or replaces "
        f"{it} by a mock; call the changed code and assert what it gives"
    )


def why_unloaded(places: Collection[str]) -> str:
    """Why a proof that could not be loaded without the change proves nothing."""
    what = "do" if len(places) > 1 else "does"
    return (
        f"cannot be loaded when {named(places)} {what} nothing, as any test of that file: import "
        "the changed code within the test, so that its own assertions turn red"
    )


def shared_tests(criteria: Iterable[CriterionSeen]) -> list[str]:
    """Which criteria have no test of their own: each of theirs shows an earlier one already."""
    notes, first = list[str](), dict[str, str]()
    for criterion in criteria:
        tests = [proof.id for proof in criterion.proofs]
        if tests and all(test in first for test in tests):
            others = ", ".join(dict.fromkeys(first[test] for test in tests))
            what = "its only test" if len(tests) == 1 else "all of its tests"
            notes.append(f"{criterion.id} shares {what} with {others}")
        for test in tests:
            first.setdefault(test, criterion.id)
    return notes


ATTEMPT_USED = "An attempt at the phase was used up, since results contradict each other"


def why_flaky(view: str, before: TestResult, again: TestResult) -> str:
    """Why a proof proves nothing whose results contradict each other."""
    first, then = ("passed" if each.passed else "did not pass" for each in (before, again))
    said = _because(before if again.passed else again)
    return (
        f"gives different results on the same code: {view}, it {first}, and {then} when it was run "
        f"once more{said}: let it depend on nothing but the code, on no chance, clock or earlier "
        "run"
    )


def nothing_to_see(changed: Collection[str]) -> str:
    """Why nothing can be proven where no source code changed."""
    if changed:
        return (
            "no code changed since the base but comments, docstrings and blank lines, in "
            f"{named(changed)}: there is nothing that a proof could see"
        )
    return (
        "no file changed since the base but tests and the feature's own records: there is nothing "
        "that a proof could see"
    )


def _because(result: TestResult) -> str:
    words = " ".join(result.detail.split())
    if len(words) > DETAIL_LIMIT:
        words = "…" + words[-DETAIL_LIMIT:]
    return f" ({words})" if words else ""


def _found(proof: Proof, collected: Sequence[str]) -> str:
    path = proof.test.partition("::")[0]
    same = [each for each in collected if each.partition("::")[0] == path]
    if not same:
        return f"the runner found no test in {path}; correct its file or its name"
    near = get_close_matches(proof.test, same, n=_COLLECTED, cutoff=0.0)
    more = f" and {len(same) - len(near)} more" if len(same) > len(near) else ""
    return f"the runner found these in the file: {', '.join(near)}{more}"
