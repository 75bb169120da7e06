"""Which lines of an answer are words for people, which are comments, which stand for code that was left out.

By the look of lines, for every language. Not for where an answer's blocks are (answers.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from twinny_lsp.completion.blocks import PROSE, opens_block
from twinny_lsp.completion.text import QUOTES, unclosed, unmatched_closers
from twinny_lsp.completion.unfence import PHRASES
from twinny_lsp.languages import language as row_of

_REFUSAL = re.compile(
    r"(?:^|\n|[.!] )\W*(?:(?:I['’]?m|I am) (?:very |really |so )?(?:sorry|afraid|unable|not able)|Sorry\b"
    r"|My apologies|I apologi[sz]e"
    r"|(?:Unfortunately,? )?I (?:can['’]?t|cannot|can not|won['’]?t|will not|do not|don['’]?t) "
    r"(?:help|assist|provide|do that|fulfil|fulfill|comply|complete|see|have|make|modify|edit|change)"
    r"|As an AI|As a language model)",
    re.IGNORECASE,
)
_LEAD = re.compile(r"[ \t>]*(?:[-*+•]|\d+[.)]|#{1,6})[ \t]+|\*\*")
_INLINE_CODE = re.compile(r"`[^`]*`")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
_FIRST = re.compile(r"(?:[A-Z][a-z'’]*|I'[a-z]+)[,:]?(?: |$)")
_SENTENCE_END = re.compile(r"[.:!?][*\"')]*$")
_MIN_WORDS = 4

_QUOTED = ('"""', "'''")
_COMMENT = re.compile(r"\s*(?:#(?!include|define|if|endif)|//|/\*|\*|--|;|%|<!--|\{-|\(\*|\"\"\"|''')")

_LEFT_OUT = re.compile(
    r"\b(?:(?:the )?rest of (?:the |your |this )?(?:\w+ ){0,3}(?:code|function|method|class|file|body|logic|"
    r"implementation|module|component|program|script|remains?|stays?|is|goes)"
    r"|(?:existing|remaining|previous|original|other|unchanged|same|omitted|your) (?:\w+ ){0,2}"
    r"(?:code|methods?|functions?|lines?|logic|implementation|imports?|fields?|properties|tests?|cases?|body|part)"
    r"|(?:code|methods?|functions?|lines?|logic|body|everything else|rest) (?:\w+ ){0,3}"
    r"(?:unchanged|the same|as before|as is|omitted|remains?|stays?|goes here)"
    r"|unchanged|no changes?|same as (?:before|above|original)|omitted|snip(?:ped)?)\b",
    re.IGNORECASE,
)
_DOTS = re.compile(r"\.\.\.|…")
_BARE_DOTS = re.compile(r"(?:\.\.\.|…)[,;]?|[\[({<]\s*(?:\.\.\.|…)\s*[\])}>][,;]?")
_ANGLE = re.compile(
    r"[\[<(](?:rest|remaining|existing|unchanged|same|snip|\.\.\.)[^\])>]*[\]>)]", re.IGNORECASE
)


def refuses(text: str) -> bool:
    """Whether the words say that the model will not, or cannot, do it."""
    return _REFUSAL.search(text[:600]) is not None


def is_words(line: str) -> bool:
    """Whether a line that is no comment is a sentence, a heading or a point of a list."""
    text = line.strip()
    if not text:
        return False
    if text.startswith(PHRASES):
        return True
    led = _LEAD.match(text) is not None
    bare = _INLINE_CODE.sub(" code ", _LEAD.sub("", text)).strip("* ")
    found = _WORD.findall(bare)
    if len(found) < (2 if led else _MIN_WORDS) or not _FIRST.match(bare):
        return False
    if bare.endswith((";", "{", "}", ",", "(", "[")) or re.search(r"\w\(|==|:=|=>|->|\w\.\w+\(| = ", bare):
        return False
    plain = sum(char.isalpha() or char in " ,.'’-:!?()\"" for char in bare)
    return plain >= 0.85 * len(bare) and (led or _SENTENCE_END.search(bare) is not None or len(found) >= 6)


