"""The circuit breakers of one project, by name."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cde_orchestrator.application.ports.breakers import BreakerView
from cde_orchestrator.domain.exceptions import CDESystemError
from cde_orchestrator.infrastructure.system.project_home import byproducts_folder, local_folder
from cde_orchestrator.infrastructure.system.tree import names_in

if TYPE_CHECKING:
    from cde_orchestrator.infrastructure.breakers.breaker import CircuitBreaker
    from cde_orchestrator.infrastructure.breakers.file import BreakerFile

BREAKERS = "breakers"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class BreakerRegistry:
    """Makes each breaker once, and shares it with the other processes of the project.

    Args:
        root: the project's folder; None for breakers of this process alone. A folder without
            a project in it is not written to.
        clock: seconds by a clock that never goes back.
    """

    def __init__(
        self, root: Path | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._root = root
        self._clock = clock
        self._breakers: dict[str, CircuitBreaker] = {}
        self._mutex = threading.Lock()

    def get(
        self,
        name: str,
        *,
        failure_threshold: int = 5,
        timeout: float = 60,
        failures: type[Exception] | tuple[type[Exception], ...] = Exception,
        ignored: tuple[type[BaseException], ...] | None = None,
        costly: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> CircuitBreaker:
        """The breaker of that name; who asks first says how it behaves.

        Raises:
            ValueError: the name is not made of a-z, 0-9, dot, hyphen and underscore.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a valid name of a circuit breaker")
        from cde_orchestrator.infrastructure.breakers.breaker import USER_MISTAKES, CircuitBreaker

        with self._mutex:
            if name not in self._breakers:
                self._breakers[name] = CircuitBreaker(
                    failure_threshold,
                    timeout,
                    name=name,
                    failures=failures,
                    ignored=USER_MISTAKES if ignored is None else ignored,
                    costly=costly,
                    clock=self._clock,
                    shared=self._file(name),
                )
            return self._breakers[name]

    def views(self) -> list[BreakerView]:
        """Every breaker that this process, or another one of the project, knows."""
        return [self.get(name).view() for name in self._names()]

    def reset(self, name: str) -> BreakerView:
        """Close a breaker by hand.

        Raises:
            CDESystemError: E904, there is none of that name.
        """
        names = self._names()
        if name not in names:
            raise CDESystemError.of(
                "E904", breaker=name, breakers=", ".join(names) or "none so far"
            )
        breaker = self.get(name)
        breaker.reset()
        return breaker.view()

    @property
    def _state_folder(self) -> Path | None:
        return None if self._root is None else local_folder(self._root)

    def _names(self) -> list[str]:
        known = set(self._breakers)
        if (folder := self._state_folder) is not None:
            names = names_in(folder / BREAKERS)
            stems = (name.removesuffix(".json") for name in names if name.endswith(".json"))
            known.update(filter(_NAME.fullmatch, stems))
        return sorted(known)

    def _file(self, name: str) -> BreakerFile | None:
        folder = None if self._root is None else byproducts_folder(self._root)
        if folder is None:
            return None
        from cde_orchestrator.infrastructure.breakers.file import BreakerFile

        return BreakerFile(folder / BREAKERS, name, self._clock)
