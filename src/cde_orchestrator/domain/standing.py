"""Whether a person trusts a folder with a project in it, or it is only viewed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.domain.value import Value

Kind = Literal["trusted", "unset", "not_yet", "changed", "foreign_owner"]
"""``unset``: nothing of the product is in the folder, so there is nothing to trust yet."""
ACTING: frozenset[Kind] = frozenset({"trusted", "unset"})
"""While the folder's is one of these, it may be changed, and its settings and commands apply."""
NOT_SHOWN = "(not shown"
"""How the difference of a file begins whose content nobody can read in lines."""
_NAMED = 5


class Standing(Value, kw_only=True):
    """What a person said to a folder, and whether that still holds.

    Attributes:
        path: the folder.
        files: the files that act in it by name, each with the digest of its content.
        changed: names of those that are others than when the person said yes.
        owner: who owns the folder, where that is somebody else.
        was_trusted: whether other contents were trusted at this path, or a person revoked it.
        is_remembered: whether it is written down what was trusted at this path.
        is_listed: whether the environment says that everything there is trusted.
    """

    kind: Kind
    path: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    owner: str = ""
    was_trusted: bool = False
    is_remembered: bool = False
    is_listed: bool = False

    @property
    def acts(self) -> bool:
        """Whether the project may be changed, and its settings and commands apply."""
        return self.kind in ACTING

    @property
    def line(self) -> str | None:
        """What a person is shown, in one line; None where there is nothing to say."""
        if self.acts:
            return None
        reasons = {
            "not_yet": "This folder is not trusted yet",
            "changed": f"Changed since you trusted this folder: {_named(self.changed)}",
            "foreign_owner": f"This folder belongs to {self.owner}",
        }
        listed = ", which CDE_TRUSTED_FOLDERS does not allow" if self.is_listed else ""
        return f"{reasons[self.kind]}{listed}. It is only viewed; to review and trust it: cde trust"

    def refusal(self) -> CDEError:
        """What a change is refused with: E325, E326 or E327."""
        facts = {"path": self.path, "project_path": self.path}
        if self.kind == "foreign_owner":
            return ValidationError.of("E327", owner=self.owner, **facts)
        if self.kind == "changed":
            return ValidationError.of("E326", files=_named(self.changed), **facts)
        return ValidationError.of("E325", **facts)


def _named(files: tuple[str, ...]) -> str:
    rest = len(files) - _NAMED
    shown = ", ".join(files[:_NAMED])
    return f"{shown} and {rest} more" if rest > 0 else shown
