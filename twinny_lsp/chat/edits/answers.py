"""What a model's answer is made of: thoughts, words for people, blocks of code.

Reads what weak models write, too: a fence that is not closed, that begins behind words or ends behind code,
fences within fences, tags in the place of fences, special tokens that the server printed. Not for deciding
which block is meant (choose.py) and not for streams: an edit needs the whole answer.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from twinny_lsp.chat.edits.passage import Passage
from twinny_lsp.completion.around import Around
from twinny_lsp.completion.blocks import PROSE
from twinny_lsp.completion.special import special_token
from twinny_lsp.completion.text import lead, normalised, without_terminator, words
from twinny_lsp.languages import canonical


@dataclass(frozen=True, slots=True)
class Block:
    """Code in a fence. `tag` is what the fence names it; `closed`: the fence was closed."""

    tag: str
    text: str
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is all of it but the thoughts; `words` are its lines outside of blocks.

    `unfinished`: it ends within its thoughts.
    """

    text: str
    blocks: tuple[Block, ...]
    words: tuple[str, ...]
    thinking: str = ""
    unfinished: bool = False

    @property
    def said(self) -> str:
        """All words in one piece."""
        return "\n".join(self.words).strip()


_THOUGHT = re.compile(r"\s*<(think|thinking|thought|reasoning)>(.*?)(?:</\1>|\Z)", re.DOTALL)
_THOUGHT_END = re.compile(r"</(?:think|thinking|thought|reasoning)>[ \t]*(?:\n|\Z)")
_CHANNEL = re.compile(r"<\|channel\|>\s*final\s*<\|message\|>")
_ROLE = re.compile(
    r"\s*(?:<\|im_start\|>\s*assistant\s*|<\|start_header_id\|>\s*assistant\s*<\|end_header_id\|>|\[/INST\]"
    r"|<start_of_turn>\s*model\s*|<s>|<\|assistant\|>)"
)
_OPENING = re.compile(r"(?P<before>.*?)(?P<mark>`{3,}|~{3,})[ \t]*(?P<tag>[^`\n]*)")
_WHOLE = re.compile(r"[ \t]*(`{3,})(?P<text>[^`\n]+)\1[ \t]*")
_LIST = re.compile(r"[ \t>]*(?:[-+]|\d+[.)])?[ \t]*")
_NUMBERED = re.compile(r"\s*(\d{1,5})\s*[|:] ?")
_ENTITY = re.compile(r"&(?:amp|lt|gt);")
_SIGN = re.compile(r"[&<>]")
_TAGS = re.compile(
    r"<code>[ \t]*\n?(?P<code>.*?)(?:</code>|\Z)"
    r"|\[(?P<name>CODE|PYTHON)\][ \t]*\n?(?P<named>.*?)(?:\[/(?P=name)\]|\Z)",
    re.DOTALL,
)


def read(text: str, passage: Passage) -> Answer:
    """The parts of a whole answer to a question about the passage."""
    thinking, text, unfinished = _without_thoughts(normalised(text), passage)
    if unfinished:
        return Answer("", (), (), thinking, unfinished=True)
    text = _without_tokens(text, passage)
    blocks, spoken = _parts(text, passage)
    if not blocks and (tagged := _TAGS.search(text)) and tagged.group() not in passage.original:
        code = tagged["code"] if tagged["name"] is None else tagged["named"]
        closed = tagged.group().endswith(("</code>", "]"))
        blocks, spoken = [Block("", code, closed)], [text[: tagged.start()], text[tagged.end() :]]
    return Answer(text.strip(), tuple(blocks), tuple(spoken), thinking)


def tag_language(tag: str) -> str:
    """The language that a fence's tag names, "" for none: `python`, `py title="a"`, `{.rust}`, `ts:a.ts`."""
    match = re.match(r"\{?\.?([\w+#.-]+)", tag.strip())
    return canonical(match.group(1)) if match else ""


def without_numbers(lines: Sequence[str], passage: Passage) -> list[str]:
    """Without line numbers, where the model put one before every line and the code has none."""
    found = [_NUMBERED.match(line) for line in lines if line.strip()]
    numbers = [int(match.group(1)) for match in found if match]
    if len(numbers) < max(len(found), 2) or any(_NUMBERED.match(line) for line in passage.code):
        return list(lines)
    if any(after != before + 1 for before, after in pairwise(numbers)):
        return list(lines)
    return [_NUMBERED.sub("", line, count=1) for line in lines]


def unescaped(lines: Sequence[str], passage: Passage) -> list[str]:
    """With `&`, `<` and `>` for their entities, where the code has the signs and the answer only entities."""
    text = "\n".join(lines)
    has = _SIGN.search(passage.original) and not _ENTITY.search(passage.original)
    if not has or not _ENTITY.search(text) or _SIGN.search(_ENTITY.sub("", text)):
        return list(lines)
    return html.unescape(text).split("\n")


