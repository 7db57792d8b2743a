"""What the actions about one feature have in common: what their forms are bound to."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cde_orchestrator.application.features.seen_feature import SeeFeature
from cde_orchestrator.application.state.recover_state import ListChanges
from cde_orchestrator.application.views import FeatureReply
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from cde_orchestrator.domain.lease import by_words
from cde_orchestrator.web.actions.action import Asked

NEWS_SHOWN = 3
_LOOKED_AT = 20


def seen(asked: Asked, *, must_be_open: bool = False) -> dict[str, Any]:
    """The feature as it is now, with the digest for a form about it; E105 as of ``SeeFeature``."""
    shown = asked.handle(SeeFeature(feature_id=asked.about, must_be_open=must_be_open))
    return {**shown, "digest": bound(shown["sequence"], shown["seen"])}


def bound(sequence: int, *facts: str) -> str:
    """What a form is bound to: the last change that its reader could know, and further facts."""
    return "|".join([str(sequence), *facts])


def facts_of(digest: str) -> list[str]:
    """The further facts."""
    return digest.split("|")[1:]


def sequence_of(digest: str) -> int:
    """The last change that the form's reader could know."""
    return int(digest.partition("|")[0])


@contextmanager
def saying_news(asked: Asked, *codes: str) -> Iterator[None]:
    """A refusal because the feature is another by now, by one of the codes, says what is new.

    Raises:
        FeatureError: E155.
    """
    try:
        yield
    except FeatureError as error:
        if error.code not in {"E155", *codes}:
            raise
        facts = {"feature": asked.about, **error.context, "news": _news(asked)}
        raise FeatureError.of("E155", **facts) from error


def _news(asked: Asked) -> str:
    """What happened to the feature since the form was given out, newest first."""
    since = sequence_of(asked.digest)
    try:
        found = asked.handle(ListChanges(limit=_LOOKED_AT, feature=asked.about))["changes"]
    except CDEError:
        found = []
    fresh: list[Mapping[str, Any]] = [each for each in found if each["sequence"] > since]
    words = [
        f"{plain(each['event'])} (by {plain(by_words(each['actor']))})"
        for each in fresh[:NEWS_SHOWN]
    ]
    return "; ".join(words) or "it is another by now"


def restoring(reply: FeatureReply, at: int | None) -> str | None:
    """The command by which a feature alone becomes as it was after a change; None without one."""
    name = reply["feature"]["name"]
    return None if at is None else shell("state", "restore", "--at", at, "--feature", name)


def shell(*words: object) -> str:
    """A command of ``cde``, as it is copied into a shell."""
    return shlex.join(["cde", *map(str, words)])
