"""Values: dataclasses that are compiled when the first one is made."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, Generic, TypeVar

import pytest

from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.domain.value import Value, completed
from cde_orchestrator.domain.workflow import Phase

Item = TypeVar("Item")


class Point(Value):
    """A value as most are."""

    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list, compare=False)


def fresh(**options: bool) -> Any:
    """A class of which there is no object yet."""

    class Fresh(Value, **options):
        x: int
        y: str = "y"

    return Fresh


def is_compiled(kind: Any) -> bool:
    """Whether the class has its methods."""
    return is_dataclass(kind)


def test_a_class_is_compiled_with_its_first_object() -> None:
    kind: Any = fresh()

    assert not is_compiled(kind)
    made = kind(1)
    assert is_compiled(kind)
    assert vars(kind)["__init__"] is not vars(Value)["__init__"], "the next ones cost no more"
    assert (made, hash(made)) == (kind(1, "y"), hash(kind(1, y="y")))
    assert made != kind(2)
    assert repr(made).endswith("Fresh(x=1, y='y')")


def test_it_does_what_a_dataclass_does() -> None:
    made = Point(1, tags=["a"])

    assert (replace(made, y=2), asdict(made)) == (Point(1, 2), {"x": 1, "y": 0, "tags": ["a"]})
    assert made == Point(1) != Point(1, 2)
    assert Point(3).tags is not Point(3).tags
    with pytest.raises(FrozenInstanceError):
        made.x = 2  # type: ignore[misc]  # what is refused
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg]
    match made:
        case Point(x, y):
            assert (x, y) == (1, 0)


def test_only_what_sets_the_fields_is_compiled_for_each_class() -> None:
    kind: Any = fresh()
    kind(1)

    own = {"__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__"} & {
        *vars(kind)
    }
    assert own == {"__init__"}


def test_nothing_is_added_to_it_or_taken_away() -> None:
    made: Any = Point(1)

    with pytest.raises(FrozenInstanceError, match="'z'"):
        made.z = 2
    with pytest.raises(FrozenInstanceError, match="'x'"):
        del made.x
    assert made == Point(1)


class Counted(Value):
    """One that finds out more about itself, as few do."""

    self_made: list[str] = field(default_factory=list, init=False)
    same: str = field(default="a", init=False, repr=False)
    twice: int = 0

    def __post_init__(self) -> None:
        self.self_made.append("b")


def test_fields_that_are_not_given_are_made_with_it() -> None:
    made = Counted(twice=1)

    assert (made.self_made, made.same) == (["b"], "a")
    assert repr(made) == "Counted(self_made=['b'], twice=1)"
    with pytest.raises(TypeError, match="unexpected keyword argument 'same'"):
        Counted(same="b")  # type: ignore[call-arg]  # what is refused


class Holder(Value):
    """One with a single field."""

    number: float


class Nothing(Value):
    """One without fields."""


def test_few_fields_are_compared_as_many_are() -> None:
    number = float("nan")

    assert Holder(number) == Holder(number)
    assert hash(Holder(1.0)) == hash(Holder(1))
    assert Nothing() == Nothing() != Holder(1)
    assert hash(Nothing()) == hash(Nothing())
    with pytest.raises(TypeError, match="unhashable"):
        hash(Holder([]))  # type: ignore[arg-type]  # what is refused


class Looped(Value):
    """One that may hold itself."""

    inner: list[Any]


def test_one_that_holds_itself_can_be_shown() -> None:
    made = Looped([])
    made.inner.append(made)

    assert repr(made) == "Looped(inner=[...])"


def test_it_may_change_or_be_made_by_names_alone() -> None:
    changing, named = fresh(frozen=False), fresh(kw_only=True)
    made = changing(1)
    made.x = 2

    assert made == changing(2)
    with pytest.raises(TypeError, match="unhashable"):
        hash(made)
    assert named(x=1).x == 1
    with pytest.raises(TypeError, match="positional"):
        named(1)


def test_the_fields_of_a_class_can_be_asked_for_before_it_has_an_object() -> None:
    kind: Any = fresh()

    assert [each.name for each in fields(completed(kind))] == ["x", "y"]
    assert completed(kind) is kind
    assert completed(int) is int


def test_a_value_that_inherits_from_one_has_the_fields_of_both() -> None:
    base = fresh()

    class Longer(base):  # type: ignore[misc, valid-type]  # made by a function
        z: int = 0

        def sum(self) -> int:
            return int(self.x + self.z)

    base(1)
    assert Longer(1, "y", 2).sum() == 3
    assert Longer(1, "y") != base(1, "y")


def test_classes_below_one_without_fields_are_compiled_each_for_itself() -> None:
    class Base(Value, Generic[Item], abstract=True):
        """What several have in common."""

    class First(Base[int]):
        x: int

    class Second(Base[str]):
        y: str

    assert First(1).x == 1
    assert not is_compiled(Second)
    assert Second("y").y == "y"


def test_one_that_was_copied_or_unpickled_is_the_same() -> None:
    made = Point(1, tags=["a"])

    assert copy.copy(made) == copy.deepcopy(made) == pickle.loads(pickle.dumps(made)) == made


def test_one_that_another_process_made_has_its_fields() -> None:
    """Where none was made yet: this process cannot say it, as it made one."""
    made: list[Any] = [Phase(id="build", prompt="p.md"), ResumeFeature(feature_id="f")]
    code = (
        "import pickle, sys\n"
        "from dataclasses import asdict, fields, replace\n"
        "for each in pickle.load(sys.stdin.buffer):\n"
        "    print([each.name for each in fields(each)])\n"
        "    print(asdict(each) == asdict(replace(each)))\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input=pickle.dumps(made), capture_output=True, check=True)

    names = [str([field.name for field in fields(each)]) for each in made]
    assert done.stdout.decode().splitlines() == [names[0], "True", names[1], "True"]


def test_what_inherits_from_one_that_changes_changes_too() -> None:
    class Changing(Value, frozen=False):
        x: int

    class Below(Changing):  # type: ignore[misc]  # mypy wants frozen=False said again
        y: int = 0

    made: Any = Below(1)
    made.x, made.y = 2, 3

    assert (made.x, made.y) == (2, 3)
    with pytest.raises(TypeError):
        hash(made)


def test_the_fields_of_one_that_changes_are_set_as_others_are() -> None:
    seen: list[str] = []

    class Seen(Value, frozen=False):
        x: int
        y: int = 0

        def __setattr__(self, name: str, value: object) -> None:
            seen.append(name)
            object.__setattr__(self, name, value)

    assert Seen(1) == Seen(1)
    assert seen == ["x", "y"] * 2


def test_a_field_that_must_be_given_after_one_that_need_not_is_refused() -> None:
    class Odd(Value):
        x: int = 0
        y: int  # type: ignore[misc]  # what is tested

    for _ in range(2):
        with pytest.raises(TypeError, match="'y'"):
            completed(Odd)


@pytest.mark.parametrize("use", [repr, hash, lambda each: each == 1])
def test_an_object_that_nothing_made_completes_its_class_too(use: Callable[[Any], Any]) -> None:
    kind: Any = fresh()
    bare = object.__new__(kind)  # as pickle makes one
    bare.__dict__.update(x=1, y="y")

    use(bare)

    assert is_compiled(kind)
    assert bare == kind(1)
    assert hash(bare) == hash(kind(1))


def test_threads_that_make_the_first_ones_at_once_make_equal_ones() -> None:
    for _ in range(20):
        kind, together, made = fresh(), threading.Barrier(4), list[Any]()

        def work(
            kind: Any = kind, together: threading.Barrier = together, made: list[Any] = made
        ) -> None:
            together.wait()
            made.append(kind(1))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(made) == 4
        assert {*made} == {kind(1)}


def test_an_ordinary_dataclass_may_hold_one() -> None:
    @dataclass(frozen=True)
    class Holder:
        point: Point

    assert asdict(Holder(Point(1))) == {"point": {"x": 1, "y": 0, "tags": []}}
