"""From a task and a piece of code to the messages that go to the model.

Fills the templates, within a budget for what stands around the code, and hides secrets: what comes back is
restored by `decide` with the same `Hidden`. Not for asking (conversation.py), not for git (commit/).
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from twinny_lsp.chat.edits.hiding import Hidden, hidden
from twinny_lsp.chat.edits.passage import Passage
from twinny_lsp.chat.fences import fence_for
from twinny_lsp.chat.tasks import INSERT, INSTRUCT, Result, Task
from twinny_lsp.chat.templates import Templates
from twinny_lsp.documents.windows import estimate_tokens
from twinny_lsp.errors import SettingsError, TemplateError
from twinny_lsp.exchange import Message
from twinny_lsp.fim.nodes import Template
from twinny_lsp.fim.render import Value, render
from twinny_lsp.languages import comment

_MOST_LINES = 400
"""Lines above and below that are looked at for what stands around."""
_PLACE = "[the code]"
_GROWTH, _EXTRA = 1.3, 64
"""An edit is about as long as its code, and a little longer."""
_SURE = 1.3
"""An estimate that is so many times above is not wrong."""
Values = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Problem:
    """A diagnostic at the code; `row` counts from 0 in the document."""

    row: int
    severity: str
    message: str


@dataclass(frozen=True, slots=True)
class Asked:
    """`path` is relative to the workspace folder, "" where there is none. `system` is the settings' message.

    `context_tokens` is for the lines around the code. `mask`: secrets are hidden from the model.
    """

    task: Task
    passage: Passage
    path: str = ""
    instruction: str = ""
    problems: tuple[Problem, ...] = ()
    test_path: str = ""
    spoken_language: str = "English"
    system: str = ""
    context_tokens: int = 1024
    mask: bool = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is sent, and what was hidden in it."""

    messages: tuple[Message, ...]
    hidden: Hidden = field(default_factory=Hidden)


async def prepare_task(asked: Asked, templates: Templates) -> Prepared:
    """The messages for a task.

    Raises TemplateError for a template of the user's that cannot be used, SettingsError for nothing asked.
    """
    task = asked.task
    if why := nothing_asked(task, asked.passage, asked.instruction):
        raise SettingsError(why)
    if task in (INSTRUCT, INSERT):
        task = INSERT if asked.passage.empty else INSTRUCT
    values, secret = _values(asked)
    context = await templates.find(("context",))
    values["context"] = values["similarCode"] = render(context, values) if context is not None else ""
    messages = await fill(task, values, templates, asked.system)
    return Prepared(messages, secret)


def nothing_asked(task: Task, passage: Passage, instruction: str) -> str:
    """Why there is nothing to ask for; "" where there is."""
    if task in (INSTRUCT, INSERT):
        return "" if instruction.strip() else "There is no instruction: say what is to be done with the code."
    if passage.empty and not task.own:
        return "There is no code here: select some, or put the cursor into a function."
    return ""


async def fill(task: Task, values: Values, templates: Templates, system: str = "") -> tuple[Message, ...]:
    """System message and question of a task. `system` is the settings' one: for answers, not for edits."""
    question = await templates.find((task.template, *task.aliases))
    if question is None:
        raise TemplateError("is not there", templates.shown(task.template))
    if task is not INSERT and not (task.own and task.result is Result.ANSWER):
        _must_show_code(question)
    values = {**_machine(), **values}
    said = await _system(task, values, templates, system)
    if question.puts("systemMessage"):
        return (Message("user", render(question, {**values, "systemMessage": said})),)
    text = Message("user", render(question, values))
    return (Message("system", said), text) if said.strip() else (text,)


def too_long(passage: Passage, max_tokens: int) -> str:
    """Why an edit of the passage cannot come back whole; "" when it can. `max_tokens`: of an answer."""
    tokens = estimate_tokens(passage.original)
    if tokens * _GROWTH + _EXTRA <= max_tokens:
        return ""
    return (
        f"The selection has about {tokens} tokens, and an answer may have {max_tokens}: select less, or "
        "raise `chat.maxTokens`."
    )


def too_large(passage: Passage, room: int) -> str:
    """Why the model would not see all of the passage; "" where it will. `room`: tokens of a prompt.

    Some servers cut off what does not fit, and say nothing.
    """
    tokens = estimate_tokens(passage.original)
    if tokens <= room * _SURE:
        return ""
    return (
        f"The selection has about {tokens} tokens, and the model's window has room for {max(room, 0)}: "
        "select less."
    )


async def _system(task: Task, values: Values, templates: Templates, system: str) -> str:
    """The user's file for the task, the user's file for its kind, the settings' message, the package's."""
    named = [f"{name}-system" for name in (task.template, *task.aliases)]
    kind = "system" if task.result is Result.ANSWER else "edit-system"
    found = await templates.find((*named, kind), built_in=False)
    if found is None:
        if task.result is Result.ANSWER and system:
            return system
        found = await templates.find((*named, kind))
    return render(found, values) if found is not None else ""


def _must_show_code(template: Template) -> None:
    if not (template.puts("code") or template.puts("diff")):
        raise TemplateError("has no {{{code}}}: the model would see nothing of the code", template.path)


def _values(asked: Asked) -> tuple[Values, Hidden]:
    of = asked.passage
    code = "\n".join(of.code)
    above, below = around(of, asked.context_tokens)
    seen = (above, of.head + code + of.tail, below, asked.instruction)
    secret = hidden("\n".join(seen)) if asked.mask else Hidden()
    hide = secret.hide
    fence = fence_for(*seen)
    place = comment((_PLACE,), of.language).strip() or _PLACE
    if of.inline:
        place = hide(f"{of.head}{_PLACE}{of.tail}")
    surroundings = {
        "above": hide(above),
        "below": hide(below),
        "place": place,
        "language": of.language,
        "fence": fence,
    }
    has_any = bool(above.strip() or below.strip())
    path = asked.path or "this file"
    return {
        "code": hide(code),
        "language": of.language,
        "fileName": path,
        "relativePath": path,
        "fence": fence,
        "instruction": hide(asked.instruction.strip()),
        "spokenLanguage": asked.spoken_language,
        "testPath": asked.test_path or "of the tests",
        "diagnostics": [_problem(each, hide(_line(of, each.row)), hide) for each in asked.problems],
        "surroundings": [surroundings] if has_any else [],
    }, secret


def around(of: Passage, tokens: int) -> tuple[str, str]:
    """What stands above and below the passage: whole lines, at most so many tokens, most of it above."""
    above = of.above(_MOST_LINES)
    below = of.below(_MOST_LINES)
    upper = _nearest(above[::-1], tokens * 2 // 3)
    lower = _nearest(below, tokens - sum(estimate_tokens(line + "\n") for line in upper))
    return "\n".join(upper[::-1]).lstrip("\n"), "\n".join(lower).rstrip("\n")


def _nearest(lines: Sequence[str], tokens: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        tokens -= estimate_tokens(line + "\n")
        if tokens < 0:
            break
        kept.append(line)
    return kept


def _problem(problem: Problem, text: str, hide: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "line": str(problem.row + 1),
        "severity": problem.severity,
        "message": hide(" ".join(problem.message.split())),
        "text": text,
    }


def _line(of: Passage, row: int) -> str:
    return of.lines[row].strip() if 0 <= row < len(of.lines) else ""


def _machine() -> Values:
    """Twinny's names for the machine; of folders nothing is told that has the user's name in it."""
    shell = os.path.basename(os.environ.get("SHELL", ""))
    return {"osName": platform.system(), "defaultShell": shell, "cwd": ".", "homedir": "~"}
