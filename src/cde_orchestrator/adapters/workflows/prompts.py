"""Fills in the prompt templates of phases: the project's own, else the packaged ones.

A template comes with a project that may be a stranger's. What is packaged alone is filled in
here; where a file of the project's own takes part, all of it is filled in apart (ADR 23).
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cde_orchestrator.adapters.workflows.own_rules import own_rules_of
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.project_facts import OwnRules
from cde_orchestrator.domain.project_paths import path_problem
from cde_orchestrator.domain.text import counted
from cde_orchestrator.infrastructure.system.file_ops import (
    in_the_way,
    read_regular_file,
    stamp_of,
)
from cde_orchestrator.infrastructure.system.os_errors import error_words
from cde_orchestrator.infrastructure.system.project_home import shared_file
from cde_orchestrator.infrastructure.system.spans import PROMPT, span
from cde_orchestrator.infrastructure.system.tree import entries_of, kind_of, status_of
from cde_orchestrator.infrastructure.system.viewing import applies

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

PROMPTS_FOLDER = Path(".cde", "prompts")
PACKAGED_PROMPTS = Path(__file__).with_name("packaged") / "prompts"
TEMPLATE_LIMIT_BYTES = 256 * 1024
ENTRIES_LIMIT = 256
"""Files and folders of a project's own prompts."""
TOTAL_LIMIT_BYTES = 4 * 1024 * 1024
RENDERING_SECONDS = 2
KEPT_PROMPTS = 32
_MODULE = "cde_orchestrator.adapters.workflows.sandbox"
_PACKAGES = ("jinja2", "markupsafe")
_Stamp = tuple[int, ...] | None
_Stamps = dict[str, _Stamp]
"""The templates that a prompt was made of, each as its file was; None: there was none."""


class JinjaPromptRenderer:
    """Renders prompt templates, which are Markdown with Jinja2.

    What was rendered lately is kept: equal templates and variables give equal text, and the
    prompt that ends one phase is asked for again when the next one is submitted. So are the
    packaged templates, as long as their files are the same.
    """

    def __init__(self) -> None:
        self._loaded: _Templates | None = None
        self._rendered: dict[tuple[Path, str, str], tuple[_Stamps, str]] = {}

    def rules(self, root: Path) -> OwnRules:
        """The rules of the project's own; none where its folder is not trusted."""
        return own_rules_of(root)

    @span(PROMPT)
    def render(self, root: Path, template: str, variables: Mapping[str, Any]) -> str:
        """The template, as ``standard/define.md``; the project's comes before the packaged one.

        Raises:
            ValidationError: E312, the template or one that it includes is missing; E313, it cannot
                be read or filled in with the variables, or gives no text; E325, the project has
                it, and its folder is not trusted.
        """
        words = json.dumps(variables, default=str)
        key = (root, template, words)
        templates = _Templates(root)
        stamps, text = self._rendered.get(key, (None, ""))
        if stamps is not None and templates.are(stamps):
            return text
        stamps, text = self._render(templates, template, variables, words)
        if len(self._rendered) >= KEPT_PROMPTS:
            self._rendered.clear()
        self._rendered[key] = stamps, text
        return text

    def _render(
        self, templates: _Templates, template: str, variables: Mapping[str, Any], words: str
    ) -> tuple[_Stamps, str]:
        from cde_orchestrator.adapters.workflows import sandbox

        loaded = self._loaded
        if loaded is None or not templates.load_the_same_as(loaded):
            self._loaded = loaded = templates
        try:
            text = sandbox.filled_in(loaded.environment, template, variables)
            return {**loaded.stamps}, text
        except _OwnTemplateError:
            return self._render_apart(templates, template, json.loads(words))
        except sandbox.MissingTemplateError as error:
            if templates.has_out_of_force(str(error)):
                path = str(templates.root)
                raise ValidationError.of("E325", path=path, project_path=path) from error
            raise _missing(str(error), variables) from error
        except sandbox.TemplateFailedError as error:
            raise _not_valid(error.template, str(error), error.line) from error

    def _render_apart(
        self, templates: _Templates, template: str, variables: Mapping[str, Any]
    ) -> tuple[_Stamps, str]:
        from cde_orchestrator.infrastructure.system import apart

        texts, problems, stamps = templates.all()
        request = {
            "template": template,
            "variables": variables,
            "texts": texts,
            "problems": problems,
        }
        try:
            answer = apart.computed_apart(
                _MODULE, request, seconds=RENDERING_SECONDS, packages=_PACKAGES
            )
        except apart.NotComputedError as error:
            raise _not_valid(template, str(error)) from error
        if "missing" in answer:
            raise _missing(answer["missing"], variables)
        if "failed" in answer:
            raise _not_valid(*answer["failed"])
        return {name: stamps.get(name) for name in answer["asked"]}, answer["text"]


class _OwnTemplateError(Exception):
    """A file of the project's own takes part."""


class _Problem(NamedTuple):
    reason: str
    line: int | None = None


