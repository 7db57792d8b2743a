"""Which files are documents: texts and pictures for people, which no program runs."""

from __future__ import annotations

from pathlib import PurePosixPath

_SUFFIXES = frozenset(
    {
        *(".md", ".markdown", ".rst", ".adoc", ".asciidoc", ".org", ".txt", ".text", ".rtf"),
        *(".pdf", ".doc", ".docx", ".odt"),
        *(".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif", ".bmp", ".ico", ".tiff"),
    }
)
_NAMES = frozenset(
    {
        *("license", "licence", "copying", "notice", "authors", "contributors", "maintainers"),
        *("readme", "changelog", "changes", "history", "news", "todo", "security", "contributing"),
    }
)
_NO_DOCUMENTS = frozenset({"cmakelists.txt"})


def is_document(path: str) -> bool:
    """Whether a file is a document by its name."""
    name = PurePosixPath(path).name.lower()
    if name in _NO_DOCUMENTS:
        return False
    return name in _NAMES or PurePosixPath(name).suffix in _SUFFIXES
