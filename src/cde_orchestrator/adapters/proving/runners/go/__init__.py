"""``go test``."""
