"""Honest changes of small projects in Python are proven at the first try."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from cde_orchestrator.domain.proofs import Proof, ProofSeen
from tests.integration.proving.claims import examine, with_this_python

FILE = "tests/test_it.py"


@dataclass(frozen=True)
class Change:
    """What was there, what became of it, and the test of it; or the command."""

    before: str
    after: str
    test: str = ""
    command: tuple[str, ...] = ()
    contains: str = ""
    others: dict[str, str] = field(default_factory=dict)

    @property
    def proof(self) -> str | Proof:
        """What is offered."""
        if self.command:
            return Proof(command=self.command, contains=self.contains)
        name = next(line for line in self.test.splitlines() if "def test_" in line)
        return f"{FILE}::{name.split('def ')[1].partition('(')[0]}"


CHANGES = {
    "a new function": Change(
        "",
        "def fee(x): return x * 7 // 100\n",
        "from shop import fee\ndef test_it(): assert fee(100) == 7\n",
    ),
    "a function that is called otherwise": Change(
        "def fee(x):\n    return x\n",
        "def fee(x, rate=7):\n    return x * rate // 100\n",
        "from shop import fee\ndef test_it(): assert fee(100, rate=5) == 5\n",
    ),
    "a bug": Change(
        "def mean(xs):\n    return sum(xs) / len(xs)\n",
        "def mean(xs):\n    return sum(xs) / len(xs) if xs else 0\n",
        "from shop import mean\ndef test_it(): assert mean([]) == 0\n",
    ),
    "a bug whose right answer is nothing": Change(
        "def first(xs):\n    return xs[0]\n",
        "def first(xs):\n    return xs[0] if xs else None\n",
        "from shop import first\ndef test_it(): assert first([]) is None\n",
    ),
    "something that is refused": Change(
        "def pay(x):\n    return x\n",
        "def pay(x):\n    if x < 0:\n        raise ValueError(x)\n    return x\n",
        "import pytest\nfrom shop import pay\n"
        "def test_it():\n    with pytest.raises(ValueError): pay(-1)\n",
    ),
    "a part that becomes a function": Change(
        "def total(xs):\n    return sum(x * 2 for x in xs)\n",
        "def double(x):\n    return x * 2\n\ndef total(xs):\n    return sum(map(double, xs))\n",
        "from shop import double, total\n"
        "def test_it():\n    assert double(2) == 4\n    assert total([1, 2]) == 6\n",
    ),
    "an answer that is nothing": Change(
        "",
        "def is_valid(x): return bool(x) or None\n",
        "from shop import is_valid\ndef test_it(): assert is_valid(0) is None\n",
    ),
    "an error of its own": Change(
        "def pay(x):\n    return x\n",
        "class TooMuchError(ValueError):\n    def __init__(self, x): self.x = x\n\n"
        "def pay(x, most=9):\n    if x > most:\n        raise TooMuchError(x)\n    return x\n",
        "import pytest\nfrom shop import TooMuchError, pay\n"
        "def test_it():\n    with pytest.raises(TooMuchError): pay(10)\n",
    ),
    "a function that was there is exported elsewhere": Change(
        "",
        "from prices import fee\n",
        "from shop import fee\ndef test_it(): assert fee(100) == 7\n",
        others={"prices.py": "def fee(x): return x * 7 // 100\n"},
    ),
    "a method": Change(
        "class Cart:\n    def __init__(self): self.xs = []\n",
        "class Cart:\n    def __init__(self): self.xs = []\n"
        "    def add(self, x): self.xs.append(x)\n",
        "from shop import Cart\n"
        "def test_it():\n    cart = Cart()\n    cart.add(1)\n    assert cart.xs == [1]\n",
    ),
    "a property": Change(
        "class Cart:\n    xs = [1, 2]\n",
        "class Cart:\n    xs = [1, 2]\n    @property\n    def size(self): return len(self.xs)\n",
        "from shop import Cart\ndef test_it(): assert Cart().size == 2\n",
    ),
    "a constant": Change(
        "RATE = 5\ndef fee(x): return x * RATE\n",
        "RATE = 7\ndef fee(x): return x * RATE\n",
        "from shop import fee\ndef test_it(): assert fee(2) == 14\n",
    ),
    "a field": Change(
        "from dataclasses import dataclass\n@dataclass\nclass Item:\n    name: str\n",
        "from dataclasses import dataclass\n@dataclass\nclass Item:\n    name: str\n"
        "    price: int = 0\n",
        "from shop import Item\ndef test_it(): assert Item('a').price == 0\n",
    ),
    "a decorator that is used where it is": Change(
        "",
        "KNOWN = {}\n\ndef register(name):\n    def keep(function):\n"
        "        KNOWN[name] = function\n        return function\n    return keep\n\n"
        "@register('a')\ndef answer():\n    return 42\n",
        "from shop import KNOWN\ndef test_it(): assert KNOWN['a']() == 42\n",
    ),
    "a table that a function makes": Change(
        "def names():\n    return ['a']\n\nNAMES = {n: n for n in names()}\n",
        "def names():\n    return ['a', 'b']\n\nNAMES = {n: n for n in names()}\n",
        "def test_it():\n    from shop import NAMES\n    assert 'b' in NAMES\n",
    ),
    "a generator": Change(
        "",
        "def pairs(xs):\n    for x in xs:\n        yield x, x\n",
        "from shop import pairs\ndef test_it(): assert list(pairs([1])) == [(1, 1)]\n",
    ),
    "a coroutine": Change(
        "",
        "async def load():\n    return 7\n",
        "import asyncio\nfrom shop import load\ndef test_it(): assert asyncio.run(load()) == 7\n",
    ),
    "a test with cases": Change(
        "",
        "def even(x): return x % 2 == 0\n",
        "import pytest\nfrom shop import even\n"
        "@pytest.mark.parametrize(('x', 'y'), [(1, False), (2, True)])\n"
        "def test_it(x, y): assert even(x) is y\n",
    ),
    "a test with a fixture": Change(
        "",
        "def connect(): return {'open': True}\n",
        "import pytest\nfrom shop import connect\n"
        "@pytest.fixture\ndef link(): return connect()\n"
        "def test_it(link): assert link['open']\n",
    ),
    "a test that replaces what is not tested": Change(
        "import time\n",
        "import time\n\ndef stamp(): return f'at {time.time():.0f}'\n",
        "from unittest import mock\nimport shop\n"
        "def test_it():\n    with mock.patch('time.time', return_value=7):\n"
        "        assert shop.stamp() == 'at 7'\n",
    ),
    "an option of a command": Change(
        "import sys\n\ndef main(words): print('shop')\n\n"
        "if __name__ == '__main__':\n    main(sys.argv[1:])\n",
        "import sys\n\ndef main(words): print('shop 2.1' if '--version' in words else 'shop')\n\n"
        "if __name__ == '__main__':\n    main(sys.argv[1:])\n",
        command=("python", "shop.py", "--version"),
        contains="2.1",
    ),
    "a file with data": Change(
        "import json, pathlib\n\ndef rates():\n"
        "    return json.loads(pathlib.Path(__file__).with_name('rates.json').read_text())\n",
        "import json, pathlib\n\ndef rates():\n"
        "    return json.loads(pathlib.Path(__file__).with_name('rates.json').read_text())\n",
        "from shop import rates\ndef test_it(): assert rates()['de'] == 19\n",
        others={"rates.json": '{\n  "de": 19\n}\n'},
    ),
}


def _of_its_own(number: int, change: Change) -> tuple[dict[str, str], dict[str, str], str | Proof]:
    """The change in a module and a test file of its own: what was there, what is, its proof."""
    module, file = f"shop_{number}", f"tests/test_{number}.py"
    before, after, test = (
        text.replace("shop", module) for text in (change.before, change.after, change.test)
    )
    others = {
        name.replace("rates", f"rates_{number}"): data for name, data in change.others.items()
    }
    if others:
        before, after = (text.replace("rates.json", next(iter(others))) for text in (before, after))
    proof = change.proof
    if isinstance(proof, str):
        return (
            {f"{module}.py": before},
            {f"{module}.py": after, file: test, **others},
            (proof.replace(FILE, file)),
        )
    words = tuple(word.replace("shop", module) for word in proof.command)
    given = {f"{module}.py": before}, {f"{module}.py": after, **others}
    return *given, Proof(command=words, contains=proof.contains)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ProofSeen]:
    """What is seen of the proof of each change, where one project has them all."""
    base, work, proofs = dict[str, str](), dict[str, str](), list[str | Proof]()
    for number, change in enumerate(CHANGES.values()):
        before, after, proof = _of_its_own(number, change)
        base |= before
        work |= after
        proofs.append(proof)
    with pytest.MonkeyPatch.context() as monkeypatch:
        with_this_python(monkeypatch)
        evidence = examine(tmp_path_factory.mktemp("project"), base, work, proofs)
    assert evidence.runs <= 8
    return dict(zip(CHANGES, evidence.criteria[0].proofs, strict=True))


@pytest.mark.parametrize("name", CHANGES)
def test_an_honest_change_is_proven(name: str, seen: dict[str, ProofSeen]) -> None:
    assert seen[name].reason == ""
    assert seen[name].proves
