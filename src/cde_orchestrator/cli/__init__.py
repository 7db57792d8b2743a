"""The command line, ``cde``: for people, and with ``--json`` for programs."""
