"""What is asked at one place: the question a request has, or one that is asked ahead of any request.

Made once from a snapshot; nothing in it changes afterwards. Not how it is answered (job.py) nor how a model
is asked (launch.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from twinny_lsp.completion.around import Around, look_around
from twinny_lsp.completion.known import Terms
from twinny_lsp.completion.place import Cursor, Place
from twinny_lsp.completion.request import Request, Trigger
from twinny_lsp.completion.shape import Shape, decide


@dataclass(frozen=True, slots=True)
class Ask:
    """`left` is what stands left of the cursor on its line, with the menu item that counts as typed."""

    request: Request
    cursor: Cursor
    around: Around
    shape: Shape
    terms: Terms
    left: str = field(repr=False)

    @classmethod
    def of(cls, request: Request) -> Ask:
        """What that request asks."""
        snapshot, selected = request.snapshot, request.selected
        around = look_around(snapshot, selected)
        return cls(
            request,
            Cursor(snapshot, selected),
            around,
            decide(around, request.settings.multiline, invoked=request.trigger is Trigger.INVOKED),
            Terms.of(request.settings),
            snapshot.line_before + selected,
        )


class Warm(StrEnum):
    """Whether a prompt is only to be read into the server's cache, and with which window."""

    NO = ""
    SHORT = "short"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class How:
    """What is special about asking. `native` False: the server refused to fill in the middle by itself.
    `way`: it is asked ahead, see `Plan`. `warm`: the prompt is only to be read. `variant`: another answer
    than the first is wanted, the how-many-eth. `known_meanwhile`: whether waiting for the slot brought
    something else.
    """

    native: bool = True
    way: tuple[Place, str] | None = None
    variant: int = 0
    warm: Warm = Warm.NO
    known_meanwhile: Callable[[], bool] = lambda: False

    @property
    def yields(self) -> bool:
        """Whether nobody waits for it: it takes a slot only when that is free."""
        return self.way is not None or bool(self.warm)


USUAL = How()
