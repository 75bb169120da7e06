"""What a filter is: a pure function from a text to a text, with a note when it did something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.shape import Shape


@dataclass(frozen=True, slots=True)
class FilterInput:
    """What filters may look at. `stop` are the family's stop words; `chat`: a chat model was asked.

    `tokens_meant`: the user's own code has special tokens, so that the model may write them too.
    """

    around: Around
    shape: Shape
    stop: tuple[str, ...] = ()
    chat: bool = False
    tokens_meant: bool = False


Filter = Callable[[str, FilterInput], tuple[str | None, str]]
"""(text, what is around) -> (text or None to drop it, what was done: "" for nothing)."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """`text` is None when nothing is left; then the last note says why. Notes are `name: what`."""

    text: str | None
    notes: tuple[str, ...] = ()
