"""Projects in files: the public face of ``adapters.repositories``."""

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository

__all__ = ["FilesystemProjectRepository"]
