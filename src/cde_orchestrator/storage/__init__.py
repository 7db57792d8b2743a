"""The state engine: a journal that is the truth, and checkpoints made of it (ADR 2)."""
