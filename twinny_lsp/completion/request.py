"""What the completion engine is asked and what it answers. Positions are code-point offsets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from twinny_lsp.config.resolved import CompletionSettings
from twinny_lsp.documents.snapshot import Snapshot

if TYPE_CHECKING:
    from twinny_lsp.completion.record import Record


class Asked(StrEnum):
    """The surface a request came by. A menu request does not supersede an inline one."""

    INLINE = "inline"
    MENU = "menu"


class Trigger(StrEnum):
    """AUTOMATIC: while typing; INVOKED: the user asked for it."""

    AUTOMATIC = "automatic"
    INVOKED = "invoked"


@dataclass(frozen=True, slots=True)
class Request:
    """One completion request. `selected` is the menu item the editor would insert at the cursor (LSP
    `selectedCompletionInfo`): a completion must begin with it.

    `path` is the document's path relative to its root, `repo` the root's name ("" when unknown); `cell`: it
    is a notebook's cell. `idle` are the seconds since the last key: some editors wait by themselves before
    they ask. `tells_shown`: the client says when an answer is on screen; of others it is taken for granted.
    """

    snapshot: Snapshot
    settings: CompletionSettings
    asked: Asked
    trigger: Trigger
    path: str = ""
    repo: str = ""
    selected: str = ""
    cell: bool = False
    idle: float = 0.0
    tells_shown: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """`text` goes in at the cursor; `replaces` code points right of the cursor go away with it."""

    text: str
    replaces: int = 0


class Source(StrEnum):
    """Where an answer came from."""

    MODEL = "model"
    ADOPTED = "adopted"
    CACHE = "cache"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Result:
    """The one answer to a Request. `reason` says in plain words why `candidates` is empty.

    `record` is what happened, for `why`.
    """

    candidates: tuple[Candidate, ...] = ()
    source: Source = Source.NONE
    reason: str = ""
    record: Record | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """What happened in words, in order."""
        return tuple(self.record.lines) if self.record is not None else ()
