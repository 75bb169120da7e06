"""A chat document as data: Markdown that people and models write in turn. Pure; the file is the history.

    ---
    model: qwen2.5-coder:7b
    ---
    ## You

    What does this do?

    ## qwen2.5-coder:7b ##

    It adds.

    ## You

`## You` begins a message of the user's, and `## You (pinned)` one that is never left out of what is sent. An
answer begins with its model's name in a heading that is closed (`## NAME ##`), which nobody writes by chance:
all other headings are text. What this program writes into an answer for the reader (what was sent, thinking,
notes) is not part of it: see `SENT`, `THINKING` and `NOTE`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from twinny_lsp.chat.fences import Fences
from twinny_lsp.chat.frontmatter import Front, read
from twinny_lsp.documents.text import content_length, split_lines
from twinny_lsp.errors import SettingsError

USER, ASSISTANT = "user", "assistant"
YOU = "## You"
YOU_LINE = re.compile(r"##[ \t]+you(?P<pinned>[ \t]+\(pinned\))?[ \t]*#*[ \t]*$", re.IGNORECASE)
_ANSWER_LINE = re.compile(r"##[ \t]+(?P<model>\S.*?)[ \t]+##[ \t]*$")
_ESCAPED = re.compile(r"\\(?=##[ \t]+you\b)", re.IGNORECASE)
SENT = "<details><summary>Sent"
THINKING = "<details><summary>Thinking"
BLOCK_END = "</details>"
NOTE = "> **twinny-lsp:**"
NOTHING_WRITTEN = "There is nothing to send: write your message under the last `## You`."


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `heading` is its heading's row (-1: there is none), `end` the row after its last.

    `text` is what a model is given of it. `last` is the row of its last line that is not blank. `opened`: the
    code fence it leaves open.
    """

    role: str
    heading: int
    end: int
    last: int
    text: str
    model: str = ""
    pinned: bool = False
    opened: str = ""


@dataclass(frozen=True, slots=True)
class ChatDocument:
    """A parsed document; rows count from 0."""

    front: Front
    turns: tuple[Turn, ...]

    def turn_at(self, row: int) -> int | None:
        """The turn that a row is in; None above the first."""
        return next((i for i, turn in enumerate(self.turns) if max(turn.heading, 0) <= row < turn.end), None)

    def asked(self, row: int | None = None) -> int:
        """The user's turn to send from: the one at `row` or that the answer there belongs to, else the last.

        An empty last one means the one above it where that has no answer yet. Raises SettingsError when
        nothing is written there.
        """
        at = None if row is None else self.turn_at(row)
        if at is None:
            at = len(self.turns) - 1
        while at > 0 and self.turns[at].role == ASSISTANT:
            at -= 1
        if at >= 0 and self.turns[at].role == USER:
            if self.turns[at].text:
                return at
            before = at - 1
            while before >= 0 and not self.turns[before].text:
                before -= 1
            if before >= 0 and before < at - 1 and self.turns[before].role == USER:
                return before  # its answer came to nothing
        raise SettingsError(NOTHING_WRITTEN)

    def answer_of(self, asked: int) -> int | None:
        """The answer that a user's turn has already."""
        after = asked + 1
        return after if after < len(self.turns) and self.turns[after].role == ASSISTANT else None


def title_row(lines: Sequence[str], chat: ChatDocument) -> int | None:
    """The row where a document's title goes; None where something stands above its first `## You` already."""
    if not chat.turns or chat.turns[0].heading < 0:
        return None
    _, row = read([line.rstrip("\r\n") for line in lines])
    above = lines[row : chat.turns[0].heading]
    return None if any(line.strip() for line in above) else row


def parse(text: str) -> ChatDocument:
    """Read a document; everything is a document, if only one message."""
    lines = [line[: content_length(line)] for line in split_lines(text)]
    front, row = read(lines)
    return ChatDocument(front, tuple(_turns(lines, row)))


def _turns(lines: Sequence[str], row: int) -> Iterator[Turn]:
    """The turns from a row on. What no `## You` stands above is a message all the same, where it is answered
    or where it is all there is; else it is a title, or a remark of the user's."""
    heads = list(_headings(lines, row))
    if not heads or heads[0][1] == ASSISTANT:
        yield _turn(lines, -1, row, heads[0][0] if heads else len(lines), USER)
    ends = [*(at for at, _, _ in heads[1:]), len(lines)]
    for (at, role, name), end in zip(heads, ends, strict=False):
        yield _turn(lines, at, at + 1, end, role, name)


def _headings(lines: Sequence[str], row: int) -> Iterator[tuple[int, str, str]]:
    """(row, role, model or "pinned") of the headings that begin a turn."""
    fences, role, skip = Fences(), USER, -1
    for at in range(row, len(lines)):
        line = lines[at]
        if at <= skip:
            continue
        if fences.feed(line):
            continue
        if match := YOU_LINE.match(line):
            role = USER
            yield at, role, "pinned" if match["pinned"] else ""
        elif role == USER and (match := _ANSWER_LINE.match(line)):
            role = ASSISTANT
            skip = _blocks_end(lines, at + 1) - 1
            yield at, role, match["model"]


def _turn(lines: Sequence[str], heading: int, first: int, end: int, role: str, name: str = "") -> Turn:
    body = lines[first:end] if role == USER else _answer_lines(lines[first:end])
    last = next((row for row in range(end - 1, first - 1, -1) if lines[row].strip()), max(heading, 0))
    fences = Fences()
    for line in body:
        fences.feed(line)
    text = "\n".join(body).strip("\n").rstrip()
    if role == USER:
        return Turn(role, heading, end, last, text if text.strip() else "", "", bool(name), fences.opened)
    return Turn(role, heading, end, last, text, name, opened=fences.opened)


def _answer_lines(lines: Sequence[str]) -> list[str]:
    """The model's own words."""
    fences = Fences()
    return [
        _ESCAPED.sub("", line, count=1) if line.startswith("\\") else line
        for line in lines[_blocks_end(lines, 0) :]
        if fences.feed(line) or not line.startswith(NOTE)
    ]


def _blocks_end(lines: Sequence[str], at: int) -> int:
    """The row behind the blocks of ours that an answer begins with at row `at`.

    What looks like one further below is the model's. One that nobody closed has but its first line.
    """
    for begin in (SENT, THINKING):
        first = next((row for row in range(at, len(lines)) if lines[row].strip()), len(lines))
        if first == len(lines) or not lines[first].startswith(begin):
            continue
        at = first + 1
        for row in range(at, len(lines)):
            if lines[row].strip() == BLOCK_END:
                at = row + 1
                break
            ours = not lines[row].strip() or lines[row].startswith("- ")
            if lines[row].startswith((SENT, THINKING)) or (begin == SENT and not ours):
                break  # it is another one that ends further below
    return at
