"""What tests of chat in real editors share: a model that answers in pieces, and what the text must become."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Sequence

from tests.editors.lsp_tee import Traffic
from tests.support.fake_server import FakeServer, Recorded, Reply, chat_stream, json_reply
from twinny_lsp.chat.document import parse

_dice = random.Random(3)
PIECES = [_dice.choice(["a", " b", "\n", "é😀", "\n\n", "- c ", "x" * 9]) + str(i) for i in range(2000)]
PIECES[0] = "first"
PIECE_S = 0.005
MODEL = "qwen2.5-coder:7b"
CODE = "def total(prices):\n    result = 0\n    for price in prices:\n        result += price\n"
BETTER = "def total(prices):\n    return sum(prices)\n"
QUESTION = "Why is total so slow? See @file:a.py"
SENT = f"{QUESTION}\n\na.py:\n```python\n{CODE}```"


class ChatModel:
    """An Ollama that says what it is told to. Used from a plain thread; its server has a loop of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._reply: Reply = chat_stream([])
        self._gates: list[asyncio.Event] = []
        self.server = FakeServer()
        self.server.on("GET", "/api/version", json_reply({"version": "0.13.0"}))
        self.server.on("GET", "/api/tags", json_reply({"models": [{"name": MODEL, "model": MODEL}]}))
        self.server.on("POST", "/v1/chat/completions", self._answer)

    @property
    def settings(self) -> dict[str, object]:
        """The user's settings for it; no completion, so that nothing else is asked."""
        return {
            "providers": {"ollama": {"baseUrl": self.server.url}},
            "completion": {"enabled": False},
            "chat": {"model": MODEL},
        }

    @property
    def asked(self) -> list[Recorded]:
        """The requests for answers so far."""
        return [request for request in self.server.requests if request.path == "/v1/chat/completions"]

    def says(self, pieces: Sequence[str | None]) -> None:
        """The next answers; None waits for `goes_on`."""
        self._gates = [asyncio.Event() for piece in pieces if piece is None]
        gates = iter(self._gates)
        self._reply = chat_stream([next(gates) if piece is None else piece for piece in pieces])

    def says_slowly(self, pieces: Sequence[str]) -> None:
        """The next answer, piece by piece with a pause after each, as a model does."""
        steps: list[object] = []
        for piece in pieces:
            steps += [piece, PIECE_S]
        self._reply = chat_stream(steps)

    def goes_on(self) -> None:
        """Let what waits go on."""
        for gate in self._gates:
            self._loop.call_soon_threadsafe(gate.set)

    def _answer(self, request: Recorded) -> Reply:
        return self._reply


def run_loop(
    loop: asyncio.AbstractEventLoop | None = None,
) -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    """A loop, this one or a new one, in a thread of its own."""
    loop = loop or asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    return loop, thread


def answer_of(text: str, at: int = 0) -> str:
    """What the model has said in a document."""
    return [turn.text for turn in parse(text).turns if turn.role == "assistant"][at]


def streamed_text(above: str, below: str) -> str:
    """The document of PIECES, with what the user has typed; without the block of what was sent."""
    said = "".join(PIECES)
    return f"Notes:{above}\n\n## You\n\nquestion\n\n## {MODEL} ##\n\n{said}\n\n## You\n{below}\n"


def typed(traffic: Traffic) -> str:
    """All that the editor told of what was put in, in its order."""
    told = [entry.message["params"] for entry in traffic.said("editor", "textDocument/didChange")]
    return "".join(change["text"] for params in told for change in params["contentChanges"])


def without_sent(text: str) -> str:
    """The text without the block of what was sent."""
    before, _, rest = text.partition("<details>")
    return before + rest.partition("</details>\n\n")[2]
