"""Indentation and blanks that stand left of the cursor already and are not wanted a second time."""

from __future__ import annotations

from twinny_lsp.completion.filters.base import FilterInput
from twinny_lsp.completion.shape import opens_block
from twinny_lsp.completion.text import lead, width

_FREE = frozenset(
    {"markdown", "mdx", "restructuredtext", "asciidoc", "plaintext", "yaml", "haml", "pug", "sass"}
)
"""Languages in which deeper indentation needs no opened block above."""


def indentation(text: str, given: FilterInput) -> tuple[str | None, str]:
    """Take off leading newlines and repeated blanks on a blank line, or the second blank after one."""
    around = given.around
    if not around.blank:
        doubled = around.before[-1:] in {" ", "\t"} and text[:1] in {" ", "\t"}
        return (text.lstrip(" \t"), "cut a second blank") if doubled else (text, "")
    body = text
    while (line := body.partition("\n"))[1] and not line[0].strip():
        body = line[2]
    blanks = lead(body)
    if blanks and not _needed(body, blanks, given, moved=body != text):
        body = body[len(blanks) :]
    if body == text:
        return text, ""
    return body or None, "cut indentation that is there already"


def _needed(body: str, blanks: str, given: FilterInput, *, moved: bool) -> bool:
    """Whether the first line's blanks add to the cursor's own, rather than repeating them."""
    around = given.around
    if moved and around.before and blanks.startswith(around.before):
        return False
    if around.before == "":
        if around.language in _FREE:
            return True
        above = around.last_line
        return width(body) <= width(above) or opens_block(above, around.language)
    if blanks.startswith(around.before) and around.language in _FREE:
        return False
    above, own = around.last_line, width(around.before)
    if opens_block(above, around.language):
        return own <= width(above)
    return own < width(above)
