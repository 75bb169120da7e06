"""Doing one task on a piece of code: from the request to what changes, or to why nothing does.

What is not certain changes nothing. A document that is edited while the model answers gets the edit where
the code was left alone; else the answer is kept for a chat document. What takes long runs on a thread. Not
for how tasks are offered and the outcome is handed out (code_tasks.py, which imports this on a thread).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams

from twinny_lsp.chat import prompting
from twinny_lsp.chat.answering import ending
from twinny_lsp.chat.edits.changes import edits
from twinny_lsp.chat.edits.decide import No, decide
from twinny_lsp.chat.edits.enclosing import enclosing
from twinny_lsp.chat.edits.instruct import instruction_at
from twinny_lsp.chat.edits.passage import Edit, Passage, Span, passage, rows
from twinny_lsp.chat.edits.rebase import rebased
from twinny_lsp.chat.newfile import blank, test_path
from twinny_lsp.chat.prompting import Prepared, Problem
from twinny_lsp.chat.tasks import INSTRUCT, Result, Task
from twinny_lsp.config.sources import path_of
from twinny_lsp.documents.windows import estimate_tokens
from twinny_lsp.errors import SettingsError
from twinny_lsp.lsp.workspace_edits import abilities, changed, created

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twinny_lsp.chat.stream import Spoken
    from twinny_lsp.chat.templates import Templates
    from twinny_lsp.documents.document import Document
    from twinny_lsp.documents.text import Position
    from twinny_lsp.lsp.asking import Asked, Asker
    from twinny_lsp.lsp.chat_sending import Outgoing
    from twinny_lsp.lsp.server import TwinnyServer

CONTEXT_TOKENS = 1024
"""For the lines around the code, where the window has room."""
TRIES = 5
"""How often an edit is computed anew for a document that is edited meanwhile."""


@dataclass(frozen=True, slots=True)
class Request:
    """`span` is in the client's units, None for the whole document; an empty one means the code around it.

    Without an `instruction`, that of the comment at the span's start is meant, for the task that needs one.
    """

    task: Task
    uri: str
    span: tuple[int, int, int, int] | None = None
    instruction: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """`edit` is None where nothing changes; `message` says why, or what is to be known about the edit.

    `text` is the answer to be read, or the code. `kept`: it is worth a chat document, since it could not be
    put in. `rows` are those it is about.
    """

    text: str
    edit: lsp.WorkspaceEdit | None = None
    message: str = ""
    kept: bool = False
    rows: range | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class TaskPlace:
    """The model is asked about `asked`, and what that becomes goes in the place of `passage`."""

    asked: Passage
    passage: Passage
    instruction: str = ""

    @property
    def rows(self) -> range:
        """The rows of the document it is about."""
        return range(self.passage.span.start[0], self.passage.span.end[0] + 1)


class TaskRun:
    """Does tasks; holds nothing of them."""

    def __init__(self, server: TwinnyServer, asker: Asker) -> None:
        self._server, self._asker = server, asker

    async def place(self, request: Request) -> TaskPlace:
        """What a task is about; nobody was asked yet.

        Raises TwinnyError where nothing may or can be asked, -32602 for a document that is not open.
        """
        document = self._open(request.uri)
        place = await _place(document, request)
        await self._server.require_sendable(request.uri)
        if why := prompting.nothing_asked(request.task, place.asked, place.instruction):
            raise SettingsError(why)
        return place

    async def run(self, request: Request, templates: Templates) -> Outcome:
        """Ask the model and decide. Raises as `place` does, and for what the model server says."""
        place = await self.place(request)
        asked = await self._asker.whom()
        file = await self._test_file(request.uri) if request.task.result is Result.FILE else None
        prepared = await self._prepare(request, place, asked, templates, file)
        outgoing = await self._asker.outgoing(asked, prepared.messages, request.uri)
        spoken = await self._asker.ask(outgoing)
        if spoken.thinking and not spoken.text.strip():
            return Outcome("", message=ending(spoken.finish, outgoing.max_tokens, text=False, thinking=True))
        if request.task.result is Result.ANSWER:
            return _answer(spoken, place, asked)
        if request.task.result is Result.FILE:
            return await self._file(spoken, prepared, place, file)
        return await self._edit(request, spoken, prepared, place)

    async def outgoing(self, request: Request, place: TaskPlace, templates: Templates) -> Outgoing:
        """What is sent for a task whose answer is read. Raises TwinnyError."""
        asked = await self._asker.whom()
        prepared = await self._prepare(request, place, asked, templates)
        return await self._asker.outgoing(asked, prepared.messages, request.uri)

    async def _prepare(
        self, request: Request, place: TaskPlace, asked: Asked, templates: Templates, file: Path | None = None
    ) -> Prepared:
        if request.task.result is Result.EDIT and (why := prompting.too_long(place.asked, asked.answer)):
            raise SettingsError(why)
        room = asked.window - asked.answer
        if asked.told and (why := prompting.too_large(place.asked, room)):
            raise SettingsError(why)
        left = room - 2 * estimate_tokens(place.asked.original)
        where = self._server.place_of(request.uri)
        folder = _folder(where.root, request.uri)
        privacy = self._server.backend.store.for_document(request.uri).privacy()
        return await prompting.prepare_task(
            prompting.Asked(
                request.task,
                place.asked,
                # People the user does not know are told no names of files.
                path="" if asked.away else where.path,
                instruction=place.instruction,
                problems=tuple(each for each in request.problems if each.row in place.rows),
                test_path=file.relative_to(folder).as_posix() if file and folder and not asked.away else "",
                system=asked.settings.system,
                context_tokens=max(0, min(CONTEXT_TOKENS, left // 2)),
                mask=privacy.mask_secrets or asked.away,
            ),
            templates,
        )

    async def _edit(self, request: Request, spoken: Spoken, prepared: Prepared, place: TaskPlace) -> Outcome:
        made = await asyncio.to_thread(
            lambda: decide(
                spoken.text,
                place.asked,
                finish=spoken.finish,
                hidden=prepared.hidden,
                keeps_code=request.task.keeps_code,
            )
        )
        if isinstance(made, No):
            return Outcome(made.said, message=made.message)
        fitted = await self._fitted(request.uri, place.passage, made.text)
        if fitted is None:
            why = "The code was changed while the model answered, so it was left as it is."
            return Outcome(made.text, message=why, kept=True, rows=place.rows)
        document, made_edits = fitted
        able = abilities(self._server.client_capabilities)
        edit = changed(document, made_edits, able, f"twinny-lsp: {request.task.title}", made.notes)
        shown = able.versioned and able.annotated
        return Outcome(made.text, edit, "" if shown else " ".join(made.notes))

    async def _fitted(self, uri: str, before: Passage, text: str) -> tuple[Document, tuple[Edit, ...]] | None:
        """The edits for the document as it is now; None when the passage was touched."""

        def fit(lines: tuple[str, ...]) -> tuple[Edit, ...] | None:
            now = before if lines == before.lines else rebased(before, lines)
            return edits(now, text) if now else None

        for _ in range(TRIES):
            document = self._server.documents.get(uri)
            if document is None:
                return None
            lines = document.lines
            made = await asyncio.to_thread(fit, lines)
            if made is None:
                return None
            if self._server.documents.get(uri) is document and document.lines is lines:
                return document, made
        return None

    async def _file(self, spoken: Spoken, prepared: Prepared, place: TaskPlace, file: Path | None) -> Outcome:
        language = place.asked.language
        made = await asyncio.to_thread(
            lambda: decide(spoken.text, blank(language), finish=spoken.finish, hidden=prepared.hidden)
        )
        if isinstance(made, No):
            return Outcome(made.said, message=made.message)
        text = made.text if made.text.endswith("\n") else f"{made.text}\n"
        why = ""
        if file is None:
            why = "Where the new file belongs is not known."
        elif await asyncio.to_thread(file.exists):
            why = f"{file.name} is there already and was left as it is."
        elif not abilities(self._server.client_capabilities).creates:
            why = f"The editor makes no new files for a language server; this belongs into {file.name}."
        if why or file is None:
            return Outcome(text, message=why, kept=True, rows=place.rows)
        return Outcome(text, created(file.as_uri(), text), " ".join(made.notes))

    async def _test_file(self, uri: str) -> Path | None:
        """Where the tests of a document go; None for one that is no file."""
        where = self._server.place_of(uri)
        folder = _folder(where.root, uri)
        if folder is None:
            return None
        found = await asyncio.to_thread(test_path, where.path, lambda path: (folder / path).exists())
        return folder / found

    def _open(self, uri: str) -> Document:
        document = self._server.documents.get(uri)
        if document is None:
            raise JsonRpcInvalidParams("`uri` is not an open document")
        return document


async def _place(document: Document, request: Request) -> TaskPlace:
    lines, language = document.lines, document.language
    if request.span is None:
        start, end = (0, 0), (len(lines) - 1, len(lines[-1]))
    else:
        line, character, last, stop = request.span
        one, other = document.snapshot(line, character), document.snapshot(last, stop)
        start, end = (one.row, one.column), (other.row, other.column)
    return await asyncio.to_thread(_found, lines, language, (start, end), request)


def _found(
    lines: Sequence[str], language: str, span: tuple[Position, Position], request: Request
) -> TaskPlace:
    start, end = span
    row = start[0]
    instructed = request.task == INSTRUCT
    if instructed and not request.instruction.strip():
        found = instruction_at(lines, row, language)
        if found is None:
            raise SettingsError("There is no instruction here: write a comment that begins with `ai:`.")
        return TaskPlace(found.asked, found.passage, found.text)
    if start != end:
        made = passage(lines, Span(start, end), language)
    else:
        new = instructed and not lines[row].strip()
        first, last = (None if new else enclosing(lines, row, language)) or (row, row)
        made = rows(lines, first, last, language)
    return TaskPlace(made, made, request.instruction)


def _answer(spoken: Spoken, place: TaskPlace, asked: Asked) -> Outcome:
    """The answer as it is: what was hidden stays so, since it may be kept in a file and sent again."""
    text = spoken.text.strip()
    message = "" if text else "The model's answer was empty. Ask again, or use another model."
    return Outcome(text, message=message, kept=bool(text), rows=place.rows, model=asked.target.model)


def _folder(root: str, uri: str) -> Path | None:
    """Where paths of a document's place begin: its workspace folder, else its own."""
    if root:
        return path_of(root)
    path = path_of(uri)
    return path.parent if path else None
