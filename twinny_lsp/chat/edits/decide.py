"""From the whole of a model's answer to what stands in a passage's place, or a clear no.

A chain of small steps, each in a module of its own; what none of them is sure of changes nothing, and the
reason says what to do. Pure. Not for how the change gets into the document (changes.py, rebase.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from twinny_lsp.chat.edits.answers import Answer, Block, read, tag_language, unescaped, without_numbers
from twinny_lsp.chat.edits.boundaries import Inside, inside
from twinny_lsp.chat.edits.choose import candidates, chosen, coverage, same
from twinny_lsp.chat.edits.fit import fitted, with_line_ends
from twinny_lsp.chat.edits.hiding import Hidden
from twinny_lsp.chat.edits.passage import Passage
from twinny_lsp.chat.edits.patches import changes, patched, patched_inside
from twinny_lsp.chat.edits.prose import (
    balance,
    is_words,
    left_out,
    only_comments,
    refuses,
    without_comments,
    without_words,
)
from twinny_lsp.chat.edits.splice import missing, renamed, spliced, unwrapped
from twinny_lsp.completion.blocks import PROSE
from twinny_lsp.completion.text import normalised
from twinny_lsp.exchange import Finish

_UNRELATED, _FOREIGN = 0.2, 0.5
"""Of the code's words, fewer than this in an answer make it an answer to something else; the second for a
fence that names another language, which weak models do by mistake, too, and for functions of other names."""


class Why(StrEnum):
    """Why an answer changes nothing."""

    EMPTY = "empty"
    REFUSED = "refused"
    WORDS = "words"
    UNCHANGED = "unchanged"
    LEFT_OUT = "left out"
    TRUNCATED = "truncated"
    THINKING = "thinking"
    PART = "part"
    SEVERAL = "several"
    MISFIT = "misfit"
    UNRELATED = "unrelated"
    SECRET = "secret"  # noqa: S105 - no secret


@dataclass(frozen=True, slots=True)
class Replacement:
    """`text` goes in the passage's place, with the document's line ends. `notes` are for people.

    `imports` the model wants at the top of the file: they are outside of the passage and so not in the edit.
    """

    text: str
    notes: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class No:
    """The document stays as it is. `message` is for a person: the reason, and what to do.

    `said` is the model's answer without its thoughts, to be shown.
    """

    why: Why
    message: str
    said: str


class _Stop(Exception):
    """Ends the chain with a no."""

    def __init__(self, why: Why, detail: str = "") -> None:
        self.why, self.detail = why, detail
        super().__init__(why)


_MESSAGES = {
    Why.EMPTY: "The model's answer was empty. Ask again, or use another model.",
    Why.REFUSED: "The model declined: {detail}",
    Why.WORDS: "The model answered in words and gave no code. Ask again, or ask in a chat.",
    Why.UNCHANGED: "The model changed nothing.",
    Why.LEFT_OUT: "The model left code out (`{detail}`). Select a smaller part and ask again.",
    Why.TRUNCATED: "The answer ended before the code did. Select a smaller part, or raise `chat.maxTokens`.",
    Why.THINKING: "The model was still thinking when its answer ended. Raise `chat.maxTokens`.",
    Why.PART: "The answer has only a part of the code ({detail}). Select that part and ask again.",
    Why.SEVERAL: "The model gave several versions. Choose one in the chat, or ask for one.",
    Why.MISFIT: "What the model wrote does not fit the selected code: {detail}. Ask again.",
    Why.UNRELATED: "The answer has next to nothing in common with the selected code. Ask again.",
    Why.SECRET: "The model's answer has a hidden secret that cannot be put back. Ask again.",
}


def decide(
    text: str,
    passage: Passage,
    *,
    finish: Finish = Finish.STOP,
    hidden: Hidden | None = None,
    keeps_code: bool = False,
) -> Replacement | No:
    """What an answer does to the passage. `finish`: how its stream ended. `hidden`: what was kept from it.

    `keeps_code`: only comments were to change; that code did is noted. The replacement has everything that
    stands in the passage's span afterwards, and touches nothing else.
    """
    restored = (hidden or Hidden()).restore(text)
    answer = read(text if restored is None else restored, passage)
    try:
        if restored is None:
            raise _Stop(Why.SECRET)
        made = _replacement(answer, passage, finish)
    except _Stop as stop:
        return no(stop.why, answer.text, stop.detail)
    if keeps_code and _code(normalised(made.text).split("\n"), passage) != _code(passage.code, passage):
        return replace(made, notes=(*made.notes, "The model changed code, and not only comments."))
    return made


def no(why: Why, said: str, detail: str = "") -> No:
    """A no with its message; `detail` is what the message of some reasons asks for."""
    return No(why, _MESSAGES[why].format(detail=detail), said)


def _replacement(answer: Answer, passage: Passage, finish: Finish) -> Replacement:
    if answer.unfinished:
        raise _Stop(Why.THINKING)
    block = _block(answer, passage, finish)
    notes: list[str] = []
    imports: tuple[str, ...] = ()
    made = _patched(block, answer, passage)
    if made is None:
        lines = unescaped(without_numbers(block.text.split("\n"), passage), passage)
        _complete(lines, block, passage, finish)
        part = _inside(lines, passage)
        imports = part.imports
        if part.outside:
            count = f"{part.outside} line{'s' if part.outside > 1 else ''}"
            notes.append(f"The model changed {count} outside of the selection, too: left out.")
        made = _lines(part.lines, passage)
    whole = with_line_ends(made, passage)
    if _opens_more(whole, passage):
        # Many models leave the closing fence out; then what is open tells that the code is not at its end.
        if not block.closed:
            raise _Stop(Why.TRUNCATED)
        raise _Stop(Why.MISFIT, "its brackets do not close as those of the code do")
    if same(whole, passage.original) and not imports:
        raise _Stop(Why.UNCHANGED)
    if imports:
        notes.append("The model wants this at the top of the file: " + " · ".join(imports))
    return Replacement(whole, tuple(notes), imports)


def _inside(lines: list[str], passage: Passage) -> Inside:
    part = inside(lines, passage)
    taken_out = unwrapped(lines if part is None else part.lines, passage)
    if taken_out is not None:
        return Inside(taken_out, part.imports if part else ())
    if part is None:
        raise _Stop(Why.MISFIT, "it has more of the file, and where the selected part begins is unclear")
    return part


def _lines(lines: list[str], passage: Passage) -> list[str]:
    """The part of the answer as lines that stand in the passage's place."""
    if not any(line.strip() for line in lines):
        raise _Stop(Why.EMPTY)
    if only_comments(lines, passage.language) and not only_comments(passage.code, passage.language):
        raise _Stop(Why.WORDS)
    _nothing_left_out(lines, passage)
    lost = missing(lines, passage)
    if lost:
        made = spliced(lines, passage)
        if made is None:
            raise _Stop(Why.PART, f"without {', '.join(lost[:3])}")
        return made
    made = fitted(lines, passage)
    if not any(line.strip() for line in made):
        raise _Stop(Why.EMPTY)
    return made


