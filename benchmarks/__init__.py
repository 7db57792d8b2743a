"""Measurements of the product, each beside a yardstick of the same run."""

import os
import tempfile

# Their projects last for a moment, and are none of those that a person trusts.
os.environ.setdefault("CDE_TRUSTED_FOLDERS", tempfile.gettempdir())