def without_words(lines: Sequence[str], language: str, known: frozenset[str]) -> tuple[list[str], bool]:
    """The lines without the words before and after the code, and whether there are words within it, too.

    Lines in comments and strings of several lines are code whatever they say; so are `known` lines
    (stripped), which stand in the document.
    """
    if language in PROSE:
        return list(lines), False
    spoken = [
        bool(line.strip())
        and not inner
        and line.strip() not in known
        and not _is_comment(line, language)
        and is_words(line)
        for line, inner in zip(lines, _inner(lines), strict=True)
    ]
    first, last = 0, len(lines)
    while first < last and (spoken[first] or not lines[first].strip()):
        first += 1
    while last > first and (spoken[last - 1] or not lines[last - 1].strip()):
        last -= 1
    return list(lines[first:last]), any(spoken[first:last])


def left_out(lines: Sequence[str], known: frozenset[str], language: str) -> str:
    """The first line that stands for code that was not written, "" when there is none."""
    above, mark = "", row_of(language).line
    for line, inner in zip(lines, _inner(lines), strict=True):
        text = line.strip()
        # A comment within a string stands for the end of the string, too.
        code = not inner or (bool(mark) and text.startswith(mark))
        if text and code and text not in known and _stands_for_code(line, above, language):
            return text
        above = line if text else above
    return ""


def only_comments(lines: Sequence[str], language: str) -> bool:
    """Whether there is nothing but comments (and blank lines)."""
    filled = [(line, inner) for line, inner in zip(lines, _inner(lines), strict=True) if line.strip()]
    return all(inner or _is_comment(line, language) for line, inner in filled)


def without_comments(lines: Sequence[str], language: str) -> list[str]:
    """The lines without comments, and without strings of several lines: what brackets are counted in."""
    row = row_of(language)
    marks = [f" {mark}" for mark in (row.line, row.block[0] if row.block else "") if mark]
    kept: list[str] = []
    for line, inner in zip(lines, _inner(lines), strict=True):
        if not inner and not _is_comment(line, language):
            kept.append(min((_cut(line, mark) for mark in marks), key=len, default=line))
    return kept


def _cut(line: str, mark: str) -> str:
    """The line before a comment at its end."""
    at = line.find(mark)
    in_string = any(line[:at].count(quote) % 2 for quote in QUOTES)
    return line if at < 0 or in_string else line[:at]


def balance(lines: Sequence[str], language: str) -> tuple[int, int]:
    """How many brackets stay open in the lines, and how many close nothing in them; comments do not count."""
    code = "\n".join(without_comments(lines, language))
    return len(unclosed(code, language)), len(unmatched_closers(code, language))


def _stands_for_code(line: str, above: str, language: str) -> bool:
    text = line.strip()
    if _ANGLE.fullmatch(text):
        return True
    if _is_comment(line, language):
        words = text.strip("#/*-;%<>!{}() \t\"'")
        if _BARE_DOTS.fullmatch(words):
            return True
        found = _LEFT_OUT.search(words)
        # A comment that merely tells of the rest has more to say; one that stands for it is short.
        return found is not None and (bool(_DOTS.search(words)) or len(words) <= len(found.group()) + 20)
    if _BARE_DOTS.fullmatch(text):
        # Python's own `...` is a body: it comes below what opens a block.
        return not (language in ("python", "cython") and opens_block(above, language))
    return _DOTS.match(text) is not None and _LEFT_OUT.search(text) is not None


def _is_comment(line: str, language: str) -> bool:
    row = row_of(language)
    text = line.lstrip()
    if row.line and text.lower().startswith(row.line):
        return True
    if row.block and text.startswith(row.block[0]):
        return True
    if row.indented and text.lstrip("rRuU").startswith(_QUOTED):
        return True  # a doc string
    if row.id in ("javascriptreact", "typescriptreact") and text.startswith("{/*"):
        return True
    return not (row.line or row.block) and _COMMENT.match(line) is not None


def _inner(lines: Sequence[str]) -> list[bool]:
    """For each line whether it begins within a comment or a string of several lines."""
    found: list[bool] = []
    closer = ""
    for line in lines:
        found.append(bool(closer))
        at = 0
        while True:
            if closer:
                end = line.find(closer, at)
                if end < 0:
                    break
                at, closer = end + len(closer), ""
            places = [
                (line.find(mark, at), mark) for mark in (*_QUOTED, "/*", "<!--") if line.find(mark, at) >= 0
            ]
            if not places:
                break
            start, mark = min(places)
            at, closer = start + len(mark), {"/*": "*/", "<!--": "-->"}.get(mark, mark)
    return found
