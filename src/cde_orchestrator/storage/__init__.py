"""The state engine: a journal that is the truth, and checkpoints made of it.

Why not SQLite, which is as fast: people could not read it, one damaged page may take any part of
the state with it, and the second copy and the repair would be ours to build anyway; see
`ADR 2 <../../../docs/adr/0002-the-journal.md>`_.
"""
