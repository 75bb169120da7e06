"""What is asked at one place: the question a request has, or one that is asked ahead of any request.

Made once from a snapshot; nothing in it changes afterwards. Not how it is answered (job.py) nor how a model
is asked (launch.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from twinny_lsp.completion.around import Around, look_around
from twinny_lsp.completion.known import Terms
from twinny_lsp.completion.place import Cursor
from twinny_lsp.completion.request import Request
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
            decide(around, request.settings.multiline),
            Terms.of(request.settings),
            snapshot.line_before + selected,
        )
