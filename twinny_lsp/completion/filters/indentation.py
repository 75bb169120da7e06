"""Indentation and blanks that stand left of the cursor already and are not wanted a second time."""

from __future__ import annotations

import re
from itertools import pairwise

from twinny_lsp.completion.blocks import ends_block, may_end, opens_block
from twinny_lsp.completion.closers import awaited
from twinny_lsp.completion.filters.base import FilterInput, Step
from twinny_lsp.completion.text import TAB, lead, width

_FREE = frozenset(
    {"markdown", "mdx", "restructuredtext", "asciidoc", "plaintext", "yaml", "haml", "pug", "sass"}
)
"""Languages in which deeper indentation needs no opened block above."""

_DEEPEST_STEP = 8
"""Columns; what is deeper than the line before it by more is aligned to something, not a block."""

_NEAR = 4
"""Lines above whose indentation one more line may have."""

_FAR = 20
"""Columns."""

_ELSE = re.compile(r"\s*(?:else|elif|elsif|elseif|except|finally|catch|rescue|ensure|case|default|when)\b")
_HEAD = re.compile(r"\s*(?:\} )?(?:if|else|for|foreach|while|do|switch|case|default|try|catch)\b")


def indentation(text: str, given: FilterInput) -> Step:
    """Take off leading newlines and repeated blanks on a blank line, or the second blank after one."""
    around = given.around
    if not around.blank:
        doubled = around.before[-1:] in {" ", "\t"} and text[:1] in {" ", "\t"}
        # Several blanks align what follows; two may come after a sentence.
        doubled &= not around.before.endswith(("  ", ". ")) and text[1:2] not in {" ", "\t"}
        return Step(text.lstrip(" \t"), "cut a second blank") if doubled else Step(text)
    if given.shape.whole and not around.before:
        return Step(text)  # nothing stands there that could come twice
    body = text
    while (line := body.partition("\n"))[1] and not line[0].strip():
        body = line[2]
    blanks = lead(body)
    if around.before and blanks and not _needed(body, blanks, given, moved=body != text):
        body = body[len(around.before) :] if blanks.startswith(around.before) else body[len(blanks) :]
    return Step(body, "" if body == text else "cut indentation that is there already")


def _needed(body: str, blanks: str, given: FilterInput, *, moved: bool) -> bool:
    """Whether the first line's blanks add to the cursor's own, rather than repeating them."""
    around = given.around
    if blanks.startswith(around.before):
        if moved or around.language in _FREE:
            return False
        joined = _oddity(width(around.before + blanks), body, given)
        alone = _oddity(width(blanks), body, given)
        # As many blanks as stand there are hardly the second half of what is wanted.
        return joined < alone if blanks == around.before else joined <= alone
    if given.shape.whole:
        return True
    if opens_block(around.last_line, around.language, around.above):
        return width(around.before) <= width(around.last_line)
    return width(around.before) < width(around.last_line)


def _oddity(at: int, body: str, given: FilterInput) -> float:
    """How odd it were that the body's first line stands at this indentation: 0 for not at all."""
    around = given.around
    filled = [line for line in around.above if line.strip() and not line.startswith("#")]
    last = filled[-1] if filled else ""
    above, below = width(last), width(around.next_line)
    near = {width(line) for line in filled[-_NEAR:]}
    far = 2 + min(abs(at - above), _FAR) / _FAR
    # The next line of the text tells where a block stands, unless one is opened or closed there.
    second = body.partition("\n")[2]
    if second.strip() and width(second) == at and not ends_block(second, around.language):
        far, near = far - 1, near | {at}
    if ends_block(body, around.language):
        waiting = awaited(around.above, around.language)
        return 0 if waiting and waiting[-1].width == at else 1 if at in near else far
    if _ELSE.match(body):
        return 0 if at < above else far
    if not may_end(last, around.language) and not last.rstrip().endswith("."):
        return 0 if at >= above else far  # a statement goes on, aligned to whatever it likes
    if opens_block(last, around.language, around.above) or _opens_statement(last):
        steps = {width(b) - width(a) for a, b in pairwise(filled)} | {below - above, TAB}
        if not given.shape.whole:
            steps.add(width(around.before) - above)  # where an editor has put the cursor
        return 0 if 1 < at - above <= _DEEPEST_STEP and at - above in steps else far
    if at == above or (not around.after.strip() and around.next_line and at == below < above):
        return 0
    return 1 if at in near else far


def _opens_statement(line: str) -> bool:
    """Whether one statement, deeper, belongs to this line, without a brace."""
    return _HEAD.match(line) is not None and line.rstrip()[-1:] not in (";", "{", "}")
