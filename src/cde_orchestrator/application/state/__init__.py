"""Use cases of the stored state: recover, export, undo."""
