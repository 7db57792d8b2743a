"""Judges the content of outputs; nothing in them is ever executed or built."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial

from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.system.toml import parse_toml

log = get_logger(__name__)

SEARCH_SECONDS = 2.0
"""How long one regular expression may search for a match."""

_SEARCH = "cde_orchestrator.adapters.project_files.search"
# What repeats or chooses nothing is searched for in time proportional to the text.
_COSTLY = frozenset("*+?{|(")

# libyaml goes through all open brackets at each word, and lets nothing else run meanwhile.
_YAML_DEPTH_LIMIT = 200
_YAML_NAMES = "binary bool float int map null omap pairs seq set str timestamp"
_YAML_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in _YAML_NAMES.split())
"""What every safe parser knows; any other tag asks one program to build an object."""


class ParsingContentValidator:
    """Asks the parser of each format."""

    def error_in(self, kind: str, text: str) -> str | None:
        """Why a text is not valid ``json``, ``yaml`` or ``toml``, or None."""
        try:
            _PARSERS[kind](text)
        except RecursionError:
            return "it is nested too deep"
        except ValueError as error:
            return " ".join(str(error).split()) or type(error).__name__
        return None

    def search(self, expression: str, text: str) -> bool | None:
        """Whether a regular expression matches in a text; None when that takes too long.

        An expression comes with a project, and one that backtracks may take for ever, during
        which nothing else in its process runs: it is tried in a process of its own.
        """
        try:
            compiled = re.compile(expression, re.MULTILINE)
        except (re.error, OverflowError, RecursionError):
            return False  # only a workflow that an older release kept can have one
        if _COSTLY.isdisjoint(expression):
            return compiled.search(text) is not None
        from cde_orchestrator.infrastructure.system import apart

        try:
            return bool(apart.computed_apart(_SEARCH, [expression, text], seconds=SEARCH_SECONDS))
        except apart.NotComputedError as error:
            log.warning("search_not_done", expression=expression, reason=str(error))
            return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _parse_yaml(text: str) -> None:
    import yaml

    depth, anchors = 0, set[str]()
    try:
        # Events, not values: aliases that multiply cost nothing, and tags do nothing.
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _YAML_DEPTH_LIMIT:
                raise ValueError("it is nested too deep")
            if isinstance(event, yaml.DocumentStartEvent):
                anchors.clear()
            elif isinstance(event, yaml.AliasEvent) and event.anchor not in anchors:
                raise ValueError(f"the alias *{event.anchor} names nothing before it")
            elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
                if event.tag not in _YAML_TAGS and event.tag not in {None, "!"}:
                    raise ValueError(f"the tag {event.tag} is not one of YAML's own")
                if event.anchor is not None:
                    anchors.add(event.anchor)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


_PARSERS: Mapping[str, Callable[[str], object]] = {
    "json": partial(json.loads, parse_constant=_refuse_constant),
    "toml": parse_toml,
    "yaml": _parse_yaml,
}
