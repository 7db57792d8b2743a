"""What a feature changed, part by part: tests, and what of the source can be knocked out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from cde_orchestrator.application.ports.proving import ChangedFile, KnockOuts, Place
from cde_orchestrator.domain.value import Value

_PROSE = frozenset({".md", ".markdown", ".rst", ".adoc", ".txt"})


class Change(Value):
    """What a feature changed.

    Attributes:
        tests: changed files that hold tests, or what only they need.
        places: what can be knocked out, by the file that it is in.
        ignored: changed source files in which nothing can be.
        removed: files that are gone.
        sources: all changed source files that are there.
    """

    tests: Mapping[str, bytes | None]
    places: Mapping[str, tuple[ChangedFile, Sequence[Place]]]
    ignored: Sequence[str]
    removed: Sequence[str] = ()
    sources: Sequence[ChangedFile] = ()

    @classmethod
    def of(
        cls,
        changed: Iterable[ChangedFile],
        knock_outs: KnockOuts,
        is_test: Callable[[str], bool],
        is_source: Callable[[str], bool],
        within: Collection[str] = (),
    ) -> Change:
        """The change, part by part; its places only ``within`` some files, unless none is."""
        tests: dict[str, bytes | None] = {}
        places: dict[str, tuple[ChangedFile, Sequence[Place]]] = {}
        ignored: list[str] = []
        sources: list[ChangedFile] = []
        changed = list(changed)
        removed = [file.path for file in changed if file.after is None]
        for file in changed:
            if not is_source(file.path):
                continue
            if is_test(file.path):
                tests[file.path] = file.after
                continue
            if file.after is not None:
                sources.append(file)
            if file.after is not None and (found := knock_outs.places(file)):
                places[file.path] = (file, found)
            else:
                ignored.append(file.path)
        inner = {path: found for path, found in places.items() if path in within}
        chosen = inner or places
        clear = _clear(chosen)
        if clear:
            ignored += [path for path in chosen if path not in clear]
        return cls(tests, clear or chosen, ignored, removed, sources)

    @property
    def all_places(self) -> list[Place]:
        """All places, in order of their files; functions first, which say most."""
        places = (place for _, found in self.places.values() for place in found)
        return sorted(places, key=lambda place: place.kind != "function")

    @property
    def code(self) -> list[Place]:
        """Those that are in no text for people."""
        return [place for place in self.all_places if not _is_prose(place.path)]

    @property
    def prose(self) -> list[Place]:
        """Those in texts for people, which seldom decide what a program does."""
        return [place for place in self.all_places if _is_prose(place.path)]


def _clear(
    places: Mapping[str, tuple[ChangedFile, Sequence[Place]]],
) -> dict[str, tuple[ChangedFile, Sequence[Place]]]:
    """The files with places that are no last resort."""
    return {
        path: (file, found)
        for path, (file, found) in places.items()
        if not all(place.is_last_resort for place in found)
    }


def _is_prose(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in _PROSE
