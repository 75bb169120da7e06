"""Changes to real functions, and the ways in which models write them down: data for edits.py."""

from __future__ import annotations

import difflib
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from twinny_lsp.exchange import Finish
from twinny_lsp.languages import language as row_of

_WORD = re.compile(r"[A-Za-z_]\w{2,}")
_PROSE = (
    "This function walks over its arguments. It could be improved by handling the empty case first.",
    "The code looks fine to me. There is nothing to change here, but you may want to add a test for it.",
)
_REFUSALS = (
    "I'm sorry, but I can't assist with that request.",
    "As an AI language model, I am not able to modify this code without more context.",
)


@dataclass(frozen=True)
class Task:
    """`document[first:last + 1]` is selected, `wanted` should stand there afterwards.

    `other` is code of another place.
    """

    language: str
    path: str
    document: tuple[str, ...]
    first: int
    last: int
    wanted: tuple[str, ...]
    other: tuple[str, ...]

    @property
    def code(self) -> tuple[str, ...]:
        return self.document[self.first : self.last + 1]

    @property
    def changed(self) -> tuple[str, ...]:
        """The whole document with the change."""
        return (*self.document[: self.first], *self.wanted, *self.document[self.last + 1 :])


@dataclass(frozen=True)
class Said:
    """A model's whole answer, and how its stream ended; `edit`: whether a change is to be made."""

    text: str
    edit: bool = True
    finish: Finish = Finish.STOP


def change(code: tuple[str, ...], language: str, dice: random.Random) -> tuple[str, ...]:
    """The code with one to three of the changes that people ask for."""
    lines = list(code)
    for how in dice.sample([_renamed, _commented, _shortened, _guarded], dice.randint(1, 3)):
        lines = how(lines, language, dice)
    return tuple(lines)


def _renamed(lines: list[str], language: str, dice: random.Random) -> list[str]:
    counts: dict[str, int] = {}
    for line in lines[1:]:
        for word in _WORD.findall(line):
            counts[word] = counts.get(word, 0) + 1
    often = sorted(word for word, count in counts.items() if count > 1 and word.islower())
    if not often:
        return lines
    old = dice.choice(often)
    return [lines[0], *(re.sub(rf"\b{old}\b", f"{old}_2", line) for line in lines[1:])]


def _commented(lines: list[str], language: str, dice: random.Random) -> list[str]:
    at = dice.choice([at for at, line in enumerate(lines) if line.strip()])
    mark = row_of(language).line or "//"
    return [*lines[:at], f"{_lead(lines[at])}{mark} Kept apart, since the caller may ask again", *lines[at:]]


def _shortened(lines: list[str], language: str, dice: random.Random) -> list[str]:
    whole = [at for at in range(1, len(lines) - 1) if lines[at].strip().endswith(";") or "=" in lines[at]]
    whole = [at for at in whole if lines[at].count("(") == lines[at].count(")") and "{" not in lines[at]]
    if not whole or len(lines) < 6:
        return lines
    at = dice.choice(whole)
    return [*lines[:at], *lines[at + 1 :]]


def _guarded(lines: list[str], language: str, dice: random.Random) -> list[str]:
    at = dice.choice([at for at, line in enumerate(lines) if line.strip()][-3:])
    end = ";" if any(line.rstrip().endswith(";") for line in lines) else ""
    return [*lines[:at], f"{_lead(lines[at])}checked = verify(checked){end}", *lines[at:]]


