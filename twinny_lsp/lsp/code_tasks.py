"""Tasks on code in the editor: offered as code actions, done when one is resolved or its command is run.

What is offered comes from the open document alone; the user's own tasks are those that were in the folder a
moment ago. How a task is done is code_task_run.py's. `chat/` is imported when it is needed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from twinny_lsp.chat.tasks import FIX, INSTRUCT, TASKS, Result, Task
from twinny_lsp.errors import SettingsError, TwinnyError
from twinny_lsp.lsp.arguments import flag, items, span, take, text
from twinny_lsp.lsp.chat_offers import command_of, plain
from twinny_lsp.lsp.commands import Command
from twinny_lsp.lsp.commit_messages import LABEL, LANGUAGE, CommitMessages
from twinny_lsp.lsp.notices import Level
from twinny_lsp.lsp.seen import SEVERITIES, selection
from twinny_lsp.lsp.workspace_edits import apply

if TYPE_CHECKING:
    from twinny_lsp.chat.prompting import Problem
    from twinny_lsp.documents.document import Document
    from twinny_lsp.lsp.asking import Asker
    from twinny_lsp.lsp.chat_documents import ChatDocuments
    from twinny_lsp.lsp.code_task_run import Outcome, Request, TaskRun
    from twinny_lsp.lsp.server import TwinnyServer

KEYS = ("uri", "range", "instruction", "diagnostics", "open", "wait")
COMMIT = "commitMessage"
KINDS = (lsp.CodeActionKind.QuickFix, lsp.CodeActionKind.Refactor)
"""With all that is below them."""
LOOK_S = 2.0
"""How long what was seen in the user's folder is good."""
TITLE_CHARS = 60
SHOW = "Show the answer"


class Told(TwinnyError):
    """What the user has read already, in the chat document."""


