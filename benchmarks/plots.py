"""Growth as a picture: milliseconds over features, both by powers of ten, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

Points = Sequence[tuple[float, float]]
"""Features, and milliseconds; the fewest first."""

_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 190, 40, 44
_COLOURS = ("#2f6fde", "#d9662b", "#2b9a66", "#9a4fc7", "#8a8a1f")
_STYLE = (
    "text{font:12px sans-serif;fill:#333}.g{stroke:#8883;stroke-width:1}"
    "@media(prefers-color-scheme:dark){text{fill:#ccc}}"
)


def plot(title: str, series: Mapping[str, Points]) -> str:
    """The picture of some rows of points, each with its name at its end."""
    points = [point for row in series.values() for point in row]
    across = _Axis([x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    up = _Axis([y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<text x="{_LEFT}" y="20">{escape(title)}</text>',
        *_grid(across, up),
    ]
    for number, (name, row) in enumerate(series.items()):
        parts += _row(name, row, across, up, _COLOURS[number % len(_COLOURS)])
    return "\n".join([*parts, "</svg>", ""])


class _Axis:
    """Where a number is, in pixels; whole powers of ten bound the axis."""

    def __init__(self, numbers: Sequence[float], begin: float, end: float) -> None:
        self.first = math.floor(math.log10(min(numbers)) + 1e-9)
        self.last = max(math.ceil(math.log10(max(numbers)) - 1e-9), self.first + 1)
        self._begin, self._end = begin, end

    def at(self, number: float) -> float:
        share = (math.log10(number) - self.first) / (self.last - self.first)
        return round(self._begin + share * (self._end - self._begin), 1)

    def powers(self) -> list[float]:
        return [10.0**power for power in range(self.first, self.last + 1)]


def _grid(across: _Axis, up: _Axis) -> list[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    for number in across.powers():
        x = across.at(number)
        parts.append(f'<line class="g" x1="{x}" y1="{_TOP}" x2="{x}" y2="{bottom}"/>')
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{number:,.0f}</text>')
    for number in up.powers():
        y = up.at(number)
        parts.append(f'<line class="g" x1="{_LEFT}" y1="{y}" x2="{right}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{number:,g} ms</text>')
    middle = (_LEFT + right) / 2
    parts.append(f'<text x="{middle}" y="{bottom + 36}" text-anchor="middle">features</text>')
    return parts


def _row(name: str, row: Points, across: _Axis, up: _Axis, colour: str) -> list[str]:
    places = [(across.at(x), up.at(y)) for x, y in row]
    line = " ".join(f"{x},{y}" for x, y in places)
    x, y = places[-1]
    return [
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{line}"/>',
        *(f'<circle cx="{a}" cy="{b}" r="3" fill="{colour}"/>' for a, b in places),
        f'<text x="{x + 8}" y="{y + 4}" style="fill:{colour}">{escape(name)}</text>',
    ]
