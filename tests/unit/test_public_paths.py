"""The import paths for those who embed the package: they are real, wherever the code is."""

from __future__ import annotations

from importlib import import_module

import pytest

PACKAGE = "cde_orchestrator"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("infrastructure.logging", ["setup_logging"]),
        ("infrastructure.health", ["HealthMonitor", "get_health_status"]),
        ("infrastructure.circuit_breaker", ["CircuitBreaker"]),
        ("adapters.filesystem_project_repository", ["FilesystemProjectRepository"]),
        ("mcp_tools.health", ["cde_getHealth"]),
        ("testing", ["FaultyFileOps", "InMemoryProjectRepository", "ManualClock"]),
        ("domain.project", ["Project"]),
        ("domain.exceptions", ["CDEError", "CircuitBreakerOpenError", "ProjectError"]),
        ("domain.errors.messages", ["ERROR_MESSAGES"]),
        ("domain.errors.formatter", ["ErrorFormatter"]),
    ],
)
def test_a_public_path_leads_to_the_code_itself(path: str, names: list[str]) -> None:
    module = import_module(f"{PACKAGE}.{path}")

    for name in names:
        found = getattr(module, name)
        home = getattr(found, "__module__", module.__name__)
        assert getattr(import_module(home), name) is found
    assert set(names) <= set(getattr(module, "__all__", names))