def _block(answer: Answer, passage: Passage, finish: Finish) -> Block:
    """The code that is meant, in a fence or without one."""
    if answer.blocks:
        found = candidates(answer.blocks, passage)
        if not found:
            raise _no_code(answer)
        block = _joined_patch(found) or chosen(found, passage)
        if block is None:
            raise _Stop(Why.SEVERAL)
        return block
    text = "\n".join(answer.words)
    if not text.strip():
        raise _Stop(Why.TRUNCATED if finish is Finish.LENGTH else Why.EMPTY)
    if changes(text, ""):
        return Block("", text)
    known = frozenset(line.strip() for line in passage.lines)
    lines, mixed = without_words(text.strip("\n").split("\n"), passage.language, known)
    if not any(line.strip() for line in lines) or (mixed and refuses(text)):
        raise _no_code(answer)
    if mixed:
        raise _Stop(Why.WORDS)
    bare = "\n".join(lines)
    if refuses(answer.said) and coverage(bare, passage) < 0.5:
        raise _no_code(answer)
    if passage.language not in PROSE and not _looks_like_code(lines, passage):
        raise _Stop(Why.WORDS)
    return Block("", bare, finish is Finish.STOP)


def _looks_like_code(lines: list[str], passage: Passage) -> bool:
    """Whether bare lines are code: most of what they say stands in the passage, or they have code's signs."""
    if only_comments(lines, passage.language):
        return only_comments(passage.code, passage.language)
    if coverage("\n".join(lines), passage) >= 0.4 and not passage.empty:
        return True
    signs = sum(any(sign in line for sign in "=(){}[];:<>") or line != line.lstrip() for line in lines)
    return signs * 2 >= sum(1 for line in lines if line.strip())


