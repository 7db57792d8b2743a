"""Which files a text names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable


def named_in(texts: Iterable[str], paths: Collection[str]) -> frozenset[str]:
    """Those of the paths that a text names.

    A text that names one of the paths names none that is the end of it: ``odd name.py`` does not
    name ``name.py``.
    """
    named: set[str] = set()
    longest_first = sorted(paths, key=len, reverse=True)
    for text in texts:
        left = text
        for path in longest_first:
            if path in left:
                name = rf"(?<![\w./-])(?<!\w['\"`])(\./)?{re.escape(path)}(?![\w/-]|\.\w)"
                left, found = re.subn(name, "\0", left)
                if found:
                    named.add(path)
    return frozenset(named)
