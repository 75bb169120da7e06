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


@dataclass(frozen=True, slots=True)
class Step:
    """What a filter made of a text: None drops it. `note` says what was done, "" for nothing.

    `replaces`: so many characters right of the cursor go away with the text.
    """

    text: str | None
    note: str = ""
    replaces: int = 0


Filter = Callable[[str, FilterInput], Step]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """`text` is None when nothing is left; then the last note says why. Notes are `name: what`.

    `replaces`: so many characters right of the cursor, closers that the text writes itself, go away with it.
    """

    text: str | None
    notes: tuple[str, ...] = ()
    replaces: int = 0