def _without_thoughts(text: str, passage: Passage) -> tuple[str, str, bool]:
    """(the thoughts, the rest, whether the thoughts have no end)."""
    thoughts: list[str] = []
    while match := _THOUGHT.match(text):
        thoughts.append(match.group(2).strip())
        text = text[match.end() :]
        if not match.group().endswith(f"</{match.group(1)}>"):
            return "\n".join(thoughts), "", True
    own = _THOUGHT_END.search(passage.original)
    ends = [] if own else list(_THOUGHT_END.finditer(text))
    if ends:  # the server took the opening tag for its own
        thoughts.append(text[: ends[-1].start()].strip())
        text = text[ends[-1].end() :]
    channels = list(_CHANNEL.finditer(text))
    if channels:
        thoughts.append(text[: channels[-1].start()].strip())
        text = text[channels[-1].end() :]
    return "\n".join(thoughts), text, False


def _without_tokens(text: str, passage: Passage) -> str:
    """Without the turns' own marks: what comes behind one is not the answer any more."""
    while match := _ROLE.match(text):
        text = text[match.end() :]
    # The whole document: a model may have written all of it, with what looks like a token in its far end.
    document = tuple(without_terminator(line) for line in passage.lines)
    around = Around(passage.language, document, "", "", ())
    start = 0
    while token := special_token(text, around, start):
        if token.text == "</think>":  # thoughts are off already: what is left is a string in the code
            start = token.end
        elif token.opens:
            text, start = text[token.end :], 0
        else:
            return text[: token.at]
    return text


def _parts(text: str, passage: Passage) -> tuple[list[Block], list[str]]:
    lines = text.split("\n")
    blocks: list[Block] = []
    spoken: list[str] = []
    row = 0
    while row < len(lines):
        line = lines[row]
        row += 1
        if (whole := _WHOLE.fullmatch(line)) is not None:
            blocks.append(_one_line(whole["text"]))
            continue
        opening = _OPENING.fullmatch(line)
        if opening is None or not _opens(opening, passage):
            spoken.append(line)
            continue
        if opening["before"].strip():
            spoken.append(opening["before"])
        end, closed = _end(lines, row, opening["mark"], passage)
        body = lines[row:end]
        if closed and end < len(lines) and (glued := lines[end].rstrip()[: -len(opening["mark"])].rstrip()):
            body = [*body, glued]
        blocks.append(Block(opening["tag"].strip(), "\n".join(body), closed))
        row = end + 1 if closed else len(lines)
    return blocks, spoken


def _opens(opening: re.Match[str], passage: Passage) -> bool:
    """Whether a line with a fence opens a block: not one of an unfenced answer's own code."""
    before, line = opening["before"], opening.group().rstrip()
    if lead(line) and any(line == own.rstrip() for own in passage.code):
        return False  # a doc string's, as it stands in the code
    if _LIST.fullmatch(before):
        return True
    return before.rstrip().endswith((":", ".")) and not any(before.strip() in line for line in passage.code)


def _one_line(text: str) -> Block:
    """A block within one line; its first word may be the tag."""
    first, _, rest = text.strip().partition(" ")
    known = canonical(first) != first.lower() or first.lower() in _COMMON_TAGS
    return Block(first, rest) if known and rest.strip() else Block("", text.strip())


_COMMON_TAGS = words("python javascript typescript go rust java c cpp ruby php")


def _end(lines: Sequence[str], row: int, mark: str, passage: Passage) -> tuple[int, bool]:
    """The row of the closing fence, and whether there is one.

    In a block whose own text has fences, those with a tag open and those without one close.
    """
    bare = re.compile(rf"[ \t>]*{re.escape(mark[0])}{{{len(mark)},}}[ \t]*")
    own = [line.strip() for line in passage.code if line.lstrip().startswith(mark[:3])]
    inner = passage.language in PROSE or bool(own)
    closers = [at for at in range(row, len(lines)) if bare.fullmatch(lines[at])]
    if 2 * sum(bool(bare.fullmatch(line)) for line in own) > len(own):
        # Its own fences open without a tag, so that none tells whether it opens or closes.
        return (closers[-1], True) if closers else (len(lines), False)
    # As Markdown has it: a fence that is indented deeper belongs to the text (a docstring's, say).
    deepest = len(lead(lines[row - 1])) + 3
    closers = [at for at in closers if len(lead(lines[at])) <= deepest] or closers
    depth = 0
    for at in range(row, len(lines)):
        line = lines[at]
        if at in closers:
            depth -= 1
        elif inner and line.lstrip().startswith(mark) and not bare.fullmatch(line):
            depth += 1
        elif not inner and _ends_in(line, mark):
            depth -= 1
        if depth < 0:
            return at, True
    return len(lines), False


def _ends_in(line: str, mark: str) -> bool:
    """Whether a line of code has the closing fence at its end."""
    before = line.rstrip().removesuffix(mark)
    return before != line.rstrip() and before[-1:].strip() != "" and mark not in before
