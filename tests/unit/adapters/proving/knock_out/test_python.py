"""Functions of Python that are knocked out, in every way in which they are written."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent
from typing import Any

import pytest

from cde_orchestrator.adapters.proving.knock_out.knock_outs import SourceKnockOuts
from cde_orchestrator.application.ports.proving import ChangedFile, Place
from cde_orchestrator.domain.proofs import HowKnockedOut
from tests.python_conditions import effect

KNOCK_OUTS = SourceKnockOuts()
HOW: tuple[HowKnockedOut, ...] = ("nothing", "other", "control")


def changed(before: str | None, after: str) -> ChangedFile:
    """A module that was changed."""
    old = None if before is None else dedent(before).encode()
    return ChangedFile("shop/pay.py", old, dedent(after).encode())


def names(before: str | None, after: str) -> list[str]:
    """What changed in it."""
    return [place.name for place in KNOCK_OUTS.places(changed(before, after))]


def text(before: str | None, after: str, how: HowKnockedOut = "nothing") -> str:
    """It with all that changed knocked out."""
    file = changed(before, after)
    return KNOCK_OUTS.knocked_out(file, KNOCK_OUTS.places(file), how).decode()


def run(after: str, how: HowKnockedOut = "nothing") -> dict[str, Any]:
    """What a new module defines when all of it is knocked out."""
    space: dict[str, Any] = {"__name__": "pay"}
    exec(compile(text(None, after, how), "pay.py", "exec", dont_inherit=True), space)
    return space


@pytest.mark.parametrize(
    "after",
    [
        "def total():\n    # of all\n\n    return  1\n",
        "def total():\n    'Sum.'\n    return 1\n",
        "def total( ): return (1)\n",
        "# moved\n\n\ndef total():\n\treturn 1\n",
        "def total():\n    pass\n    return 1\n",
    ],
)
def test_comments_blank_lines_docstrings_and_format_are_no_change(after: str) -> None:
    assert names("def total():\n    return 1\n", after) == []


@pytest.mark.parametrize(
    "after",
    [
        "def total(rate=1):\n    return 1\n",
        "def total() -> int:\n    return 1\n",
        "@cache\ndef total():\n    return 1\n",
        "async def total():\n    return 1\n",
        "def total():\n    return 2\n",
    ],
)
def test_body_decorators_defaults_annotations_and_kind_are_of_a_function(after: str) -> None:
    assert names("def total():\n    return 1\n", after) == ["total"]


def test_a_function_that_moved_in_the_file_is_no_change() -> None:
    one, two = "def one():\n    return 1\n", "def two():\n    return 2\n"

    assert names(one + two, two + one) == []
    assert names(one + two, f"if True:\n    {'    '.join(one.splitlines(True))}\n{two}") == []


def test_the_innermost_function_that_changed_is_the_place() -> None:
    code = """
        def outer():
            def inner():
                return {0}
            return inner() + {1}
        class Card:
            class Face:
                def total(self):
                    return {2}
        """

    assert names(code.format(1, 1, 1), code.format(2, 1, 1)) == ["outer.inner"]
    assert names(code.format(1, 1, 1), code.format(1, 2, 1)) == ["outer"]
    assert names(code.format(1, 1, 1), code.format(2, 2, 2)) == [
        "outer",
        "outer.inner",
        "Card.Face.total",
    ]


def test_functions_of_one_name_have_numbers() -> None:
    code = """
        class Card:
            @property
            def limit(self):
                return self._limit
            @limit.setter
            def limit(self, value):
                self._limit = {0}
        if posix:
            def path(): return "/"
        else:
            def path(): return {1}
        """

    assert names(None, code.format("value", '"C:"')) == [
        "Card.limit",
        "Card.limit#2",
        "path",
        "path#2",
    ]
    assert names(code.format("value", '"C:"'), code.format("5", '"C:"')) == ["Card.limit"]
    assert "_limit = 5" in text(code.format("value", '""'), code.format("5", '""'))


@pytest.mark.parametrize(
    "body",
    [
        "...",
        "pass",
        '"""Only words."""',
    ],
)
def test_a_function_without_a_body_of_its_own_is_no_place(body: str) -> None:
    port = f"class Port(Protocol):\n    def load(self):\n        {body}\n"

    assert names(None, f"{port}def pay(): return 1\n") == ["pay"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "def total(a,\n          b): # both\n    '''Sum.'''\n    return a\n",
            "def total(a,\n          b): # both\n    '''Sum.'''\n    b\n",
            "def total(a,\n          b): # both\n    '''Sum.'''\n    return None\n    b\n",
        ),
        ("", "def total(): return 1\n", "def total(): return None; return 1\n"),
        ("", 'def total(): "Sum."; return 1\n', 'def total(): "Sum."; return None; return 1\n'),
        (
            "",
            "def total():\r\n\treturn 1\r\n",
            "def total():\r\n\treturn None\r\n\treturn 1\r\n",
        ),
        ("", "double = lambda x: x * 2\n", "double = lambda x: None\n"),
        ("", "double = (lambda x:\n x * 2)\n", "double = (lambda x:\n None)\n"),
    ],
)
def test_the_old_body_stays_as_code_that_never_runs(before: str, after: str, expected: str) -> None:
    assert effect(text(before, after)) == effect(expected)


CONTROLLED = """
    LIMIT = 5
    double = lambda x: x * 2
    def total():
        return 1
    def one(): x  # y
    def two(): "Two."; return 2
    def three():
        "Three."; return 3
    def each(): yield 1
    class A:
