"""Root without its rights, as in a container: what others own is as closed to it as to anybody."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

START = (sys.executable, __file__)
"""What runs the command that follows it without these rights."""

_VERSION_3, _SET_SECUREBITS, _NO_ROOT = 0x20080522, 28, 1  # as linux/capability.h has them


def give_up_rights() -> None:
    """Have no right over what is others', in this process and all that it starts.

    Whoever is not root has none anyway.

    Raises:
        OSError: the system refuses it.
    """
    if os.geteuid() != 0:
        return
    system: Any = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    failed = system.prctl(_SET_SECUREBITS, _NO_ROOT, 0, 0, 0)
    if failed or system.capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "the rights of root are kept")


if __name__ == "__main__":
    give_up_rights()
    os.execv(sys.argv[1], sys.argv[1:])
