"""Which features have to do with the same files, or else with the same words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field

from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.value import Value

COMPARED = 1_000
"""The newest features that are compared."""
SHOWN = 3
FILES_SHOWN = 5
GOAL_LIMIT = 1_000
"""Characters of a goal whose words are compared."""
TEXT_LIMIT = 64 * 1024
"""Characters of a text in which files are searched for."""
_FEWEST, _SHARE = 5, 10
"""What more features than five, and than a tenth of them, have in common says nothing."""
_WORDS_TOGETHER = 2
_LONG_GOAL = 12
_PATH = pattern(r"[\w.-]{1,100}(?:/[\w.-]{1,100}){0,20}")
_WORD = pattern(r"[^\W\d_]{3,40}")
_STOP_WORDS = frozenset(
    _WORD.findall(
        "able about above add after again against all allow also and another any are because "
        "been before being below between both bug but can change changed code could create "
        "doe doing done due each else every feature file fix for from function get give good "
        "ha have here how instead into it itself just let like make may method more most must "
        "need never new none not now off old one only other our out over own per project run "
        "said same say see set shall should some such support test than that the their them "
        "then there these they thi those through too two under until upon use used user using "
        "very via wa want way were what when where which while who whose why will with within "
        "without work would yet you your "
    )
)
"""Words that say nothing of what a text is about, without their plural."""


class Touched(Value, kw_only=True):
    """What a feature is about, and which files it touched as far as that was recorded.

    Attributes:
        paths: files of the source.
        outputs: paths of recorded outputs, by the output's id.
        text: what it is compared by.
        words: those of the text, once they were asked for.
    """

    id: str
    name: str
    status: str
    goal: str
    workflow_digest: str | None = None
    paths: tuple[str, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    text: str = field(init=False, repr=False, compare=False)
    words: frozenset[str] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Once, since each start of a feature compares it with all the others."""
        stems = (path.rpartition("/")[2].partition(".")[0] for path in self.paths[:FILES_SHOWN])
        text = " ".join([self.goal[:GOAL_LIMIT], self.name, *stems])
        object.__setattr__(self, "text", text.replace("_", " ").casefold())

    def shared(self, own: frozenset[str], enough: int) -> frozenset[str]:
        """The words that it has too; none where already its letters rule out that they are enough.

        Its own are found once: goals that are much alike are started one after another.
        """
        if sum(map(self.text.__contains__, own)) < enough:
            return frozenset()
        words = _words(self.text) if self.words is None else self.words
        object.__setattr__(self, "words", words)
        return own & words


class Related(Value):
    """A feature that has to do with another; ``paths`` is empty where only its words say so."""

    feature: Touched
    paths: tuple[str, ...] = ()


def related_to(
    goal: str, texts: Iterable[str], paths: Collection[str], others: Sequence[Touched]
) -> list[Related]:
    """The features that touched the same files, those with the rarest ones first; then by words.

    Args:
        goal: what is wanted.
        texts: what else names files.
        paths: files that are known to be concerned.
        others: the other features, oldest first.
    """
    found = on_files(paths, _named_in(goal, *texts), others)
    if len(found) < SHOWN:
        known = {each.feature.id for each in found}
        found += [each for each in _by_words(goal, others) if each.feature.id not in known]
    return found[:SHOWN]


def on_files(
    paths: Collection[str], named: Mapping[str, set[str]], others: Sequence[Touched]
) -> list[Related]:
    """The features that touched the same files, those with the rarest ones first.

    Args:
        paths: files that are known to be concerned.
        named: others, which may be named by the end of their paths, by the last part of it.
        others: the other features, oldest first.
    """
    if not paths and not named:
        return []
    matched = [
        (
            other,
            [
                path
                for path in other.paths
                if path in paths
                or (path[path.rfind("/") + 1 :] in named and _is_named(path, named))
            ],
        )
        for other in others
    ]
    counts = Counter(path for _, found in matched for path in found)
    few = _few(len(others))
    rare = [(other, [path for path in found if counts[path] <= few]) for other, found in matched]
    scored = [
        (sum(1 / counts[path] for path in found), place, Related(other, tuple(sorted(found))))
        for place, (other, found) in enumerate(rare)
        if found
    ]
    return [related for _, _, related in sorted(scored, key=lambda each: each[:2], reverse=True)]


def _few(total: int) -> int:
    return max(_FEWEST, total // _SHARE)


def _named_in(*texts: str) -> dict[str, set[str]]:
    """Files that texts name, by the last part of their paths."""
    found: dict[str, set[str]] = {}
    for text in texts:
        for each in _PATH.findall(text[:TEXT_LIMIT]):
            path = each.removeprefix("./").rstrip(".-")
            if "/" in path or "." in path:
                found.setdefault(path.rpartition("/")[2], set()).add(path)
    return found


def _is_named(path: str, named: Mapping[str, set[str]]) -> bool:
    """Whether it is one of the files, which may be named by the end of their paths."""
    wanted = named[path.rpartition("/")[2]]
    return any(path == each or path.endswith(f"/{each}") for each in wanted)


def _by_words(goal: str, others: Sequence[Touched]) -> list[Related]:
    """The features whose words are most like the goal's; the rarer a word, the more it says."""
    own = _words(goal[:GOAL_LIMIT].casefold())
    enough = max(_WORDS_TOGETHER, min(len(own), _LONG_GOAL) // 4)
    if len(own) < enough:
        return []
    shared = [other.shared(own, enough) for other in others]
    counts = Counter(word for words in shared for word in words)
    few = _few(len(others))
    scored = []
    for place, words in enumerate(shared):
        rare = [word for word in words if counts[word] <= few]
        if len(rare) >= enough:
            score = sum(1 / counts[word] for word in sorted(rare))
            scored.append((score, place, Related(others[place])))
    return [related for _, _, related in sorted(scored, key=lambda each: each[:2], reverse=True)]


def _words(text: str) -> frozenset[str]:
    """The words that say what a text is about, without their plural."""
    return frozenset(word.removesuffix("s") for word in _WORD.findall(text)) - _STOP_WORDS
