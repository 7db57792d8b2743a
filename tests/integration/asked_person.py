"""Whoever sits at an MCP client that asks its person."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mcp.client.context import ClientRequestContext
from mcp.types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult


class Person:
    """Whoever sits at the client.

    Attributes:
        answers: to the coming questions.
        asked: what they were shown.
        meanwhile: what is done while they read.
    """

    def __init__(
        self, *answers: ElicitResult, meanwhile: Callable[[], object] | None = None
    ) -> None:
        self.answers: Iterator[ElicitResult] = iter(answers)
        self.asked: list[ElicitRequestFormParams] = []
        self.meanwhile = meanwhile

    async def __call__(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        self.asked.append(params)
        if self.meanwhile is not None:
            self.meanwhile()
        return next(self.answers)


def filled_in(**content: bool | str) -> ElicitResult:
    """The form, filled in."""
    return ElicitResult(action="accept", content={**content})
