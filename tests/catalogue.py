"""What the entries of the error catalogue want from whoever raises the error."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Reader
from cde_orchestrator.domain.errors.template import placeholders


def wishes(entry: ErrorMessage) -> frozenset[str]:
    """Every name that the words and the fixes want from the context."""
    arguments = (str(value) for fix in entry.fixes for value in fix.arguments.values())
    words = (word for fix in entry.fixes for word in fix.command)
    advice = (text for reader in Reader for text in entry.suggestions_for(reader))
    texts = (entry.description, *advice, *arguments, *words)
    return frozenset().union(*map(placeholders, texts))