class _Templates:
    """The templates of one project.

    Attributes:
        root: the project.
        stamps: of the packaged ones that were asked for so far.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._theirs = self._own = shared_file(root, PROMPTS_FOLDER.name)
        if not applies(self._own):
            self._own = Path(os.devnull) / PROMPTS_FOLDER.name  # where nothing is
        self._has_own = _is_there(self._own)
        self.stamps: _Stamps = {}

    @cached_property
    def environment(self) -> ImmutableSandboxedEnvironment:
        """What the packaged ones are filled in with."""
        from cde_orchestrator.adapters.workflows import sandbox
        from cde_orchestrator.adapters.workflows.compiled_prompts import COMPILED_PROMPTS

        return sandbox.environment_of(self.packaged, COMPILED_PROMPTS)

    def load_the_same_as(self, other: _Templates) -> bool:
        """Whether what another rendering loaded is what this one would: packaged files alone."""
        is_packaged = not self._has_own and not other._has_own
        return is_packaged and self.root == other.root and self.are({**other.stamps})

    def are(self, stamps: _Stamps) -> bool:
        """Whether the templates are still those of a rendering before."""
        try:
            return {name: self._stamp(name) for name in stamps} == stamps
        except OSError:
            return False

    def has_out_of_force(self, name: str) -> bool:
        """Whether the project has the template, in a folder that is only viewed."""
        is_out = self._own != self._theirs and path_problem(name) is None
        return is_out and bool(kind_of(self._theirs / name))

    def packaged(self, name: str) -> str | None:
        """The text of a packaged template; None where there is none.

        Raises:
            _OwnTemplateError: the project has one of that name.
        """
        if path_problem(name) is not None:
            return None
        try:
            self.stamps[name] = stamp = self._stamp(name)
        except OSError as error:  # as where a folder is a link
            raise _OwnTemplateError from error
        if self._has_own and kind_of(self._own / name):
            raise _OwnTemplateError
        return None if stamp is None else (PACKAGED_PROMPTS / name).read_text("utf-8")

    def all(self) -> tuple[dict[str, str], dict[str, _Problem], _Stamps]:
        """Texts, problems of what cannot be read, and stamps; of all that there is, by name."""
        texts, stamps, left = dict[str, str](), _Stamps(), TOTAL_LIMIT_BYTES
        names, problems = self._names()
        for name in names:
            if there := in_the_way(self._own / name):
                problems[name] = _Problem(f"{there} is in its place")
                if kind_of(self._own / name) == stat.S_IFLNK:
                    problems[f"{name}/"] = problems[name]
                continue
            try:
                stamps[name] = self._stamp(name)
                texts[name] = _text_of(self._own / name, left)
                left -= len(texts[name].encode())
            except OSError as error:
                problems[name] = _Problem(error_words(error))
            except UnicodeDecodeError as error:
                line = error.object.count(b"\n", 0, error.start) + 1
                problems[name] = _Problem("it is not UTF-8", line)
        for path in PACKAGED_PROMPTS.rglob("*.md"):
            name = path.relative_to(PACKAGED_PROMPTS).as_posix()
            stamps.setdefault(name, _packaged(path))
            texts.setdefault(name, path.read_text("utf-8"))
        return texts, problems, stamps

    def _names(self) -> tuple[list[str], dict[str, _Problem]]:
        """All that is there, no link followed, and the problems of folders."""
        names, problems = list[str](), dict[str, _Problem]()

        folders = [""]
        while folders:
            inside = folders.pop()
            try:
                found = entries_of(self._own / inside, ENTRIES_LIMIT + 1)
            except OSError as error:
                problems[f"{inside}/"] = _Problem(error_words(error))
                continue
            for entry, status in found.items():
                names.append(f"{inside}/{entry}" if inside else entry)
                if stat.S_ISDIR(status.st_mode):
                    folders.append(names[-1])
            if len(names) > ENTRIES_LIMIT:
                problems["/"] = _Problem(f".cde/prompts has more than {ENTRIES_LIMIT} entries")
                break
        return names, problems

    def _stamp(self, name: str) -> _Stamp:
        with suppress(FileNotFoundError, NotADirectoryError):
            if self._has_own:
                return stamp_of(self._own / name)
        with suppress(FileNotFoundError, NotADirectoryError):
            return _packaged(f"{PACKAGED_PROMPTS}{os.sep}{name}")
        return None


def _is_there(folder: Path) -> bool:
    """Whether anything is in the folder's place, also what nobody may look at."""
    try:
        status_of(folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _packaged(path: Path | str) -> _Stamp:
    """The stamp of a packaged template; the product may be in the project, below a link."""
    found = os.stat(path)
    return found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _text_of(path: Path, left: int) -> str:
    """A template's text, read without following a link; OSError, or UnicodeDecodeError."""
    data, size = read_regular_file(path, TEMPLATE_LIMIT_BYTES, follow=False)
    if size > TEMPLATE_LIMIT_BYTES:
        raise OSError(
            f"it has {counted(size, 'byte')}; at most {TEMPLATE_LIMIT_BYTES} are accepted"
        )
    if size > left:
        raise OSError(f"the templates have more than {TOTAL_LIMIT_BYTES} bytes in all")
    return data.decode("utf-8-sig")


def _missing(template: str, variables: Mapping[str, Any]) -> ValidationError:
    phase = variables.get("phase")
    phase_id = phase.get("id", "?") if isinstance(phase, Mapping) else "?"
    return ValidationError.of("E312", template=template, phase=phase_id)


def _not_valid(template: str, reason: str, line: int | None = None) -> ValidationError:
    place = "" if line is None else f"line {line}: "
    return ValidationError.of("E313", template=template, reason=place + reason)
