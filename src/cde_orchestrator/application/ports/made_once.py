"""Ports that are made when they are first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, cast

from cde_orchestrator.application.ports.only_viewed import OnlyViewed, viewed
from cde_orchestrator.domain.standing import Standing

Port = TypeVar("Port")


class Ports(Protocol):
    """What has such ports.

    Attributes:
        making: held while a port is made.
        shared: where the ports come from that are not its own.
        standing: whether a person trusts the project's folder; else the ports can only read.
    """

    making: threading.RLock
    shared: Any
    standing: Standing


class MadeOnce(Generic[Port]):
    """A port that is made when it is first asked for, by one thread for all."""

    def __init__(self, make: Callable[[Any], Port]) -> None:
        self.make, self.name = make, make.__name__

    def __get__(self, ports: Ports, owner: type[Any] | None = None) -> Port:
        with ports.making:
            made = vars(ports)
            if self.name not in made:
                shared = ports.shared
                made[self.name] = getattr(shared, self.name) if shared else self.make(ports)
            port: Port | OnlyViewed = made[self.name]
            if not ports.standing.acts:
                port = viewed(self.name, port, ports.standing.refusal())
            return cast("Port", port)

    def __set__(self, ports: Ports, port: Port) -> None:
        """Be asked also once it is made: what may be done with it depends on the standing."""
        vars(ports)[self.name] = port