\tdef b(self):
\t\tc()
    class B(C):
        def __init__(self): super().__init__(); self.d = 1
        @abstractmethod
        def e(self): ...
    """


@pytest.mark.parametrize("before", [None, "LIMIT = 4\ndef total():\n    return 0\n"])
def test_the_control_has_the_shape_of_both_knock_outs_and_no_effect(before: str | None) -> None:
    """Whoever looks at the text, the syntax tree or the bytecode sees it there, too."""
    after = dedent(CONTROLLED.replace("\n\t", "\n    \t"))
    texts = {how: text(before, after, how) for how in HOW}

    assert effect(texts["control"]) == effect(after)
    assert len({effect(each) for each in texts.values()}) == len(HOW)
    shapes = {each.replace("!=", "==") for each in texts.values()}
    assert len(shapes) == 1
    assert len({len(each) for each in texts.values()}) == 1


def test_the_bytecode_of_the_control_differs_from_that_of_the_code() -> None:
    after = "def total(a):\n    return a + 1\n"
    codes = [run_text(text(None, after, how))["total"].__code__ for how in HOW]
    code = run_text(after)["total"].__code__

    assert len({(each.co_consts, each.co_names, len(each.co_code)) for each in codes}) == 1
    assert codes[HOW.index("control")].co_code != code.co_code


def test_code_that_has_no_name_is_knocked_out_all_the_same() -> None:
    space: dict[str, Any] = {}
    exec(text(None, "def total():\n    return 1\n"), space)

    assert space["total"]() is None


def test_kinds_of_functions_stay_what_they_are() -> None:
    code = """
        def each(): yield 1
        async def one(): return 1
        async def many():
            yield 1
        """
    for how in ("nothing", "other"):
        space = run(code, how)
        flags = [space[name].__code__.co_flags & 0x2A0 for name in ("each", "one", "many")]
        assert flags == [0x20, 0x80, 0x200]

    assert list(run(code)["each"]()) == []
    assert list(run(code, "other")["each"]()) != [1]


PROTOCOLS = """
    class Card:
        def __init__(self, number):
            self.number = number
        def __new__(cls, number): return object.__new__(cls)
        def __hash__(self): return 5
        def __bool__(self): return True
        def __len__(self): return 3
        def __eq__(self, other): return True
        def __str__(self): return "card"
        def __repr__(self): return "card"
        def __index__(self): return 3
        def __float__(self): return 3.0
        def __contains__(self, one): return True
        def __iter__(self): return iter([1])
        def __enter__(self): return self
        def __exit__(self, *_): return False
        def __dir__(self): return ["number"]
        def __setattr__(self, name, value): object.__setattr__(self, name, value)
        def __class_getitem__(cls, item): return cls
    class Numbers:
        def __iter__(self): return self
        def __next__(self): return 1
    """


@pytest.mark.parametrize("how", ["nothing", "other"])
def test_what_python_itself_calls_gives_back_what_python_allows(how: HowKnockedOut) -> None:
    space = run(PROTOCOLS, how)
    card = space["Card"](5)

    assert card.number != 5
    assert not isinstance(card.number, int)
    for use in (hash, bool, len, str, repr, float, list, dir):
        use(card)
    assert [*range(8_000)][card] == (0 if how == "nothing" else 7919)
    assert len(list(space["Numbers"]())) < 2
    with card as entered:
        assert (entered is card) is (how == "nothing")
    assert bool(card) is (how == "other")
    assert space["Card"][int] is space["Card"]


@pytest.mark.parametrize("how", ["nothing", "other"])
def test_what_a_decorator_decorates_can_be_called(how: HowKnockedOut) -> None:
    space = run(
        """
        from contextlib import contextmanager
        def traced(function):
            def call(*args):
                return function(*args)
            return call
        def retried(times):
            def decorator(function):
                def call(*args):
                    return function(*args)
                return call
            return decorator
        KNOWN = []
        def known(function):
            KNOWN.append(function)
            return function
        class Query:
            def limit(self, number):
                self.number = number
                return self
        def adder(number):
            def add(other):
                return number + other
            return add
        @contextmanager
        def opened():
            yield 5
        @traced
        def one(): return 1
        @retried(3)
        def two(): return 2
        @known
        def three(): return 3
        """,
        how,
    )

    assert space["one"]() != 1
    assert space["two"]() != 2
    assert space["three"]() != 3
    assert space["KNOWN"] == []
    assert not hasattr(space["Query"]().limit(5), "number")
    assert space["adder"](1)(2) != 3
    with space["opened"]() as value:
        assert value != 5


def test_a_base_class_is_set_up_before_a_constructor_is_knocked_out() -> None:
    space = run(
        """
        from threading import Thread
        class Worker(Thread):
            def __init__(self, job):
                super().__init__(name="worker")
                self.job = job
        """
    )

    assert space["Worker"](5).name == "worker"
    assert space["Worker"](5).job is None


def test_code_outside_of_functions_is_put_back() -> None:
    before = 'import a\nLIMIT = 5\nclass Card(Base):\n    kind = "a"\n    name: str\nsend("x")\n'
    after = (
        'import b\nLIMIT = 6\nNEW = 7\nclass Card(Other):\n    kind = "b"\n    name: Text\n'
        'send("y")\nopen_up()\n'
    )
    assert names(before, after) == ["lines 2-8"]
    assert effect(text(before, after)) == effect(
        'import b\nLIMIT = 5\nNEW = 0\nclass Card(Base):\n    kind = "a"\n    name: str\n'
        'send("x")\npass\n'
    )
    assert effect(text(before, after, "control")) == effect(after)


@pytest.mark.parametrize(
    "after",
    [
        "__all__ = ['Card']\n",
        "try:\n    import fast\nexcept ImportError:\n    fast = None\n",
        "from __future__ import annotations\nfrom b import *\n",
    ],
)
def test_names_that_do_nothing_by_themselves_are_no_places(after: str) -> None:
    assert names("", after) == []


@pytest.mark.parametrize("base", ["", "(NamedTuple)"])
@pytest.mark.parametrize("how", ["nothing", "other"])
def test_new_fields_are_given_and_never_read(base: str, how: HowKnockedOut) -> None:
    """Whatever makes an instance still does, so that only those see it who read the field."""
    decorator = "" if base else "@dataclass(frozen=True, slots=True)"
    before = f"""
        from dataclasses import dataclass, field
        from typing import NamedTuple
        {decorator}
        class Card{base}:
            number: str
        """
    after = f"""{before}
            currency: str
            name: str
        """
    space = run_text(text(before, after, how))
    card = space["Card"]("1", "EUR", "A")

    assert card.number == "1"
    assert card.currency is card.name is (None if how == "nothing" else object)


@pytest.mark.parametrize(
    ("base", "other"), [("ValueError", "Exception"), ("Exception", "BaseException")]
)
def test_a_new_kind_of_error_is_of_another_kind(base: str, other: str) -> None:
    code = "class CardError({0}):\n    'No card.'\n"

    assert text("", code.format(base)) == code.format(other)


def test_new_values_that_are_made_have_none() -> None:
    after = """
        from dataclasses import dataclass, field
        PATTERN = compile("a", "b", "eval")
        @dataclass
        class Card:
            number: str
            names: list[str] = field(default_factory=list)
        """
    space = run(after)

    assert space["PATTERN"] is None
    assert space["Card"]("1").names is None


def test_what_is_in_a_condition_is_a_part_by_itself() -> None:
    code = "if {0}:\n    LIMIT = {1}\n    def pay(): return {2}\nelse:\n    start({3})\n"
    before = code.format("posix", 5, 1, 7)

    assert names(before, code.format("nt", 5, 1, 7)) == ["line 1"]
    assert names(before, code.format("posix", 6, 2, 8)) == ["line 2", "pay", "line 5"]
    assert effect(text(before, code.format("nt", 6, 1, 8))) == effect(before)


@pytest.mark.parametrize(
    ("after", "nothing"),
    [
        ("class Card(TypedDict):\n    number: int\n", "class Card(TypedDict):\n    pass\n"),
        ("limit = find()\n", "limit = None\n"),
        ("import a.b\nfrom c import d, e as f\n", "a = None\nd = f = None\n"),
        (
            "@final\nclass Marker(Base):\n    pass\n",
            "@final\nclass Marker(Base): pass\nMarker = None\n",
        ),
    ],
)
def test_names_alone_are_a_last_resort(after: str, nothing: str) -> None:
    """Without them, tests would fail for lack of a name, whatever they assert."""
    file = changed("", after)
    places = KNOCK_OUTS.places(file)

    assert [(place.kind, place.is_last_resort) for place in places] == [("hunk", True)]
    assert effect(text("", after)) == effect(nothing)
    assert effect(text("", after, "other")) == effect(nothing.replace("None", "object"))
    assert effect(text("", after, "control")) == effect(after)
    assert names("", f"{after}def pay(): return 1\n") == ["pay"]


@pytest.mark.parametrize(
    ("after", "nothing"), [("LIMIT = 0\n", "LIMIT = 7919\n"), ("LIMIT = 7919\n", "LIMIT = 0\n")]
)
def test_a_new_constant_is_another_one(after: str, nothing: str) -> None:
    assert effect(text("", after)) == effect(nothing)
    assert not any(place.is_last_resort for place in KNOCK_OUTS.places(changed("", after)))


def test_a_removed_function_is_put_back_where_nothing_took_its_place() -> None:
    before = (
        "class Card:\n    def old(self):\n        return 1\n    limit = 5\n\ndef gone(): pass\n"
    )

    assert names(before, "class Card:\n    limit = 5\n") == ["removed Card.old", "removed gone"]
    assert run_text(text(before, "class Card:\n    limit = 5\n"))["Card"]().old() == 1
    assert names(before, "from new import gone\nclass Card(Base):\n    limit = 5\n") == ["line 2"]


def run_text(code: str) -> dict[str, Any]:
    """What a module defines."""
    space: dict[str, Any] = {}
    exec(compile(code, "pay.py", "exec", dont_inherit=True), space)
    return space


@pytest.mark.parametrize(
    "content",
    [
        "# -*- coding: latin-1 -*-\ndef name(): return 'é'\n".encode("latin-1"),
        b"\xef\xbb\xbfdef name(): return 1",
    ],
)
def test_encodings_are_kept(content: bytes) -> None:
    file = ChangedFile("a.py", None, content)

    edited = KNOCK_OUTS.knocked_out(file, KNOCK_OUTS.places(file), "nothing")

    body = content.index(b"return")
    assert edited.startswith(content[:body])
    assert edited.endswith(content[body:])
    assert b"return None" in edited


@pytest.mark.parametrize(
    "content",
    [
        b"def total(:\n",
        b"# coding: klingon\nx = 1\n",
        b"# coding: ascii\nx = '\xe9'\n",
        b"x = " + b"(" * 500 + b")" * 500 + b"\n",
    ],
)
def test_what_is_no_python_for_this_interpreter_is_put_back_by_lines(content: bytes) -> None:
    file = ChangedFile("a.py", b"y = 1\n", content)
    places = KNOCK_OUTS.places(file)
    lines = content.count(b"\n")

    assert places == [Place("a.py", "line 1" if lines == 1 else f"lines 1-{lines}", "hunk")]
    assert KNOCK_OUTS.knocked_out(file, places, "nothing") == b"y = 1\n"


@pytest.mark.parametrize(
    "code",
    [
        '"""Words."""\nfrom __future__ import annotations\nx = 1\n',
        "from __future__ import (\n    annotations,\n); x = 1\n",
        "#!/usr/bin/env python\n# coding: utf-8\nx = 1\n",
        "@cache\ndef total(): pass\n",
        "# nothing yet",
        "",
        "def total(:\n",
    ],
)
def test_a_broken_module_fails_when_it_is_loaded(code: str) -> None:
    broken = KNOCK_OUTS.broken(changed(None, code))

    with pytest.raises((RuntimeError, SyntaxError)):
        exec(broken, {"cache": Callable})


def test_a_file_that_is_gone_has_no_places() -> None:
    assert KNOCK_OUTS.places(ChangedFile("a.py", b"def total(): return 1\n", None)) == []


def test_only_the_places_that_are_asked_for_are_knocked_out() -> None:
    file = changed(None, "def one(): return 1\ndef two(): return 2\n")
    place = Place("shop/pay.py", "two", "function")

    edited = KNOCK_OUTS.knocked_out(file, [place], "nothing").decode()

    assert effect(edited) == effect(
        "def one(): return 1\ndef two():\n    return None\n    return 2\n"
    )


PRICED = """
    from abc import ABC, abstractmethod
    class Priced(ABC):
        @abstractmethod
        def price(self):
            {0}
    """


@pytest.mark.parametrize("body", ["...", "raise NotImplementedError", '"Price."'])
def test_a_class_without_its_abstract_functions_has_instances(body: str) -> None:
    code = PRICED.format(body)

    assert names(None, code) == ["Priced.price"]
    assert run(code)["Priced"]().price() is None
    with pytest.raises(TypeError):
        run(code, "control")["Priced"]()
    before = code.replace(
        "        @abstractmethod", "        def name(self): ...\n        @classmethod"
    )
    assert names(before, code) == ["Priced.price"]


def test_what_says_that_it_is_not_implemented_says_so_no_longer() -> None:
    code = "class Priced:\n    def price(self):\n        raise NotImplementedError\n"

    assert names(None, code) == ["Priced.price"]
    assert run(code)["Priced"]().price() is None


def test_a_class_of_types_alone_has_no_meaning_but_what_it_needs_has_one() -> None:
    code = """
        from typing import Protocol
        class Priced(Protocol):
            def price(self) -> int: ...
        """

    assert names(None, code) == ["line 3"]
    assert run(code)["Priced"] is None
    assert run(code, "other")["Priced"] is object
    assert run(code, "control")["Priced"].__name__ == "Priced"
    assert run(code)["Protocol"] is not None
