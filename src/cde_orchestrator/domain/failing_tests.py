"""Which tests failed, by what test runners print; never guessed of other words."""

from __future__ import annotations

import re

SHOWN = 30
NAME_LIMIT = 200

_FORMS = tuple(
    re.compile(form)
    for form in (
        r"(?:FAILED|ERROR) (\S+?::[^\[]*?(?:\[.*?\])?|\S+\.py)(?: - .*)?",  # pytest
        r"(?:FAIL|ERROR): (\w+ \([\w.]+\))",  # unittest
        r" *--- FAIL: (\S+)(?: .*)?",  # go
        r"test (\S+) \.\.\. FAILED",  # cargo
        r" *not ok \d+ - (.+?)(?: # .*)?",  # TAP
        r" *\u25cf (.+ \u203a .+)",  # jest
        r" *FAIL  (\S+ > .+)",  # vitest
        r" *\u2716 (.+) \([\d.]+ ?ms\)",  # node
    )
)


def failing_tests_in(output: str) -> list[str]:
    """Names of tests that failed, each once, in the order of the output; at most 30."""
    found: dict[str, None] = {}
    for line in output.splitlines():
        text = line.rstrip()[: 2 * NAME_LIMIT]
        match = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
        if match and match[1].isprintable():
            found[match[1][:NAME_LIMIT]] = None
    return list(found)[:SHOWN]
