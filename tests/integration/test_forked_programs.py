"""A program of the tests says which process does its work, whatever ran before it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests import forked
from tests.command_line import became, program

WITH_A_LINK_OF_ANOTHER = 'ln -s 1 "$0-$$"; exec "$@"'


def test_a_process_takes_the_place_of_an_earlier_one_with_its_id(tmp_path: Path) -> None:
    words = program()
    address = words[words.index(forked.__file__) + 1]
    command = ["sh", "-c", WITH_A_LINK_OF_ANOTHER, address, *words, "--version"]

    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as started:
        said, _ = started.communicate()

    assert (started.returncode, said.startswith("cde")) == (0, True)
    assert became(words, started.pid) not in {1, started.pid}
