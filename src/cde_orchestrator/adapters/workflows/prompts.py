"""Fills in the prompt templates of phases: the project's own, else the packaged ones.

A template comes with a project that may be a stranger's. It runs in a sandbox, sees only the
variables that it is given, and what it may read, repeat and produce is bounded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from traceback import walk_tb
from typing import Any

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.project_paths import path_problem
from cde_orchestrator.infrastructure.system.file_ops import read_regular_file, stamp_of
from cde_orchestrator.infrastructure.system.os_errors import error_words
from cde_orchestrator.infrastructure.system.project_home import shared_file
from cde_orchestrator.infrastructure.system.spans import PROMPT, span

PROMPTS_FOLDER = "prompts"
PACKAGED_PROMPTS = Path(__file__).with_name("packaged") / "prompts"
TEMPLATE_LIMIT_BYTES = 256 * 1024
KEPT_PROMPTS = 32
_Sources = dict[str, tuple[Path, tuple[int, ...]] | None]
"""The files that a prompt was made of, by template, each as it was; None: there was none."""

# What Python raises for what a template does.
_FAILURES = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError),
)


class JinjaPromptRenderer:
    """Renders prompt templates, which are Markdown with Jinja2.

    What was rendered lately is kept: equal templates and variables give equal text, and the
    prompt that ends one phase is asked for again when the next one is submitted.
    """

    def __init__(self) -> None:
        self._rendered: dict[tuple[Path, str, str], tuple[_Sources, str]] = {}

    @span(PROMPT)
    def render(self, root: Path, template: str, variables: Mapping[str, Any]) -> str:
        """The template, as ``standard/define.md``; the project's comes before the packaged one.

        Raises:
            ValidationError: E312, the template or one that it includes is missing; E313, it cannot
                be read or filled in with the variables, or gives no text.
        """
        key = (root, template, json.dumps(variables, default=str))
        templates = _Templates(root)
        sources, text = self._rendered.get(key, (None, ""))
        if sources is not None and templates.are(sources):
            return text
        text = self._render(templates, template, variables)
        if len(self._rendered) >= KEPT_PROMPTS:
            self._rendered.clear()
        self._rendered[key] = (templates.sources, text)
        return text

    def _render(self, templates: _Templates, template: str, variables: Mapping[str, Any]) -> str:
        import jinja2

        from cde_orchestrator.adapters.workflows.sandbox import BoundedEnvironment, bounded_text

        environment = BoundedEnvironment(templates.source)
        try:
            text = bounded_text(environment.get_template(template).generate(dict(variables)))
        except jinja2.TemplateNotFound as error:
            phase = variables.get("phase")
            phase_id = phase.get("id", "?") if isinstance(phase, Mapping) else "?"
            missing = error.name or template
            raise ValidationError.of("E312", template=missing, phase=phase_id) from error
        except (jinja2.TemplateError, *_FAILURES) as error:
            raise templates.failure(template, error) from error
        if not text.strip():
            raise _not_valid(template, "it renders no text")
        return text


class _Templates:
    """The templates that one rendering reads, and where among them it failed.

    Attributes:
        sources: what was asked for so far.
    """

    def __init__(self, root: Path) -> None:
        own = shared_file(root, PROMPTS_FOLDER)
        self._own = Path(os.path.realpath(own.parent)) / own.name
        self.sources: _Sources = {}

    def are(self, sources: _Sources) -> bool:
        """Whether the templates are still those of a rendering before."""
        try:
            return all(self._found(name) == found for name, found in sources.items())
        except OSError:
            return False

    def source(self, name: str) -> tuple[str, str, None] | None:
        """The template's text and file, as Jinja's loader wants them; None when missing."""
        if path_problem(name) is not None:
            return None
        try:
            self.sources[name] = found = self._found(name)
            if found is None:
                return None
            path = found[0]
            data, size = read_regular_file(path, TEMPLATE_LIMIT_BYTES, follow=True)
        except OSError as error:
            raise _not_valid(name, error_words(error)) from error
        if size > TEMPLATE_LIMIT_BYTES:
            reason = f"it has {size} bytes; at most {TEMPLATE_LIMIT_BYTES} are accepted"
            raise _not_valid(name, reason)
        try:
            return data.decode("utf-8-sig"), str(path), None
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise _not_valid(name, "it is not UTF-8", line) from error

    def failure(self, template: str, error: Exception) -> ValidationError:
        """The error E313, with the template and the line that failed where they are known."""
        import jinja2

        if isinstance(error, jinja2.TemplateSyntaxError):
            return _not_valid(error.name or template, error.message or "", error.lineno)
        names = {str(found[0]): name for name, found in self.sources.items() if found is not None}
        name, line = template, None
        for frame, number in walk_tb(error.__traceback__):
            if frame.f_code.co_filename in names:
                name, line = names[frame.f_code.co_filename], number
        if isinstance(error, RecursionError):
            return _not_valid(name, "it is nested too deep, or includes or calls itself", line)
        return _not_valid(name, str(error) or type(error).__name__, line)

    def _found(self, name: str) -> tuple[Path, tuple[int, ...]] | None:
        path = self._find(name)
        return None if path is None else (path, stamp_of(path))

    def _find(self, name: str) -> Path | None:
        own = self._own / name
        if os.path.lexists(own):
            real = Path(os.path.realpath(own))
            if not real.is_relative_to(self._own):
                raise PermissionError("a symbolic link leads out of .cde/prompts")
            return real
        packaged = PACKAGED_PROMPTS / name
        return packaged if packaged.exists() else None


def _not_valid(template: str, reason: str, line: int | None = None) -> ValidationError:
    place = "" if line is None else f"line {line}: "
    return ValidationError.of("E313", template=template, reason=place + reason)
