"""``cde`` as a program that others start: it hands its command to a server that forks it.

Run as ``python -I -S forked.py ADDRESS POWERLESS COMMAND...``: the process that does it has this
one's pipes, folder and environment. Signals are passed on to it, SIGKILL included, and this
program ends as it ends.
"""

from __future__ import annotations

import marshal
import os
import resource
import signal
import socket
import sys
from typing import NoReturn

NUMBER_BYTES = 8
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def received(connection: socket.socket) -> int:
    """The next number that is said; EOFError when nobody will say one any more."""
    data = b""
    while len(data) < NUMBER_BYTES:
        part = connection.recv(NUMBER_BYTES - len(data))
        if not part:
            raise EOFError("the other process ended")
        data += part
    return int.from_bytes(data, "big", signed=True)


def sent(connection: socket.socket, number: int) -> None:
    """Say a number."""
    connection.sendall(number.to_bytes(NUMBER_BYTES, "big", signed=True))


def of_program(address: str, process: int) -> str:
    """The link whose target is the id of the process that such a program became."""
    return f"{address}-{process}"


def main(address: str, powerless: str, *words: str) -> NoReturn:
    """Be the command for whoever started this program."""
    link = of_program(address, os.getpid())
    if os.path.lexists(link):
        os.unlink(link)  # it is of an earlier process that had the same id
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    umask = os.umask(0)
    os.umask(umask)
    request = {
        "words": words,
        "folder": os.getcwd(),  # noqa: PTH109 - it takes longer to load than the rest
        "environment": dict(os.environ),
        "is_powerless": powerless == "powerless",
        "umask": umask,
        "files": resource.getrlimit(resource.RLIMIT_NOFILE),
    }
    socket.send_fds(connection, [marshal.dumps(request)], [0, 1, 2])
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    begun = received(connection)
    os.symlink(str(begun), link)
    for number in PASSED_ON:
        signal.signal(number, lambda got, _: sent(connection, got))
    code = received(connection)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
