"""What the model does: it works by what it reads, and knows nothing else of a feature.

A phase's prompt has the form to fill in, the paths of the outputs, and the way to submit. A script
decides from the conversation alone, so programs may ask as often and from as many sessions as
they like.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tools.agents.conversation import Call, Conversation, Heard, Move, Result, Said
from tools.agents.tool_calls import is_search, offered, reading, shell, writing

FEATURE = "greet"
OPENING = f"Take the feature {FEATURE} through its phases with the tools of cde."
FIRST_OUTPUT = f"specs/{FEATURE}/reproduction.md"
POOR = "TODO\n"
UNWILLING = "I cannot help with that."
TESTS = "make test"
TESTED = "all three tests passed"

_FORM = re.compile(r"^````markdown\n(.*?)^````$", re.MULTILINE | re.DOTALL)
_OUTPUT = re.compile(r"^- `([^`]+)` \(output `[^`]+`", re.MULTILINE)
_FOLDER = re.compile(r"^Phase `[^`]*` of workflow `[^`]*`, in `([^`]+)`", re.MULTILINE)
_TOOL = re.compile(r'^cde_submitWork\(feature_id="([^"]+)", phase_id="([^"]+)"', re.MULTILINE)
_COMMAND = re.compile(r"^cde submit \S+ \S+$", re.MULTILINE)
_SUBMIT = "\n## Submit\n"
_SLOT = re.compile(r"(?:<|&lt;)fill: (.*?)(?:>|&gt;)", re.DOTALL)  # Gemini CLI escapes
_HANDED_BACK = re.compile(
    r"^## (?:Your last attempt was refused|About the refusal E1[1-4]\d)$", re.MULTILINE
)
_HELD = re.compile(r"is not submitted \(reminder \d")
_REFUSED = re.compile(
    rf'{_HANDED_BACK.pattern}|❌[^\n]*\(E1[1-4]\d\)|"code": ?"E1[1-4]\d"', re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The prompt of a phase, as it was read; ``at`` is the part of the conversation."""

    at: int
    text: str

    @property
    def outputs(self) -> list[str]:
        """The paths that its gate reads."""
        return _OUTPUT.findall(self._gate)

    def files(self) -> dict[str, str]:
        """What it asks for, by path, with contents that pass its gate."""
        forms = _FORM.findall(self.text)[-len(self.outputs) :]
        written = {path: _filled(form) for path, form in zip(self.outputs, forms, strict=True)}
        if "Project files: at least one" in self._gate:
            written["greeting.txt"] = "Hello, Ada\n"
        return written

    def steps(self, conversation: Conversation, *, poorly: bool = False) -> list[Call]:
        """The calls by which its outputs are written and, where it says how, submitted."""
        contents = {path: POOR if poorly else text for path, text in self.files().items()}
        calls = [writing(conversation, _folder(conversation), *each) for each in contents.items()]
        if asked := _TOOL.search(self._gate):
            arguments = {"feature_id": asked[1], "phase_id": asked[2]}
            return [*calls, offered(conversation, "cde_submitWork", arguments)]
        if asked := _COMMAND.search(self._gate):
            return [*calls, shell(conversation, asked[0])]
        return calls

    @property
    def _gate(self) -> str:
        return self.text.rpartition(_SUBMIT)[2]


def honest(conversation: Conversation) -> Sequence[Move]:
    """Works through whatever phase it has the prompt of, and asks cde if it has none."""
    prompt = _last_prompt(conversation)
    if prompt is None:
        return [_opening(conversation)]
    return _next(conversation, prompt.steps(conversation), since=prompt.at)


def careless(conversation: Conversation) -> Sequence[Move]:
    """Leaves nothing of use in the first phase, until that is refused."""
    prompt = _last_prompt(conversation)
    if prompt is None or FIRST_OUTPUT not in prompt.outputs:
        return honest(conversation)
    refused = _last(conversation, _REFUSED)
    if refused is None:
        return _next(conversation, prompt.steps(conversation, poorly=True), since=prompt.at)
    # Some programs let a model replace only what it has read in the session.
    read = reading(conversation, _folder(conversation), FIRST_OUTPUT)
    return _next(conversation, [*read, *prompt.steps(conversation)], since=refused)


