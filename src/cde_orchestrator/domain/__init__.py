"""The rules: entities, invariants and errors, without any I/O."""
