"""What tests of attacks share: a home that nobody else uses, and a project in it."""

from __future__ import annotations

from tests.integration.conftest import anyio_backend, project, user_configuration

__all__ = ["anyio_backend", "project", "user_configuration"]
