"""``cargo test``."""
