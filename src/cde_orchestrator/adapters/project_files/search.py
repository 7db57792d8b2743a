"""Searches with one regular expression, in a process apart; imports the standard library alone."""

import re


def answer(request: list[str]) -> bool:
    """Whether the expression, which comes first, matches in the text."""
    expression, text = request
    return re.search(expression, text, re.MULTILINE) is not None