class CodeTasks:
    """The handlers; one object per server, many tasks at once."""

    def __init__(self, server: TwinnyServer, chats: ChatDocuments, asker: Asker) -> None:
        self._server, self._chats, self._asker = server, chats, asker
        self._commits = CommitMessages(server, asker)
        self._own: tuple[Task, ...] = ()
        self._looked_at = float("-inf")

    # -- what is offered

    async def actions(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        """The tasks that make sense at a place."""
        document = self._server.documents.get(params.text_document.uri)
        if document is None or self._server.state()[0] == "starting" or self._chats.is_chat(document):
            return []
        if document.language == LANGUAGE:
            made = [self._action(LABEL, lsp.CodeActionKind.RefactorRewrite, COMMIT, {"uri": document.uri})]
        else:
            await self._look()
            made = self._on_code(document, params)
        return [action for action in made if _wanted(action.kind or "", params.context.only)]

    def _on_code(self, document: Document, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        from twinny_lsp.chat.edits.instruct import instruction_at
        from twinny_lsp.completion.blocks import PROSE

        found: list[lsp.CodeAction] = []
        where = {"uri": document.uri, "range": plain(params.range)}
        start, end = params.range.start, params.range.end
        selected = start != end
        instruction = instruction_at(document.lines, start.line, document.language)
        if instruction is not None and not selected:
            title = f"twinny-lsp: Do: {_short(instruction.text)}"
            kind = lsp.CodeActionKind.RefactorRewrite
            found.append(self._action(title, kind, INSTRUCT.name, where))
        if not selected and not _has_code(document.lines, start.line):
            return found
        diagnostics = params.context.diagnostics
        built_in = () if document.language in PROSE else TASKS
        for task in (*built_in, *self._own):
            if task == INSTRUCT:
                continue
            mends = task == FIX and bool(diagnostics)
            kind = lsp.CodeActionKind.QuickFix if mends else lsp.CodeActionKind.RefactorRewrite
            if task.result is not Result.EDIT:
                kind = lsp.CodeActionKind.Refactor
            more = {"diagnostics": [_slim(each) for each in diagnostics]} if mends else {}
            action = self._action(f"twinny-lsp: {task.title}", kind, task, {**where, **more})
            found.append(attrs.evolve(action, diagnostics=diagnostics) if mends else action)
        return found

    def _action(
        self, title: str, kind: lsp.CodeActionKind, task: Task | str, argument: dict[str, Any]
    ) -> lsp.CodeAction:
        """With `data` where the client resolves edits, else with a command that does not keep it waiting."""
        name, own = (task.name, task.own) if isinstance(task, Task) else (task, False)
        answers = isinstance(task, Task) and task.result is Result.ANSWER
        if self._resolves() and not answers:
            return lsp.CodeAction(title, kind=kind, data={"task": name, **argument})
        if own:
            argument, name = {"name": name, **argument}, "task"
        short = title.removeprefix("twinny-lsp: ")
        return lsp.CodeAction(title, kind=kind, command=command_of(short, name, {**argument, "wait": False}))

    def _resolves(self) -> bool:
        text_document = self._server.client_capabilities.text_document
        able = text_document.code_action if text_document else None
        support = able.resolve_support if able else None
        if support is None or self._server.profile.waits_for_actions:
            return False
        return "edit" in support.properties and bool(able and able.data_support)

    async def _look(self) -> None:
        """See what is in the user's folder: the first time before the answer, later beside it."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_S:
            return
        first, self._looked_at = self._looked_at < 0, now
        looking = self._see_own()
        if first:
            await asyncio.to_thread(import_module, "twinny_lsp.chat.edits.instruct")
            await looking
        else:
            self._server.run_task(looking, "look for the user's tasks")

    async def _see_own(self) -> None:
        tasks = await self._asker.templates().tasks()
        self._own = tuple(task for task in tasks if task.own)

    # -- what is done

    async def resolve(self, action: lsp.CodeAction) -> lsp.CodeAction:
        """The action with its edit; without one where nothing is to change, and then the user is told why."""
        data = action.data
        if not isinstance(data, Mapping) or "task" not in data:
            return action
        try:
            await self._server.require_ready()
            if data["task"] == COMMIT:
                uri = text(data, "uri")
                return attrs.evolve(action, edit=self._commits.edit(uri, await self._commits.write(uri)))
            request = await self._read(text(data, "task"), data)
            outcome = await self._run(request)
        except TwinnyError as error:
            self._server.tell(str(error), Level.ERROR)
            return action
        if outcome.kept:
            self._server.run_task(self._offer(request, outcome), "offer an answer")
        elif outcome.message:
            self._server.tell(outcome.message, Level.INFO if outcome.edit else Level.WARNING)
        return attrs.evolve(action, edit=outcome.edit)

    def table(self) -> dict[str, Command]:
        """Name (without `twinny-lsp.`) → handler."""

        def handler(name: str) -> Command:
            async def run(argument: Any = None) -> dict[str, Any]:
                return await self.command(name, argument)

            return run

        own = {"task": self.own_task, COMMIT: self._commits.command}
        return {task.name: handler(task.name) for task in TASKS} | own

    async def own_task(self, argument: Any = None) -> dict[str, Any]:
        """A task of the user's own, by `name`."""
        given = take(argument, ("name", *KEYS))
        name = text(given, "name")
        return await self.command(name, {key: value for key, value in given.items() if key != "name"})

    async def command(self, name: str, argument: Any = None) -> dict[str, Any]:
        """Do a task: `{applied, text, message, chat}`, or `{started: true}` at once with `wait: false`.

        Raises TwinnyError, -32602 for a wrong argument.
        """
        given = take(argument, KEYS)
        await self._server.require_ready()
        request, shows = await self._read(name, given), flag(given, "open") is not False
        streams = request.task.result is Result.ANSWER and shows and self._chats.streams()
        work = self._stream(request) if streams else self._finish(request, shows=shows)
        if flag(given, "wait") is False:
            self._server.run_task(self._told(work), "a task on code")
            return {"started": True}
        return await work

    async def _read(self, name: str, given: Mapping[str, Any]) -> Request:
        # The loop has no time for it.
        await asyncio.to_thread(import_module, "twinny_lsp.lsp.code_task_run")
        from twinny_lsp.lsp.code_task_run import Request

        task = next((each for each in TASKS if each.name == name), None)
        if task is None:
            await self._see_own()
            task = next((each for each in self._own if each.name == name), None)
        if task is None:
            raise JsonRpcInvalidParams(f"`{name[:100]}` is no task")
        uri = text(given, "uri")
        document = self._server.documents.get(uri)
        if document is None:
            raise JsonRpcInvalidParams("`uri` is not an open document")
        part, instruction = span(given, "range"), text(given, "instruction")
        if part is not None:
            chosen = selection(document, lsp.Range(lsp.Position(*part[:2]), lsp.Position(*part[2:])))
            part = (*part[:2], chosen.end.line, chosen.end.character)
        if instruction and task != INSTRUCT:
            raise JsonRpcInvalidParams(f"`instruction` is for `{INSTRUCT.name}`")
        if task == INSTRUCT and part is None and not instruction.strip():
            raise SettingsError("There is no instruction: say what is to be done with the code.")
        return Request(task, uri, part, instruction, _problems(items(given, "diagnostics")))

    @property
    def _runner(self) -> TaskRun:
        from twinny_lsp.lsp.code_task_run import TaskRun

        return TaskRun(self._server, self._asker)

    async def _run(self, request: Request) -> Outcome:
        return await self._runner.run(request, self._asker.templates())

    async def _stream(self, request: Request) -> dict[str, Any]:
        """Have the answer written into a chat that is opened at once with the question."""
        runner, templates = self._runner, self._asker.templates()
        place = await runner.place(request)
        chat = await self._chats.begin(request.uri, self._asked(request, place.rows))
        path = Path(chat["path"])
        try:
            made = await self._chats.answered(path, lambda: runner.outgoing(request, place, templates))
        except TwinnyError as error:
            raise Told(str(error)) from error
        if made is not None:
            return {"applied": False, "text": made["text"].strip(), "message": "", "chat": chat}
        outcome = await runner.run(request, templates)
        if outcome.kept:
            await self._chats.complete(path, _written(outcome.model, outcome.text).removeprefix("\n"))
        else:
            self._server.tell(outcome.message, Level.WARNING)
        return {"applied": False, "text": outcome.text, "message": outcome.message, "chat": chat}

    async def _finish(self, request: Request, *, shows: bool) -> dict[str, Any]:
        """Do it, and see to what the client does not do by itself."""
        outcome = await self._run(request)
        applied, chat = False, None
        if outcome.edit is not None:
            applied = await apply(self._server, outcome.edit, f"twinny-lsp: {request.task.title}")
            if not applied:
                why = f"The editor did not take the change. {outcome.message}".strip()
                outcome = replace(outcome, edit=None, kept=True, message=why)
        if outcome.kept and shows and request.task.result is Result.ANSWER:
            chat = await self._keep(request, outcome)
        elif outcome.kept and request.task.result is not Result.ANSWER:
            self._server.run_task(self._offer(request, outcome), "offer an answer")
        elif outcome.message:
            self._server.tell(outcome.message, Level.INFO if applied else Level.WARNING)
        return {"applied": applied, "text": outcome.text, "message": outcome.message, "chat": chat}

    async def _told(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except Told:
            return
        except TwinnyError as error:
            self._server.tell(str(error), Level.ERROR)

    # -- what does not go into the document

    async def _offer(self, request: Request, outcome: Outcome) -> None:
        """Say why nothing was changed, and open the answer in a chat document if the user wants it."""
        question = lsp.ShowMessageRequestParams(
            lsp.MessageType.Warning, f"twinny-lsp: {outcome.message}", [lsp.MessageActionItem(SHOW)]
        )
        try:
            chosen = await self._server.window_show_message_request_async(question)
        except JsonRpcException:
            self._server.tell(outcome.message, Level.WARNING)  # it asks no questions: shown at once
        else:
            if chosen is None or chosen.title != SHOW:
                return
        await self._told(self._keep(request, outcome))

    async def _keep(self, request: Request, outcome: Outcome) -> dict[str, Any]:
        """A chat document with the answer, shown: `{uri, path, shown}`."""
        from twinny_lsp.chat.fences import fenced

        answer = outcome.text
        if request.task.result is not Result.ANSWER:
            document = self._server.documents.get(request.uri)
            answer = fenced(answer, document.language if document else "")
        prompt = f"{self._asked(request, outcome.rows)}{_written(outcome.model, answer)}"
        return await self._chats.begin(request.uri, prompt)

    def _asked(self, request: Request, rows: range | None) -> str:
        """What was asked, as a chat document says it."""
        return f"{request.task.title} {self._chats.mention(request.uri, rows)}".strip()


def _written(model: str, answer: str) -> str:
    """What stands below the question in a chat document."""
    from twinny_lsp.chat.answering import AnswerText, closing, opening

    text = AnswerText(show_thinking=False)
    body = text.feed(answer.replace("\r\n", "\n")) + text.finish()
    return f"{opening(model, (), '')}{body}{closing()}"


def _problems(given: Sequence[Any]) -> tuple[Problem, ...]:
    """LSP diagnostics; what has no place or no words is left out."""
    from twinny_lsp.chat.prompting import Problem

    found = []
    for each in given:
        ends = span(each, "range") if isinstance(each, Mapping) else None
        if ends is not None and isinstance(message := each.get("message"), str):
            found.append(Problem(ends[0], SEVERITIES.get(each.get("severity") or 1, "error"), message))
    return tuple(found)


def _slim(diagnostic: lsp.Diagnostic) -> dict[str, Any]:
    """What a fix needs of a diagnostic."""
    severity = int(diagnostic.severity or lsp.DiagnosticSeverity.Error)
    return {"range": plain(diagnostic.range), "severity": severity, "message": diagnostic.message}


def _has_code(lines: Sequence[str], row: int) -> bool:
    """Whether a row has code, or is a blank one within a block."""
    if not 0 <= row < len(lines):
        return False
    below = next((line for line in lines[row:] if line.strip()), "")
    return bool(lines[row].strip()) or below[:1] in (" ", "\t")


def _wanted(kind: str, only: Sequence[str] | None) -> bool:
    return not only or any(not each or kind == each or kind.startswith(f"{each}.") for each in only)


def _short(title: str) -> str:
    title = " ".join(title.split())
    return title if len(title) <= TITLE_CHARS else f"{title[: TITLE_CHARS - 1]}…"
