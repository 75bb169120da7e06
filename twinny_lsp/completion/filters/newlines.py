"""Line ends: `\\n` while the filters work, the document's own when the text goes out."""

from __future__ import annotations

from twinny_lsp.completion.filters.base import FilterInput, Step
from twinny_lsp.completion.text import normalised


def newlines(text: str, given: FilterInput) -> Step:
    """Make every line end `\\n`."""
    same = normalised(text)
    if not same:
        return Step(None, "empty")
    return Step(same, "" if same == text else "line ends made one kind")


def restored(text: str, eol: str) -> str:
    """The text (line ends `\\n`) with the document's line ends."""
    return text.replace("\n", eol) if eol != "\n" else text
