"""Blanks at the end of the text, and texts of nothing but blanks."""

from __future__ import annotations

from twinny_lsp.completion.filters.base import FilterInput


def blank(text: str, given: FilterInput) -> tuple[str | None, str]:
    """Take off blanks and newlines at the end (one blank stays before a word); drop empty text."""
    body = text.rstrip()
    if not body:
        return None, "nothing but blanks" if text else "empty"
    joined = given.around.after[:1].isalnum() and text[len(body) : len(body) + 1] == " "
    if joined:
        body += " "
    return body, "" if body == text else "cut blanks at the end"
