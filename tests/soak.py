"""How much is tried: a sample, or for hours as ``make soak`` does."""

from __future__ import annotations

import os

SOAK = os.environ.get("CDE_SIMULATION_SOAK") == "1"
"""Whether every case is tried, and not only a sample."""
