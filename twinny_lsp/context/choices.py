"""Which choice of pieces holds where, and for how long.

A choice belongs to a region: rows of a document near the one it was made for. It is `stale` once something
has changed elsewhere (a reason to look again when the user comes back to it) and `typed` once something has
changed in the region itself (a reason to look again when they rest). Pure state: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from twinny_lsp.config.resolved import ContextSettings, PrivacySettings
from twinny_lsp.context.edits import moved
from twinny_lsp.context.pieces import NOTHING, At, Gathered, Piece
from twinny_lsp.context.selection import rendered
from twinny_lsp.context.work import Query
from twinny_lsp.documents.document import Edit

REGION_ROWS = 60
_KEPT = 128
_GROWS = 1.5
"""How much larger a budget may become before a choice made for a smaller one is too poor."""
Settings = tuple[ContextSettings, PrivacySettings]


@dataclass(slots=True, eq=False)
class Choice:
    """Pieces for a region of a document.

    `own_lines` tell when a part of the document itself, which is shown, has come into the window: one line
    of each that was not in it.
    """

    uri: str
    row: int
    budget: int
    settings: Settings
    pieces: tuple[Piece, ...] = ()
    gathered: Gathered = NOTHING
    own_lines: tuple[str, ...] = ()
    stale: bool = False
    typed: bool = False

    def fill(self, pieces: tuple[Piece, ...], query: Query, *, whole: bool) -> None:
        """Take the pieces; what is equal to what is there stays the same object."""
        gathered = rendered(pieces, whole=whole)
        if gathered.files == self.gathered.files and self.gathered.whole == whole:
            gathered = self.gathered
        self.pieces, self.gathered = pieces, gathered
        lines = query.own.lines
        window = set(lines[query.window.start : query.window.stop])
        own = [{lines[row] for row in one.rows} - window for one in pieces if one.path == query.own.path]
        self.own_lines = tuple(max(outside, key=len) for outside in own if outside)

    def take_over(self, other: Choice) -> None:
        """Show what another choice shows until there is something better."""
        self.pieces, self.gathered, self.own_lines = other.pieces, other.gathered, other.own_lines

    def has(self, uri: str, row: int) -> bool:
        """Whether a place is in its region."""
        return self.uri == uri and abs(self.row - row) <= REGION_ROWS

    def fits(self, at: At, budget: int, settings: Settings) -> bool:
        """Whether it can be given for that place as it is."""
        if self.settings != settings or not self.gathered.size <= budget <= self.budget * _GROWS:
            return False
        if not self.own_lines:
            return True
        window = at.snapshot.lines[at.first_row : at.last_row + 1]
        return not any(line in window for line in self.own_lines)


class Choices:
    """The choices made so far; the latest are kept."""

    def __init__(self) -> None:
        self._kept: list[Choice] = []
        self.pending: Choice | None = None
        """One that is being worked out: what happens meanwhile counts for it as well."""

    def near(self, uri: str, row: int) -> Choice | None:
        """The choice whose region has that row, the nearest."""
        here = [one for one in self._kept if one.has(uri, row)]
        return min(here, key=lambda one: abs(one.row - row), default=None)

    def put(self, choice: Choice, instead: Choice | None = None) -> None:
        """Keep a choice; `instead` of another one, whose region it has."""
        if instead is not None:
            choice.row = instead.row
        self._kept = [one for one in self._kept if one is not instead and one is not choice][-_KEPT + 1 :]
        self._kept.append(choice)

    def edited(self, uri: str, edits: Iterable[Edit] | None) -> None:
        """A document changed; edits None: all of it."""
        for one in self._all():
            if one.uri != uri:
                one.stale = True
            elif edits is None:
                one.stale = one.typed = True
            else:
                for edit in edits:
                    if abs(edit.row - one.row) <= REGION_ROWS:
                        one.typed = True
                    else:
                        one.stale = True
                    one.row = moved(one.row, edit)

    def others_changed(self, uri: str) -> None:
        """A document was opened or closed: for all others that is a change elsewhere."""
        for one in self._all():
            one.stale = one.stale or one.uri != uri

    def forget(self, uri: str) -> None:
        """Drop those of a document."""
        self._kept = [one for one in self._kept if one.uri != uri]

    def clear(self) -> None:
        """Drop all."""
        self._kept.clear()

    def _all(self) -> list[Choice]:
        return self._kept if self.pending is None else [*self._kept, self.pending]
