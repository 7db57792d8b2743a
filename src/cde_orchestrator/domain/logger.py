"""Loggers that say nothing until the program that embeds the package set structlog up."""

from __future__ import annotations

import sys
from typing import Any


class _Logger:
    """structlog's logger of a name; none while structlog would print what nobody asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        structlog: Any = sys.modules.get("structlog")  # whoever sets it up imports it
        if structlog is None or _is_as_built(structlog):
            return self._ignore
        return getattr(structlog.get_logger(self._name), method)

    def _ignore(self, *_args: Any, **_values: Any) -> _Logger:
        return self


def get_logger(name: str) -> Any:
    """The logger of a module, in the place of ``structlog.get_logger``."""
    return _Logger(name)


def _is_as_built(structlog: Any) -> bool:
    """Whether events would go where structlog's own defaults send them, to standard output.

    Whoever captured events leaves structlog "configured", with these same defaults.
    """
    config, built_in = structlog.get_config(), structlog._config
    return bool(
        config["logger_factory"] is built_in._BUILTIN_DEFAULT_LOGGER_FACTORY
        and config["processors"] == built_in._BUILTIN_DEFAULT_PROCESSORS
    )