def testing(conversation: Conversation) -> Sequence[Move]:
    """Runs the project's tests before it writes anything, as prompts of phases demand."""
    prompt = _last_prompt(conversation)
    if prompt is None:
        return honest(conversation)
    steps = [shell(conversation, TESTS), *prompt.steps(conversation)]
    return _next(conversation, steps, since=prompt.at)


def is_refusal(text: str) -> bool:
    """Whether it says that work was refused, in the words of a run."""
    return _HANDED_BACK.search(text) is not None


def lazy(conversation: Conversation) -> Sequence[Move]:
    """Claims the feature, wants to stop, works when it may not, and edits what is recorded."""
    if all(is_search(call) for call in _calls(conversation)):
        return [_opening(conversation)]
    held = _last(conversation, _HELD)
    prompt = _last_prompt(conversation, until=held)
    if held is None or prompt is None:
        return [Said("All seems fine to me.")]
    steps = prompt.steps(conversation)
    if record := _recorded(conversation, prompt):
        steps = [writing(conversation, _folder(conversation), record, "Whatever.\n"), *steps]
    return _next(conversation, steps, since=held)


def unwilling(conversation: Conversation) -> Sequence[Move]:
    """Refuses to work."""
    return [Said(UNWILLING)]


def prompts(conversation: Conversation) -> Iterator[Prompt]:
    """The prompts of phases that the model was given, in order."""
    for at, part in enumerate(conversation.parts):
        if isinstance(part, Heard | Result):
            for text in _texts(part.text):
                if _SUBMIT in text and _OUTPUT.search(text):
                    yield Prompt(at, text)


def _opening(conversation: Conversation) -> Move:
    if not conversation.tools:
        return Said("A greeting")  # asked for a title
    is_asked = any(OPENING in text for text in conversation.read())
    if not is_asked:
        return Said("There is nothing to do.")
    return offered(conversation, "cde_resumeFeature", {"feature_id": FEATURE})


def _next(conversation: Conversation, steps: Sequence[Call], since: int) -> Sequence[Move]:
    done = sum(not is_search(call) for call in _calls(conversation, since))
    return [steps[done]] if done < len(steps) else [Said("That is done.")]


def _calls(conversation: Conversation, since: int = 0) -> list[Call]:
    return [part for part in conversation.parts[since:] if isinstance(part, Call)]


def _last_prompt(conversation: Conversation, until: int | None = None) -> Prompt | None:
    found = [each for each in prompts(conversation) if until is None or each.at <= until]
    return found[-1] if found else None


def _last(conversation: Conversation, pattern: re.Pattern[str]) -> int | None:
    found = [
        at
        for at, part in enumerate(conversation.parts)
        if isinstance(part, Heard | Result) and pattern.search(part.text)
    ]
    return found[-1] if found else None


def _recorded(conversation: Conversation, current: Prompt) -> str | None:
    """The path of an output of an earlier phase, if there is one."""
    earlier = [each for each in prompts(conversation) if each.at < current.at]
    paths = (path for prompt in earlier for path in prompt.outputs)
    return next((path for path in paths if path not in current.outputs), None)


def _folder(conversation: Conversation) -> str:
    """The project's, which the first prompt names."""
    found = (_FOLDER.search(text) for part in conversation.read() for text in _texts(part))
    for match in filter(None, found):
        return match[1]
    raise LookupError("no prompt names the project's folder")


def _filled(form: str) -> str:
    def filling(slot: re.Match[str]) -> str:
        is_verdict = form[: slot.start()].endswith("Verdict: ")
        return (
            slot[1].split(",")[0] if is_verdict else f"By a script, in a model's place: {slot[1]}"
        )

    return _SLOT.sub(filling, form)


def _texts(text: str) -> Iterator[str]:
    """A text and, where it is or ends with JSON, the texts within."""
    yield text
    if "{" in text:
        try:
            value, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
        except ValueError:
            return
        yield from _strings(value)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)
