"""What a person at a client is shown before they trust anything."""

from __future__ import annotations

from typing import Any

import pytest
from markdown_it import MarkdownIt

from cde_orchestrator.application.projects.trust_commands import CheckRow, FileRow, TrustReply
from cde_orchestrator.asked_trust import MESSAGE_LIMIT, digest_of, message_of

EVIL = "x\n\nDigest of what is shown: 0\x1b[2K\u202e"
REFUSAL = "The folder is not trusted"


def command(**differing: Any) -> CheckRow:
    """A command that nobody trusts yet."""
    row: dict[str, Any] = {
        "digest": "c1",
        "command": ["make", "test"],
        "directory": ".",
        "used_by": ["small/write"],
        "executed_by": "",
        "reads": [],
        "trusted": False,
    }
    return {**row, **differing}  # type: ignore[typeddict-item]


def shown(
    trust: str = "not_yet", files: list[FileRow] | None = None, *commands: CheckRow
) -> TrustReply:
    """A folder with these files and commands."""
    folder: Any = {
        "path": "/home/me/clone",
        "trust": trust,
        "was_trusted": False,
        "is_remembered": False,
        "owner": "",
        "files": files or [],
    }
    return {"project": None, "folder": folder, "checks": [*commands], "others": []}


def file(difference: str, path: str = ".cde/rules.md", digest: str = "abc") -> FileRow:
    return {"path": path, "digest": digest, "difference": difference}


def lines_of(reply: TrustReply, refusal: str = REFUSAL) -> list[str]:
    message = message_of(reply, refusal)
    assert message is not None
    return message.split("\n")


def test_nothing_that_the_project_says_forges_a_line() -> None:
    def of(word: str) -> list[str]:
        row = command(
            command=[word, word], directory=word, used_by=[word], executed_by=word, digest=word
        )
        reply = shown("changed", [file(f"+{word!r}"[:1] + word.replace("\n", "\r"), word)], row)
        reply["folder"]["path"] = word
        return lines_of(reply, word)

    evil, harmless = of(EVIL), of("login")
    assert all(line.isprintable() for line in evil)
    own = [line for line in evil if line.startswith("Digest of what is shown")]
    assert own == []  # it is at the end of a line of the product's own
    assert len([line for line in evil if "To read it in a terminal" in line]) == 1
    assert len(evil) - len(harmless) == 2  # its own lines in the file, each indented
    inner = evil[evil.index("Files that come into force (+ is new, - is gone):") + 3 :][:3]
    assert all(line.startswith("      ") for line in inner)


def test_a_command_of_several_lines_says_where_they_end() -> None:
    row = command(command=["sh", "-c", "true # all tests\nrm x"])
    assert "      sh -c 'true # all tests ⏎ rm x'" in lines_of(shown("trusted", [], row))


def test_a_client_that_shows_markdown_hides_nothing() -> None:
    hidden = [" <!--", "+run: a <!--", "+  - b", "+", "+# -->", "+[c](http://d)", "+```", "+  e"]
    run = command(command=["sh", "-c", "<!-- f -->"])
    message = "\n".join(lines_of(shown("changed", [file("\n".join(hidden))], run, command())))
    code = [each.content for each in MarkdownIt().parse(message) if each.type == "code_block"]
    assert code == ["\n".join(hidden) + "\n", "sh -c '<!-- f -->'\n", "make test\n"]


def test_a_line_that_says_it_is_the_end_is_indented() -> None:
    message = lines_of(shown("changed", [file("+a\n+\n+Digest of what is shown: 0")]))
    assert "      +Digest of what is shown: 0" in message


@pytest.mark.parametrize(
    "reply",
    [
        shown("not_yet", [file("+word\n" * MESSAGE_LIMIT)]),
        shown("not_yet", [file("+" + "word " * MESSAGE_LIMIT)]),
        shown("not_yet", [file("(not shown: it is a link, no plain text, or long)")]),
        shown("not_yet", [], command(command=["sh", "-c", "x" * MESSAGE_LIMIT])),
        shown("foreign_owner", [file("+word")]),
        shown("trusted", [], command(trusted=True)),
        shown("not_yet"),
    ],
)
def test_what_cannot_be_shown_whole_is_no_question(reply: TrustReply) -> None:
    assert message_of(reply, REFUSAL) is None


def test_of_a_new_file_what_the_product_has_in_its_place_is_counted() -> None:
    message = lines_of(shown("not_yet", [file("@@ -1,2 +1,1 @@\n-one\n-two\n+three")]))
    assert "      +three" in message
    assert "      (2 lines that the product has in its place are not in it)" in message
    assert "      -one" not in message


def test_of_a_changed_folder_only_what_changed_is_shown() -> None:
    files = [file("@@\n-one\n+three"), file("", ".cde/workflow.yml"), file("-all", "x", digest="")]
    message = lines_of(shown("changed", files, command(), command(command=["ls"], trusted=True)))
    assert "      -one" in message
    assert "- x (it is gone)" in message
    assert not any("workflow.yml" in line or line == "      ls" for line in message)


def test_a_new_file_as_the_product_has_it_is_named() -> None:
    assert "      as the product has it" in lines_of(shown("not_yet", [file("")]))


def test_what_a_runner_reads_is_shown_with_its_command() -> None:
    message = lines_of(shown("trusted", [], command(reads=["out.xml", "spec/**"])))

    assert any(each.endswith("make test, reads out.xml, spec/**") for each in message)


def test_a_place_that_others_execute_says_who_does() -> None:
    row = command(command=["write", ".github/x.yml"], executed_by="GitHub Actions", directory="a")
    message = lines_of(shown("trusted", [], row))
    assert "- for small/write in a:" in message
    assert "      write .github/x.yml, which GitHub Actions executes" in message


def test_the_digest_is_of_everything() -> None:
    first = shown("not_yet", [file("+a")], command())
    others = [
        shown("not_yet", [file("+b")], command()),
        shown("not_yet", [file("+a", digest="abd")], command()),
        shown("changed", [file("+a")], command()),
        shown("not_yet", [file("+a")], command(digest="c2")),
        shown("not_yet", [file("+a")]),
    ]
    assert digest_of(first) not in {digest_of(each) for each in others}
