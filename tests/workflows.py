"""A workflow that several tests begin with."""

SHORT = """\
version: 1
workflows:
  short:
    phases:
      - id: define
        prompt: standard/define.md
        outputs:
          - {id: spec, path: "specs/{feature}/spec.md"}
"""
"""One phase; what follows may be another output of it, more of the phase, or further phases."""
