"""Requests from us to the client, and the progress tokens that belong to them.

Nothing here outlives its use: what is answered, cancelled or given up is forgotten (pygls #607, #608), and an
answer to something forgotten is ignored (pygls #621). Not for requests of the client (see protocol.py).
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.progress import Progress

from twinny_lsp.lsp.calls import structure_result

if TYPE_CHECKING:
    from cattrs import Converter

logger = logging.getLogger(__name__)

MsgId = int | str
WAITING_KEPT = 1_000
"""More unanswered requests than this, and the oldest is given up: such a client answers none."""


class Outgoing:
    """The requests the client has not answered yet."""

    def __init__(self, send: Callable[[dict[str, Any]], None], converter: Converter) -> None:
        self._send, self._converter = send, converter
        self._waiting: dict[MsgId, tuple[str, Future[Any]]] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._waiting)

    def send(
        self, method: str, params: Any, callback: Callable[[Any], None] | None, msg_id: MsgId | None
    ) -> Future[Any]:
        """Send a request; the future gets the result, or JsonRpcException for an error answer.

        Cancelling the future (or the task that awaits it) tells the client and forgets the request.
        """
        key: MsgId = f"twinny-{next(self._numbers)}" if msg_id is None else msg_id
        future: Future[Any] = Future()
        if callback is not None:
            future.add_done_callback(partial(_call_back, method, callback))
        if len(self._waiting) >= WAITING_KEPT:
            _, (_, oldest) = next(iter(self._waiting.items()))
            oldest.cancel()
        self._waiting[key] = (method, future)
        self._send({"jsonrpc": "2.0", "id": key, "method": method, "params": params})
        # Last: sending may fail, and nothing is to be told about a request that never went out.
        future.add_done_callback(partial(self._done, key))
        return future

    def take_answer(self, msg_id: Any, message: dict[str, Any]) -> None:
        """Settle the future of an answer; one that nobody waits for is ignored."""
        entry = self._waiting.pop(msg_id, None) if isinstance(msg_id, int | str) else None
        if entry is None or not entry[1].set_running_or_notify_cancel():
            logger.debug("an answer came that nobody waits for")
            return
        method, future = entry
        error = message.get("error")
        if error is not None:
            future.set_exception(_client_error(error))
            return
        try:
            result = structure_result(self._converter, method, message.get("result"))
        except JsonRpcException as failure:
            future.set_exception(failure)
        else:
            future.set_result(result)

    def cancel_all(self) -> None:
        """Give up waiting for every answer."""
        for _, future in list(self._waiting.values()):
            future.cancel()

    def _done(self, msg_id: MsgId, future: Future[Any]) -> None:
        if self._waiting.pop(msg_id, None) is not None and future.cancelled():
            self._send({"jsonrpc": "2.0", "method": types.CANCEL_REQUEST, "params": {"id": msg_id}})


def _call_back(method: str, callback: Callable[[Any], None], future: Future[Any]) -> None:
    if future.cancelled():
        return
    if future.exception() is not None:
        logger.debug("the client answered %s with an error", method)
        return
    callback(future.result())


def _client_error(error: Any) -> JsonRpcException:
    if not isinstance(error, dict):
        return JsonRpcException("the client answered with an error that is none")
    code, message = error.get("code"), error.get("message")
    return JsonRpcException(
        message if isinstance(message, str) else "error", code if isinstance(code, int) else None
    )


class TidyProgress(Progress):
    """Work-done progress whose tokens are forgotten at their end, and may be used again."""

    def end(self, token: types.ProgressToken, value: types.WorkDoneProgressEnd) -> None:
        """See pygls; ending a token twice is no error."""
        self.tokens.pop(token, None)
        super().end(token, value)
