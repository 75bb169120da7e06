"""A workspace folder with files, documents open in it, and a gatherer over them; time is turned by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from twinny_lsp.config.resolved import ContextSettings, PrivacySettings
from twinny_lsp.context.gatherer import Gatherer
from twinny_lsp.context.pieces import At, Gathered
from twinny_lsp.documents.document import Document
from twinny_lsp.documents.encoding import Encoding
from twinny_lsp.languages import language_from_path

CURSOR = "‸"
BUDGET = 1536


@dataclass(eq=False)
class Call:
    """A call that is to come."""

    at: float
    call: Callable[[], object]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[Call] = []

    def __call__(self) -> float:
        return self.now

    def later(self, seconds: float, call: Callable[[], object]) -> Call:
        made = Call(self.now + seconds, call)
        self.calls.append(made)
        return made

    def advance(self, seconds: float) -> None:
        """Let time pass, and what is due come."""
        end = self.now + seconds
        while due := [one for one in self.calls if not one.cancelled and one.at <= end]:
            first = min(due, key=lambda one: one.at)
            self.calls.remove(first)
            self.now = first.at
            first.call()
        self.now = end


class Desk:
    """The editor's side: documents that are opened, typed in and asked about."""

    def __init__(self, root: Path, **files: str) -> None:
        self.root = root
        self.clock = Clock()
        self.documents: dict[str, Document] = {}
        self.cells: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self.context, self.privacy = ContextSettings(), PrivacySettings()
        self.rootless = False
        for name, text in files.items():
            self.write(name, text)
        self.gatherer = Gatherer(
            self, self.place_of, lambda _: (self.context, self.privacy),
            clock=self.clock, call_later=self.clock.later,
        )  # fmt: skip

    def __iter__(self) -> Iterator[Document]:
        return iter(self.documents.values())

    def neighbours(self, cell_uri: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.cells.get(cell_uri, ((), ()))

    def place_of(self, uri: str) -> tuple[str, str]:
        path = Path(uri.removeprefix("file://").partition("#")[0])
        if self.rootless or not path.is_relative_to(self.root):
            return path.name, ""
        return path.relative_to(self.root).as_posix(), self.root.as_uri()

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def uri(self, name: str) -> str:
        return name if ":" in name else f"file://{self.root / name}"

    def open(self, name: str, text: str | None = None) -> Document:
        """Open a file; without a text, as it is on disk."""
        uri = self.uri(name)
        if text is None:
            text = (self.root / name).read_text(encoding="utf-8")
        document = Document(uri, language_from_path(name), 1, text, Encoding.UTF32)
        self.documents[uri] = document
        self.gatherer.opened(document)
        return document

    def close(self, name: str) -> None:
        self.gatherer.closed(self.documents.pop(self.uri(name)))

    def edit(self, name: str, row: int, column: int, text: str, end: tuple[int, int] | None = None) -> None:
        """Put text in the place of what is from there to `end` (nothing without)."""
        document = self.documents[self.uri(name)]
        document.apply_incremental((row, column, *(end or (row, column))), text, self.clock.now)
        document.version += 1
        self.gatherer.changed(document)

    async def ask(
        self, name: str, row: int, column: int = 0, *, budget: int = BUDGET, rows: int = 20
    ) -> Gathered:
        """What comes with a window of so many rows before the cursor and a quarter of it after."""
        document = self.documents[self.uri(name)]
        self.gatherer.visited(document.uri, row)
        snapshot = document.snapshot(row, column)
        last = min(len(snapshot.lines) - 1, row + rows // 4)
        return await self.gatherer.pieces(At(snapshot, max(0, row - rows), last), budget)

    async def rest(self, seconds: float = 10.0) -> None:
        """Let time pass without an event, and the worker finish what that sets off."""
        self.clock.advance(seconds)
        await self.settle()

    async def settle(self) -> None:
        """Until the worker has nothing to do."""
        while (job := self.gatherer._job) is not None:
            await asyncio.wait({job.task}, timeout=5)
            await asyncio.sleep(0)

    def set(self, **changes: object) -> None:
        """Other settings, by their names."""
        of_context = {key: value for key, value in changes.items() if hasattr(self.context, key)}
        of_privacy = {key: value for key, value in changes.items() if hasattr(self.privacy, key)}
        self.context = replace(self.context, **of_context)  # type: ignore[arg-type]
        self.privacy = replace(self.privacy, **of_privacy)  # type: ignore[arg-type]
        self.gatherer.settings_changed()


def text_of(gathered: Gathered) -> str:
    """All that is shown, with the paths."""
    return "\n".join(f"== {file.path}\n{file.text}" for file in gathered.files)