def _lead(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _fence(lines: tuple[str, ...] | list[str], tag: str, mark: str = "```") -> str:
    return f"{mark}{tag}\n" + "\n".join(lines) + f"\n{mark}"


def _moved(lines: tuple[str, ...], more: str) -> list[str]:
    return [more + line if line.strip() else line for line in lines]


def _dedented(lines: tuple[str, ...]) -> list[str]:
    leads = [_lead(line) for line in lines if line.strip()]
    common = min(leads, key=len) if leads else ""
    return [line[len(common) :] if line.startswith(common) else line for line in lines]


def fenced(task: Task, dice: random.Random) -> Said:
    return Said(_fence(task.wanted, task.language))


def in_words(task: Task, dice: random.Random) -> Said:
    return Said(
        f"Sure! Here is the updated code:\n\n{_fence(task.wanted, task.language)}\n\n"
        "Changes:\n- the name tells more now\n- a comment says why\n"
    )


def bare(task: Task, dice: random.Random) -> Said:
    return Said("\n".join(task.wanted))


def no_tag(task: Task, dice: random.Random) -> Said:
    return Said(_fence(task.wanted, "", dice.choice(["```", "~~~", "````"])))


def not_closed(task: Task, dice: random.Random) -> Said:
    return Said(f"```{task.language}\n" + "\n".join(task.wanted))


def dedented(task: Task, dice: random.Random) -> Said:
    return Said(_fence(_dedented(task.wanted), task.language))


def indented(task: Task, dice: random.Random) -> Said:
    return Said(_fence(_moved(task.wanted, "    "), task.language))


def first_line_dedented(task: Task, dice: random.Random) -> Said:
    first, *rest = task.wanted
    return Said(_fence([first.lstrip(), *rest], task.language))


def blanks_for_tabs(task: Task, dice: random.Random) -> Said:
    lines = [_lead(line).replace("\t", "    ") + line.lstrip() for line in task.wanted]
    return Said(_fence(lines, task.language))


def whole_file(task: Task, dice: random.Random) -> Said:
    return Said(f"Here is the whole file:\n\n{_fence(task.changed, task.language)}\n")


def with_neighbours(task: Task, dice: random.Random) -> Said:
    above, below = dice.randint(1, 4), dice.randint(1, 4)
    start = max(0, task.first - above)
    return Said(_fence(task.changed[start : task.first + len(task.wanted) + below], task.language))


def before_and_after(task: Task, dice: random.Random) -> Said:
    return Said(
        f"The original code:\n\n{_fence(task.code, task.language)}\n\n"
        f"The new code:\n\n{_fence(task.wanted, task.language)}\n"
    )


def with_a_command(task: Task, dice: random.Random) -> Said:
    return Said(f"{_fence(task.wanted, task.language)}\n\nRun the tests:\n\n```bash\nmake test\n```\n")


def thought_first(task: Task, dice: random.Random) -> Said:
    thought = f"The user wants\n{_fence(task.code, task.language)}\nchanged."
    return Said(f"<think>\n{thought}\n</think>\n\n{_fence(task.wanted, task.language)}")


def numbered(task: Task, dice: random.Random) -> Said:
    lines = [f"{task.first + 1 + at}: {line}" for at, line in enumerate(task.wanted)]
    return Said(_fence(lines, task.language))


def windows_lines(task: Task, dice: random.Random) -> Said:
    return Said(_fence(task.wanted, task.language).replace("\n", "\r\n"))


def patch(task: Task, dice: random.Random) -> Said:
    made = difflib.unified_diff(task.document, task.changed, "a/file", "b/file", lineterm="")
    return Said(_fence(list(made), "diff"))


def broken_off(task: Task, dice: random.Random) -> Said:
    text = f"```{task.language}\n" + "\n".join(task.wanted)
    return Said(text[: dice.randrange(len(text) // 3, len(text) - 2)], edit=False, finish=Finish.LENGTH)


def left_out(task: Task, dice: random.Random) -> Said:
    mark = row_of(task.language).line or "//"
    says = dice.choice(["... existing code ...", "rest of the code unchanged", "... (same as before)", "..."])
    size = max(2, len(task.wanted) // 2)
    at = dice.randrange(1, max(2, len(task.wanted) - size))
    lines = [*task.wanted[:at], f"{_lead(task.wanted[at])}{mark} {says}", *task.wanted[at + size :]]
    return Said(_fence(lines, task.language), edit=False)


def prose(task: Task, dice: random.Random) -> Said:
    return Said(dice.choice(_PROSE), edit=False)


def refusal(task: Task, dice: random.Random) -> Said:
    return Said(dice.choice(_REFUSALS), edit=False)


def other_code(task: Task, dice: random.Random) -> Said:
    return Said(_fence(task.other, task.language), edit=False)


def unchanged(task: Task, dice: random.Random) -> Said:
    return Said(f"It is fine as it is:\n\n{_fence(task.code, task.language)}", edit=False)


MODELS: dict[str, Callable[[Task, random.Random], Said]] = {
    each.__name__.replace("_", " "): each
    for each in (
        *(fenced, in_words, bare, no_tag, not_closed),
        *(dedented, indented, first_line_dedented, blanks_for_tabs),
        *(whole_file, with_neighbours, before_and_after, with_a_command),
        *(thought_first, numbered, windows_lines, patch),
        *(broken_off, left_out, prose, refusal, other_code, unchanged),
    )
}
