"""CDE Orchestrator: takes coding agents and people through the phases of a feature."""

__version__ = "0.1.0"
