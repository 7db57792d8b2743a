"""Features are found that touched the same files, else those that are about the same."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cde_orchestrator.domain.related import SHOWN, Touched, on_files, related_to


def touched(name: str, *paths: str, goal: str = "", status: str = "completed") -> Touched:
    """A feature that touched these files."""
    return Touched(id=name, name=name, status=status, goal=goal, paths=paths)


def names(
    others: Sequence[Touched], goal: str = "", texts: Sequence[str] = (), paths: Sequence[str] = ()
) -> list[str]:
    """The names of the features that are found."""
    return [each.feature.name for each in related_to(goal, texts, set(paths), others)]


KEYS = touched("keys", "src/keys.py", "CHANGES.rst")
SIGN = touched("sign", "src/sign.py", "src/keys.py")


@pytest.mark.parametrize(
    "text",
    [
        "Correct src/sign.py please",
        "`./src/sign.py:12`",
        "| src/sign.py | new |",
        "in sign.py.",
        "(sign.py)",
    ],
)
def test_a_file_may_be_named_in_many_ways(text: str) -> None:
    assert names([KEYS, SIGN], text) == ["sign"]
    assert names([KEYS, SIGN], "Else", [text]) == ["sign"]


@pytest.mark.parametrize("text", ["design.py", "other/sign.py", "sign", "e.g. py", "src/sign.pyc"])
def test_another_file_is_none_of_them(text: str) -> None:
    assert names([KEYS, SIGN], text) == []


def test_the_rarest_file_says_most_and_then_the_newest() -> None:
    others = [KEYS, SIGN, touched("pay", "src/keys.py"), touched("cart", "src/cart.py")]

    assert names(others, paths=["src/keys.py"]) == ["pay", "sign", "keys"]
    assert names(others, paths=["src/keys.py", "src/sign.py"])[0] == "sign"
    assert names(others, "cart.py", paths=["src/keys.py"]) == ["cart", "pay", "sign"]
    assert related_to("", [], {"src/keys.py"}, others)[2].paths == ("src/keys.py",)


def test_a_file_that_everybody_touches_says_nothing() -> None:
    others = [touched(f"f{number}", "CHANGES.rst") for number in range(6)]

    assert names(others, "Add to CHANGES.rst") == []
    assert len(names(others[1:], "Add to CHANGES.rst")) == SHOWN
    assert names([*others, touched("keys", "CHANGES.rst", "a.py")], "CHANGES.rst, a.py") == ["keys"]


def test_words_are_compared_where_no_file_is_named() -> None:
    others = [
        touched("rotation", "src/keys.py", goal="Key rotation for signers"),
        touched("colours", goal="Add a colour to the button"),
        touched("older-keys", "src/key_rotation.py", goal="Withdraw old ones"),
    ]

    assert names(others, "Let rotation of keys warn the signer") == ["rotation", "older-keys"]
    assert names(others, "Rotation") == []
    assert names(others, "Add a test that makes the code work") == []
    assert names(others, "Rotation and then " + "many other words that nobody has used " * 3) == []
    assert related_to("Key rotation", [], set(), others)[0].paths == ()


def test_words_that_everybody_uses_say_nothing() -> None:
    others = [touched(f"f{n}", goal="The payment module and the invoice") for n in range(6)]

    assert names(others, "Payment by invoice") == []
    assert len(names(others[1:], "Payment by invoice")) == SHOWN


def test_a_feature_that_is_found_by_its_files_is_not_found_again_by_words() -> None:
    keys = touched("keys", "src/keys.py", goal="Key rotation for signers")

    assert names([keys], "Rotation of the signers in keys.py") == ["keys"]


def test_nothing_is_found_where_there_is_nothing() -> None:
    assert names([], "src/keys.py") == []
    assert on_files({"a"}, {}, [touched("none")]) == []


@pytest.mark.parametrize(
    "unit", ["a/", "a.", "./", "-", "\N{LATIN SMALL LETTER A WITH ACUTE}", "a b "]
)
def test_a_hostile_goal_costs_time_in_proportion(unit: str) -> None:
    assert names([KEYS, SIGN], unit * 20_000, [unit * 100_000]) == []
