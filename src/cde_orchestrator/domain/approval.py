"""What a person decides: a phase that waits for one, and criteria that nothing can show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Literal

from cde_orchestrator.domain.criteria import Criterion
from cde_orchestrator.domain.value import Value

Channel = Literal["terminal", "page", "elicitation", "program"]
"""How a person was asked: at a terminal, on the dashboard, by an MCP client, or by a program that
has the product as a library, which answers for itself."""


class Person(Value, kw_only=True):
    """Who decides.

    Attributes:
        user: the operating system's name of the user whose process asked.
        host: the machine.
        channel: how the person was asked.
        place: what the channel says of where: the client's address or its name; empty at a
            terminal.
    """

    user: str
    host: str
    channel: Channel
    place: str = ""

    @property
    def name(self) -> str:
        """Who it is, for records."""
        return f"{self.user}@{self.host}"


class Approval(Value, kw_only=True):
    """A person's yes to a phase.

    Attributes:
        user, host, channel, place: as of ``Person``.
        digest: of all that was shown.
        outputs: SHA-256 of each output that was shown, by path; None: there was no file.
    """

    at: datetime
    user: str
    host: str
    channel: str
    place: str
    digest: str
    outputs: Mapping[str, str | None] = field(default_factory=dict)


class Waiver(Value, kw_only=True):
    """A person's word that a criterion counts without a proof.

    Attributes:
        text: the criterion as it was then: another text is another criterion.
        digest: of all its words; empty in one from before it was kept.
    """

    at: datetime
    user: str
    host: str
    channel: str
    reason: str
    text: str
    digest: str = ""

    def covers(self, criterion: Criterion) -> bool:
        """Whether it is for this criterion."""
        return criterion.says(self.text, self.digest)

    @property
    def words(self) -> str:
        """Why, and who said so, in one line."""
        return f"{' '.join(self.reason.split())} ({self.user}@{self.host})"


def waived(waivers: Mapping[str, Waiver], criteria: Sequence[Criterion]) -> dict[str, str]:
    """Why a criterion counts without a proof, and who said so, by the criterion's id."""
    return {
        each.id: waivers[each.id].words
        for each in criteria
        if each.id in waivers and waivers[each.id].covers(each)
    }
