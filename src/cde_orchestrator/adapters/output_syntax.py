"""Judges the syntax of outputs; nothing in them is ever executed or built."""

from __future__ import annotations

import json
import tomllib

# The standard library's TOML parser takes time quadratic in the parts of a dotted key.
_TOML_COST_LIMIT = 10_000_000


class ParsingSyntaxJudge:
    """Asks the parser of each format."""

    def problem(self, kind: str, text: str) -> str | None:
        """Why a text is not valid ``json``, ``yaml`` or ``toml``, or None."""
        try:
            _PARSERS[kind](text)
        except RecursionError:
            return "it is nested too deep"
        except ValueError as error:
            return " ".join(str(error).split()) or type(error).__name__
        return None


def _parse_json(text: str) -> None:
    json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _parse_toml(text: str) -> None:
    dots = [line.count(".") + 1 for line in text.split("\n")]
    if sum(dots) * max(dots) > _TOML_COST_LIMIT:
        raise ValueError("it has keys of too many parts")
    tomllib.loads(text)


def _parse_yaml(text: str) -> None:
    import yaml

    try:
        # Events, not values: aliases that multiply cost nothing, and tags do nothing.
        for _ in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            pass
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


_PARSERS = {"json": _parse_json, "toml": _parse_toml, "yaml": _parse_yaml}