def _joined_patch(blocks: list[Block]) -> Block | None:
    """Several blocks that are patches, as one."""
    if len(blocks) > 1 and all(changes(block.text, block.tag.lower()) for block in blocks):
        return Block(blocks[0].tag, "\n@@\n".join(block.text for block in blocks), blocks[-1].closed)
    return None


def _patched(block: Block, answer: Answer, passage: Passage) -> list[str] | None:
    """The passage's lines after a patch; None when the block is none."""
    if passage.language == "diff":
        return None
    made = changes(block.text, block.tag.lower())
    if not made:
        return None
    if not block.closed and answer.blocks:
        raise _Stop(Why.TRUNCATED)
    lines = patched(made, passage.code)
    if lines is None:
        above, below = passage.above(len(passage.lines)), passage.below(len(passage.lines))
        lines = patched_inside(made, above, passage.code, below)
    if lines is None:
        raise _Stop(Why.MISFIT, "it is a patch, and a place that it changes is not there")
    _nothing_left_out(lines, passage)
    return lines


def _complete(lines: list[str], block: Block, passage: Passage, finish: Finish) -> None:
    """Stops at an answer that has not all of the code, or none of it."""
    if not block.closed and finish is not Finish.STOP:
        raise _Stop(Why.TRUNCATED)
    code = not only_comments(passage.code, passage.language) and passage.language not in PROSE
    if code and _all_words(lines) and not _all_words(passage.code):
        raise _Stop(Why.WORDS)
    least = _UNRELATED if tag_language(block.tag) in ("", passage.language) else _FOREIGN
    if code and renamed(lines, passage):
        least = _FOREIGN
    if code and coverage(block.text, passage) < least:
        raise _Stop(Why.UNRELATED)


def _code(lines: Sequence[str], passage: Passage) -> list[str]:
    """What is left of the lines without comments and blanks."""
    bare = (line.strip() for line in without_comments(lines, passage.language))
    return [line for line in bare if line]


def _all_words(lines: Sequence[str]) -> bool:
    return all(is_words(line) for line in lines if line.strip())


def _nothing_left_out(lines: Sequence[str], passage: Passage) -> None:
    known = frozenset(line.strip() for line in passage.code)
    if omission := left_out(lines, known, passage.language):
        raise _Stop(Why.LEFT_OUT, omission if len(omission) <= 60 else f"{omission[:59]}…")


def _no_code(answer: Answer) -> _Stop:
    said = answer.said
    if not said:
        return _Stop(Why.WORDS)
    if refuses(said):
        first = next((line.strip() for line in said.split("\n") if is_words(line) or line.strip()), "")
        return _Stop(Why.REFUSED, first if len(first) <= 200 else f"{first[:199]}…")
    return _Stop(Why.WORDS)


def _opens_more(text: str, passage: Passage) -> bool:
    """Whether brackets stay open, or close what was not opened, that were well in the document as it was."""
    if passage.language in PROSE:
        return False
    lines = normalised(text).split("\n")
    now, before = balance(lines, passage.language), balance(passage.code, passage.language)
    if now == before:
        return False
    above, below = passage.above(len(passage.lines)), passage.below(len(passage.lines))
    then = sum(balance([*above, passage.head + lines[0], *lines[1:], passage.tail, *below], passage.language))
    was = sum(balance(passage.lines, passage.language))
    return then > was or (then == was and (now[0] > before[0] or now[1] > before[1]))
