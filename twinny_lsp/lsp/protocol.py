"""JSON-RPC and LSP as the specification has them: every request gets exactly one answer, at once when it is
cancelled, and no answer holds a traceback, a path or anybody's code.

Takes the place of pygls' message handling below its features, commands and capabilities; the table of what
bare pygls does instead is tests/protocol/README.md. Not for bytes (see transport.py), not for the documents'
text (see workspace.py), not for what the features do.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
import logging
import math
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.constants import ATTR_EXECUTE_IN_THREAD
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
)

from twinny_lsp.errors import TwinnyError
from twinny_lsp.lsp import framing
from twinny_lsp.lsp.builtin import BuiltinFeatures
from twinny_lsp.lsp.calls import Handler, structure_params
from twinny_lsp.lsp.outgoing import MsgId, Outgoing, TidyProgress
from twinny_lsp.lsp.workspace import repair

if TYPE_CHECKING:
    from cattrs import Converter

    from twinny_lsp.lsp.core import TwinnyLanguageServer
    from twinny_lsp.lsp.transport import Sink

logger = logging.getLogger(__name__)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INTERNAL_ERROR = -32603
NOT_INITIALIZED = -32002
REQUEST_FAILED = -32803
REQUEST_CANCELLED = -32800


class Phase(Enum):
    """Where in its life the session is."""

    NEW = "new"
    INITIALIZING = "initializing"
    RUNNING = "running"
    SHUT_DOWN = "shut down"


class TwinnyProtocol(BuiltinFeatures):
    """The protocol of one session with one client. Everything here runs on the loop's thread."""

    def __init__(self, server: TwinnyLanguageServer, converter: Converter) -> None:
        super().__init__(server, converter)
        self.phase = Phase.NEW
        self.sink: Sink | None = None
        self.dropped = 0
        """Notifications that a client which does not read never got."""
        self.outgoing = Outgoing(self._send, converter)
        self.progress = TidyProgress(self)
        self._incoming: dict[MsgId, asyncio.Future[Any]] = {}
        self._at_work: set[asyncio.Future[Any]] = set()
        self._told: set[str] = set()

    # -- what comes in

    def receive(self, body: bytes) -> None:
        """Take one message as it came over the wire; never raises for what is in it."""
        try:
            message = json.loads(body.decode("utf-8"))
        except (ValueError, RecursionError):
            self._refuse(None, PARSE_ERROR, "the message is not JSON in UTF-8")
            return
        self.handle_message(message)

    def refuse_frame(self, reason: str) -> None:
        """Answer a header that cannot be followed."""
        self._refuse(None, PARSE_ERROR, reason)

    def handle_message(self, message: Any) -> None:
        """Take one parsed message: plain JSON, structured nowhere but at its top."""
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            msg_id = message.get("id") if isinstance(message, dict) else None
            self._refuse(msg_id, INVALID_REQUEST, "the message is not a JSON-RPC 2.0 object")
            return
        method, msg_id = message.get("method"), message.get("id")
        if isinstance(method, str):
            params = message.get("params")
            if "id" not in message:
                self._take_notification(method, params)
            elif isinstance(msg_id, int | str) and not isinstance(msg_id, bool):
                self._take_request(msg_id, method, params)
            else:
                self._refuse(msg_id, INVALID_REQUEST, "the id is neither a number nor a string")
        elif "method" not in message and ("result" in message or "error" in message):
            self.outgoing.take_answer(msg_id, message)
        else:
            self._refuse(msg_id, INVALID_REQUEST, "neither a request nor an answer")

    def _take_request(self, msg_id: MsgId, method: str, params: Any) -> None:
        if refusal := self._out_of_phase(method):
            self._refuse(msg_id, *refusal)
        elif msg_id in self._incoming:
            self._refuse(msg_id, INVALID_REQUEST, "a request with this id is still at work")
        elif (handler := self._handler(method)) is None:
            self._refuse(msg_id, METHOD_NOT_FOUND, f"{method[:100]} is not supported")
        else:
            context = contextvars.copy_context()
            context.run(self._ctx_msg_id.set, msg_id)
            try:
                typed = structure_params(self._converter, method, params)
                if method == types.INITIALIZE:
                    self.phase = Phase.INITIALIZING
                outcome = context.run(self.invoke, handler, (typed,))
            except (Exception, asyncio.CancelledError) as error:
                self._answer_failure(msg_id, method, error)
                return
            if inspect.isawaitable(outcome):
                task = self._start(outcome, context)
                self._incoming[msg_id] = task
                task.add_done_callback(partial(self._request_done, msg_id, method))
            else:
                self._answer(msg_id, method, outcome)

    def _take_notification(self, method: str, params: Any) -> None:
        if method == types.CANCEL_REQUEST:
            self._cancel(params.get("id") if isinstance(params, dict) else None)
            return
        if method != types.EXIT and self.phase is not Phase.RUNNING:
            logger.debug("%s came %s and was left out", method[:100], self.phase.value)
            return
        handler = self._handler(method)
        if handler is None:
            # LSP: what begins with $/ may be ignored; others too, since nobody can be told.
            logger.debug("the notification %s is not supported", method[:100])
            return
        context = contextvars.copy_context()
        try:
            typed = structure_params(self._converter, method, repair(method, params))
            outcome = context.run(self.invoke, handler, (typed,))
        except (Exception, asyncio.CancelledError) as error:
            self._report(method, error)
            return
        if inspect.isawaitable(outcome):
            self._start(outcome, context).add_done_callback(partial(self._notification_done, method))

    def _out_of_phase(self, method: str) -> tuple[int, str] | None:
        if self.phase is Phase.SHUT_DOWN:
            return INVALID_REQUEST, "the server is shut down"
        if method == types.INITIALIZE:
            return None if self.phase is Phase.NEW else (INVALID_REQUEST, "initialize was sent before")
        return None if self.phase is Phase.RUNNING else (NOT_INITIALIZED, "initialize comes first")

    def _handler(self, method: str) -> Handler | None:
        handler: Handler | None = self.fm.builtin_features.get(method) or self.fm.features.get(method)
        return handler

    def _cancel(self, msg_id: Any) -> None:
        """Answer a cancelled request now; its task ends when it ends, and nobody waits for it."""
        if self.phase is Phase.INITIALIZING or not isinstance(msg_id, int | str):
            return
        if (task := self._incoming.pop(msg_id, None)) is not None:
            self._refuse(msg_id, REQUEST_CANCELLED, "the request was cancelled")
            task.cancel()

    def shut_down(self) -> None:
        """Answer what is at work; from now on only `exit` is heard."""
        self.cancel_all()
        self.phase = Phase.SHUT_DOWN
        self._shutdown = True

    def cancel_all(self) -> None:
        """Answer and cancel every request at work, and give up waiting for the client's answers."""
        for msg_id in list(self._incoming):
            self._cancel(msg_id)
        self.outgoing.cancel_all()

    # -- calling handlers

    def invoke(self, handler: Handler, args: tuple[Any, ...]) -> Any:
        """Call a handler of any kind; its result, or an awaitable of it."""
        if getattr(handler, ATTR_EXECUTE_IN_THREAD, False):
            context = contextvars.copy_context()
            call = partial(context.run, handler, *args)
            return asyncio.get_running_loop().run_in_executor(self._server.thread_pool, call)
        outcome = handler(*args)
        return self._drive(outcome) if inspect.isgenerator(outcome) else outcome

    def _drive(self, steps: Any, value: Any = None) -> Any:
        """Run a generator of pygls, which yields the handlers it wants called, as far as it goes at once."""
        while True:
            try:
                handler, args, _ = steps.send(value)
            except StopIteration as stop:
                return stop.value
            value = self.invoke(handler, args)
            if inspect.isawaitable(value):
                return self._drive_later(steps, asyncio.ensure_future(value))

    async def _drive_later(self, steps: Any, pending: asyncio.Future[Any]) -> Any:
        outcome = self._drive(steps, await pending)
        return await outcome if inspect.isawaitable(outcome) else outcome

    def _start(self, outcome: Awaitable[Any], context: contextvars.Context) -> asyncio.Future[Any]:
        if inspect.iscoroutine(outcome):
            task: asyncio.Future[Any] = asyncio.get_running_loop().create_task(outcome, context=context)
        else:
            task = asyncio.ensure_future(outcome)
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        return task

    def _request_done(self, msg_id: MsgId, method: str, task: asyncio.Future[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._incoming.get(msg_id) is not task:
            return  # cancelled, and answered then
        del self._incoming[msg_id]
        if task.cancelled():
            self._answer_failure(msg_id, method, asyncio.CancelledError())
        elif error is not None:
            self._answer_failure(msg_id, method, error)
        else:
            self._answer(msg_id, method, task.result())

    def _notification_done(self, method: str, task: asyncio.Future[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report(method, error)

    # -- what goes out

    def _answer(self, msg_id: MsgId, method: str, result: Any) -> None:
        if method == types.INITIALIZE:
            self.phase = Phase.RUNNING
        try:
            frame = self._encode({"jsonrpc": "2.0", "id": msg_id, "result": result})
        except Exception as error:
            self._answer_failure(msg_id, method, error)
        else:
            self._write(frame)

    def _answer_failure(self, msg_id: MsgId, method: str, error: BaseException) -> None:
        if method == types.INITIALIZE:
            self.phase = Phase.NEW
        if isinstance(error, asyncio.CancelledError):
            self._refuse(msg_id, REQUEST_CANCELLED, "the request was cancelled")
        elif isinstance(error, TwinnyError):
            self._refuse(msg_id, REQUEST_FAILED, str(error))
        elif isinstance(error, JsonRpcException) and not isinstance(error, JsonRpcInternalError):
            self._refuse(msg_id, error.code, error.message, error.data)
            if isinstance(error, JsonRpcInvalidParams):
                self._report(method, error)
        else:
            # Not str(error): it may hold a path, or the text that could not be handled.
            self._refuse(msg_id, INTERNAL_ERROR, f"internal error ({type(error).__name__})")
            self._report(method, error)

    def _refuse(self, msg_id: Any, code: int, message: str, data: Any = None) -> None:
        usable = msg_id if isinstance(msg_id, int | float | str) and not isinstance(msg_id, bool) else None
        if isinstance(usable, float) and not math.isfinite(usable):
            usable = None  # Python reads NaN and 1e999, but JSON cannot say them
        error = {"code": code, "message": message}
        self._send(
            {"jsonrpc": "2.0", "id": usable, "error": error if data is None else error | {"data": data}}
        )

    def notify(self, method: str, params: Any | None = None) -> None:
        """Send a notification. It is dropped when the client has left too much unread; see transport.py."""
        if self.sink is not None and self.sink.congested:
            self.dropped += 1
            if self.dropped == 1:
                logger.warning("the client does not read: notifications are dropped until it does")
            return
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def send_request(
        self,
        method: str,
        params: Any | None = None,
        callback: Callable[[Any], None] | None = None,
        msg_id: MsgId | None = None,
    ) -> Future[Any]:
        """Send a request to the client; cancel the future to stop waiting (the client is told)."""
        return self.outgoing.send(method, params, callback, msg_id)

    def _send(self, message: dict[str, Any]) -> None:
        if message.get("params", message) is None:
            del message["params"]
        self._write(self._encode(message))

    def _encode(self, message: dict[str, Any]) -> bytes:
        text = json.dumps(message, default=self._serialize_message, separators=(",", ":"), allow_nan=False)
        return framing.encode(text.encode("ascii"))

    def _write(self, frame: bytes) -> None:
        if self.sink is not None:
            self.sink.write(frame)

    def _send_data(self, data: Any) -> None:
        """The way out of pygls' own code, should any of it still be used."""
        self._send(self._converter.unstructure(data))

    def _report(self, method: str, error: BaseException) -> None:
        """Tell the log and the server; a client's repeated slip is told once per method."""
        if isinstance(error, asyncio.CancelledError):
            return
        if isinstance(error, JsonRpcException):
            level = logging.DEBUG if method in self._told else logging.WARNING
            self._told.add(method)
            logger.log(level, "%s: %s", method, error.message)
            return
        self._server.internal_error(method, error)
