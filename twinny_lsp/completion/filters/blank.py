"""Blanks at the end of the text, and texts of nothing but blanks."""

from __future__ import annotations

from twinny_lsp.completion.filters.base import FilterInput, Step


def blank(text: str, given: FilterInput) -> Step:
    """Take off blanks and newlines at the end where nothing follows them; drop empty text.

    Before text that stands right of the cursor they are what sets it apart, and stay if they were asked for.
    """
    body = text.rstrip()
    if not body:
        return Step(None, "nothing but blanks")
    tail = _tail(text[len(body) :], given)
    return Step(body + tail, "" if body + tail == text else "cut blanks at the end")


def _tail(blanks: str, given: FilterInput) -> str:
    """What stays of the blanks at the end."""
    around, right = given.around, given.around.after
    if not given.shape.whole:
        return " " if right[:1].isalnum() and blanks[:1] == " " else ""
    if not right.strip():
        # A blank line before the next one may be meant; one at the document's end is not.
        meant = not given.chat and "\n" in blanks and bool(around.next_line)
        return blanks[blanks.find("\n") : blanks.rfind("\n") + 1] if meant else ""
    return blanks.partition("\n")[0] if given.chat and blanks.endswith("\n") else blanks
