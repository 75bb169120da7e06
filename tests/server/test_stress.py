"""The whole server under random traffic: every request gets exactly one answer, and nothing is left behind.

The seed fixes what the editor does and what the model server answers, not how the two interleave.
TWINNY_STRESS=10 makes it ten times as long.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.editor import CURSOR, Editor, editing
from tests.support.fake_server import (
    CUT,
    HANG,
    RESET,
    FakeServer,
    Recorded,
    Reply,
    Step,
    bounded,
    chat_stream,
    json_reply,
    ndjson,
    ollama_stream,
    text_reply,
)
from twinny_lsp.cli.session import Handler, JsonRpcError

STEPS = 1000 * int(os.environ.get("TWINNY_STRESS", "1"))
NOTEBOOK = "file:///project/n.ipynb"
LANGUAGES = {"file:///project/a.py": "python", "file:///project/b.go": "go", "untitled:c": "plaintext"}
TEXTS = (
    "total = sum(prices)",
    "x = compute(a, b)",
    "for x in xs:\n    yield x\n",
    "é😀 = '\u2028'",
    "\n",
    "(",
)
CANCELLED, FAILED, INVALID = -32800, -32803, -32602
TIMEOUTS = {"connect": 1, "firstByte": 0.5, "idle": 0.5}


class Model:
    """A model server's moods: right, slow, wrong in every way there is. `gates` hold what is slow."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.gates: list[asyncio.Event] = []

    def attach(self, server: FakeServer) -> None:
        """Let the server answer by mood on all the routes an Ollama has."""
        server.on("POST", "/api/generate", self.completion)
        server.on("POST", "/v1/chat/completions", self.chat)
        server.on("POST", "/api/show", self.facts)
        server.on("GET", "/api/tags", self.facts)

    def completion(self, _: Recorded) -> Reply:
        """One completion, or a fault."""
        fault = self.fault() if self.chance.random() < 0.4 else None
        return fault or ollama_stream(self.pieces(), self.chance.choice(("stop", "stop", "length")))

    def chat(self, _: Recorded) -> Reply:
        """One chat answer, or a fault."""
        fault = self.fault() if self.chance.random() < 0.4 else None
        return fault or chat_stream(self.pieces())

    def facts(self, _: Recorded) -> Reply:
        """What is told of models: most often nothing out of the ordinary."""
        if self.chance.random() < 0.2:
            return self.fault()
        return json_reply({"models": [{"name": "other:latest"}], "capabilities": [], "model_info": {}})

    def pieces(self) -> list[object]:
        """A text in pieces, some of them late, and sometimes an end that is none."""
        steps: list[object] = list(self.chance.choice(TEXTS))
        if self.chance.random() < 0.5:
            steps.insert(self.chance.randrange(len(steps) + 1), self.gate())
        if self.chance.random() < 0.2:
            steps.insert(self.chance.randrange(len(steps) + 1), self.chance.choice((CUT, RESET, HANG)))
        return steps

    def fault(self) -> Reply:
        """An answer that is none."""
        chance = self.chance
        head: Step | None = chance.choice((None, None, self.gate(), HANG, CUT, RESET))
        return chance.choice(
            (
                json_reply({"error": "model 'm' not found"}, 404),
                json_reply({"error": "model runner has unexpectedly stopped"}, 500),
                json_reply({"error": "server busy"}, 503),
                json_reply({"error": "loading model"}, 503),
                json_reply({"error": "unauthorized"}, 401),
                json_reply({"error": "the prompt exceeds the context size"}, 400),
                json_reply({"error": "boom"}),
                text_reply("<html>hello</html>", content_type="text/html"),
                text_reply("404 page not found", 404),
                ndjson({"response": "x", "done": False}, {"error": "an error in the middle"}),
                ndjson(b"\xff\xfe{not json\n", "[[[[\n", {"response": 7, "done": "?"}),
                Reply([b"\x00" * 5000], framing="close"),
                Reply(status=302, headers=(("Location", "/elsewhere"),), framing="length"),
                Reply(["x"], head=head),
                Reply([], head=head, keep_alive=False),
            )
        )

    def gate(self) -> asyncio.Event:
        """A wait that `open` ends."""
        self.gates.append(asyncio.Event())
        return self.gates[-1]

    def open(self, share: float) -> None:
        """End some of the waits."""
        kept = [gate for gate in self.gates if self.chance.random() >= share]
        for gate in self.gates:
            if gate not in kept:
                gate.set()
        self.gates = kept


class Traffic:
    """What an editor, or several plugins of one, may do at any time."""

    def __init__(self, chance: random.Random, editor: Editor, urls: list[str], model: Model) -> None:
        self.chance, self.editor, self.urls, self.model = chance, editor, urls, model
        self.asked: dict[str, tuple[str, asyncio.Future[Any]]] = {}
        self.cancelled: set[str] = set()
        self.uri = next(reversed(LANGUAGES))
        self.actions = (
            *(self.edit,) * 8,
            *(self.inline,) * 8,
            *(self.menu,) * 5,
            *(self.cancel,) * 4,
            *(self.command,) * 3,
            *(self.chat,) * 2,
            *(self.selected,) * 2,
            self.reopen,
            self.notebook,
            self.settings,
            self.odd,
        )

    async def run(self, steps: int) -> None:
        """So many random actions, with the loop turning a little between them."""
        await self.editor.command("why", {})  # ready
        for uri, language in LANGUAGES.items():
            self.editor.open(f"{self.chance.choice(TEXTS)}\n{CURSOR}\n", uri, language)
        for step in range(steps):
            self.chance.choice(self.actions)()
            for _ in range(self.chance.randrange(6)):
                await asyncio.sleep(0)
            if step % 4 == 0:
                self.model.open(0.4)
                await self.some_answer()

    async def some_answer(self) -> None:
        """Let the server and the sockets keep up: wait for any answer, but not for one that is held back."""
        waiting = [future for _, future in self.asked.values() if not future.done()]
        if waiting:
            await asyncio.wait(waiting, timeout=0.02, return_when=asyncio.FIRST_COMPLETED)

    def note(self, kind: str, send: Callable[[str], asyncio.Future[Any]]) -> None:
        key = f"{kind} {len(self.asked)}"
        self.asked[key] = kind, send(key)

    def at(self) -> str:
        """A document that is open, with the cursor in it: most often where it was, at the end of a line."""
        uri = self.chance.choice([*LANGUAGES, *[self.uri] * 6])
        text = self.editor.texts[uri]
        if uri != self.uri or self.chance.random() < 0.1:
            begin = self.chance.randrange(len(text) + 1)
            end = text.find("\n", begin)
            anywhere = end < 0 or self.chance.random() < 0.1
            self.editor.cursor = begin if anywhere else end
        self.uri = uri
        return uri

    def edit(self) -> None:
        uri, text = self.at(), self.chance.choice(TEXTS)
        if len(self.editor.texts[uri]) > 5000:
            self.editor.show(f"{text}{CURSOR}", uri)
        else:
            self.editor.type(text[: self.chance.randrange(1, len(text) + 1)], uri)

    def inline(self) -> None:
        uri, invoked = self.at(), self.chance.random() < 0.3
        self.note("inline", lambda key: self.editor.ask_inline(invoked=invoked, uri=uri, id=key))

    def menu(self) -> None:
        uri, kind = self.at(), self.chance.choice((1, 2, 3))
        self.note("menu", lambda key: self.editor.ask_menu(uri=uri, kind=kind, id=key))

    def cancel(self) -> None:
        waiting = [key for key, (_, future) in self.asked.items() if not future.done()]
        if waiting:
            key = self.chance.choice(waiting[-6:])
            self.cancelled.add(key)
            self.editor.session.cancel(key)

    def command(self) -> None:
        name, argument = self.chance.choice(
            (
                ("toggle", {"enabled": True}),
                ("toggle", None),
                ("useModel", {"model": self.chance.choice(("m", "qwen2.5-coder", "codellama"))}),
                ("useModel", {}),
                ("useProvider", {"provider": self.chance.choice(("ollama", "lmstudio", "nowhere"))}),
                ("useProvider", {"provider": "ollama"}),
                ("why", {"uri": self.at()}),
                ("why", {}),
                ("status", None),
                ("models", {"provider": "ollama"}),
                ("clearCache", None),
                ("clearCache", ["too", "many"]),
            )
        )
        self.send(name, argument)

    def chat(self) -> None:
        self.send("chat", {"prompt": "hi", "stream": self.chance.random() < 0.5})

    def send(self, name: str, argument: Any) -> None:
        params = {"command": f"twinny-lsp.{name}", "arguments": [] if argument is None else [argument]}
        send = self.editor.session.send_request
        self.note("command", lambda key: send("workspace/executeCommand", params, id=key))

    def reopen(self) -> None:
        uri = self.at()
        self.editor.session.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        if self.chance.random() < 0.5:
            self.inline()  # may be of a document that is closed
        self.editor.open(f"{self.chance.choice(TEXTS)}{CURSOR}", uri, LANGUAGES[uri])

    def selected(self) -> None:
        """Ghost text while an item of the editor's own menu is selected, which may not fit the text."""
        uri, invoked = self.at(), self.chance.random() < 0.5
        here = self.editor.position(uri)
        start = {"line": here["line"], "character": max(0, here["character"] - self.chance.randrange(4))}
        text = self.editor.texts[uri][: self.editor.cursor][-self.chance.randrange(1, 4) :]
        selected = {"range": {"start": start, "end": here}, "text": f"{text}More"}
        ask = self.editor.ask_inline
        self.note("inline", lambda key: ask(invoked=invoked, uri=uri, selected=selected, id=key))

    def notebook(self) -> None:
        """Open it, ask in a cell, take cells away or close it: what is asked may be gone by then."""
        notify, chance = self.editor.session.notify, self.chance
        cells = [f"{NOTEBOOK}#c{number}" for number in range(3)]
        documents = [
            {"uri": uri, "languageId": "python", "version": 1, "text": chance.choice(TEXTS)} for uri in cells
        ]
        kinds = [{"kind": 2, "document": uri} for uri in cells]
        book = {"uri": NOTEBOOK, "notebookType": "jupyter-notebook", "version": 1, "cells": kinds}
        notify("notebookDocument/didOpen", {"notebookDocument": book, "cellTextDocuments": documents})
        self.editor.texts[cells[1]], self.editor.cursor = documents[1]["text"], 0
        self.note("inline", lambda key: self.editor.ask_inline(invoked=True, uri=cells[1], id=key))
        named, gone = {"uri": NOTEBOOK}, [{"uri": uri} for uri in cells]
        if chance.random() < 0.5:
            structure = {
                "array": {"start": 0, "deleteCount": 2, "cells": []},
                "didOpen": [],
                "didClose": gone[:2],
            }
            change = {"cells": {"structure": structure}}
            event = {"notebookDocument": named | {"version": 2}, "change": change}
            notify("notebookDocument/didChange", event)
            gone = gone[2:]
        notify("notebookDocument/didClose", {"notebookDocument": named, "cellTextDocuments": gone})

    def settings(self) -> None:
        self.editor.session.notify("workspace/didChangeConfiguration", {"settings": self.given()})

    def given(self) -> Any:
        """Settings of any quality."""
        url = self.chance.choice(self.urls)
        return self.chance.choice(
            (
                options(url),
                options(url, surface="both", debounce=5),
                options(url, cache=False),
                options(url, fallback=["lmstudio"], languages={"go": {"provider": "second"}}),
                options(url, temprature=1, maxTokens="many"),
                {"completion": 3, "providers": ["?"]},
                {"twinny-lsp": None},
                {"twinny-lsp": options(url)},
                None,
            )
        )

    def odd(self) -> None:
        session = self.editor.session
        match self.chance.randrange(7):
            case 0:
                wrong = {"textDocument": 1}
                self.note("odd", lambda key: session.send_request("textDocument/completion", wrong, id=key))
            case 1:
                self.note("odd", lambda key: session.send_request("no/such", [], id=key))
            case 2:
                document = {"uri": "file:///none", "version": 1}
                change = {"textDocument": document, "contentChanges": [{"text": "x"}]}
                session.notify("textDocument/didChange", change)
            case 3:
                session.cancel(10**9)
            case 4:
                beyond = {"textDocument": {"uri": self.at()}, "position": {"line": 10**6, "character": 10**6}}
                self.note("menu", lambda key: session.send_request("textDocument/completion", beyond, id=key))
            case 5:
                session.notify("textDocument/didChange", {"textDocument": {"uri": self.at()}})
            case _:
                folder = {"uri": "file:///other", "name": "other"}
                event = {"added": [folder], "removed": []}
                if self.chance.random() < 0.5:
                    event = {"added": [], "removed": [folder]}
                session.notify("workspace/didChangeWorkspaceFolders", {"event": event})

    def handlers(self) -> dict[str, Handler]:
        """What the client says when the server asks: something that fits, nothing, an error, or too late."""
        return {
            "workspace/configuration": lambda params: self.reply([self.given() for _ in params["items"]], []),
            "window/showMessageRequest": lambda params: self.reply(*params["actions"], None, {"title": "?"}),
            "window/workDoneProgress/create": lambda _: self.reply(None, None, "?"),
            "client/registerCapability": lambda _: self.reply(None),
        }

    async def reply(self, *choices: Any) -> Any:
        if self.chance.random() < 0.2:
            await self.model.gate().wait()
        if self.chance.random() < 0.1:
            raise JsonRpcError(FAILED, "the client failed")
        return self.chance.choice(choices)

    def check(self, *, cut_short: bool) -> None:
        """Each request has one answer, of the right shape; none failed inside."""
        answers = Counter(answer.get("id") for answer in self.editor.session.answers)
        assert {key: answers[key] for key in self.asked if answers[key] != 1} == {}
        by_id = {answer["id"]: answer for answer in self.editor.session.answers}
        for key, (kind, _) in self.asked.items():
            code = by_id[key].get("error", {}).get("code")
            if code == CANCELLED:
                assert cut_short or key in self.cancelled, kind
            elif kind in ("inline", "menu"):
                assert code is None, by_id[key]
                result = by_id[key]["result"]
                assert isinstance(result["items"], list)
                assert result.get("isIncomplete") is (True if kind == "menu" else None)
            elif kind == "command":
                assert code in (None, FAILED, INVALID), by_id[key]
            else:
                assert code is not None


def options(url: str, **completion: Any) -> dict[str, Any]:
    return {
        "providers": {
            "ollama": {"baseUrl": url, "timeouts": TIMEOUTS},
            "second": {"type": "ollama", "baseUrl": url, "timeouts": TIMEOUTS},
            "lmstudio": {"baseUrl": "http://127.0.0.1:9"},
        },
        "completion": {"model": "m", "fimTemplate": "codellama", "debounce": 0, **completion},
        "chat": {"model": "m"},
        "clientFeatures": {"chatDelta": True, "status": True},
    }


def capabilities(*, bare: bool) -> dict[str, Any]:
    """Of a client that can be asked for settings and shows progress, or of one that can do nothing."""
    if bare:
        return {"capabilities": {}}
    workspace = {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}}
    window = {"workDoneProgress": True, "showMessage": {}}
    return {"capabilities": {"workspace": workspace, "window": window}}


@contextmanager
def generators_left() -> Iterator[list[str]]:
    """The names of async generators that nobody closed and the collector found."""
    left: list[str] = []
    first, last = sys.get_asyncgen_hooks()

    def found(generator: Any) -> None:
        left.append(generator.__qualname__)
        if last is not None:
            last(generator)

    sys.set_asyncgen_hooks(finalizer=found)
    try:
        yield left
    finally:
        gc.collect()
        sys.set_asyncgen_hooks(firstiter=first, finalizer=last)


async def until_closed(server: FakeServer) -> None:
    """Wait until the client's side of every connection is gone."""
    for request in list(server.requests):
        await bounded(request.closed.wait())
    async with asyncio.timeout(10):
        while server.open_connections:
            await asyncio.sleep(0)


@pytest.mark.parametrize(("seed", "cut_short"), [(1, False), (2, True), (3, False), (4, True)])
async def test_random_traffic(seed: int, cut_short: bool, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(seed)
    model = Model(chance)
    before = asyncio.all_tasks()
    with generators_left() as left:
        async with FakeServer() as one, FakeServer() as other:
            model.attach(one)
            model.attach(other)
            async with editing(options(one.url), initialize=capabilities(bare=seed == 1)) as editor:
                traffic = Traffic(chance, editor, [one.url, other.url], model)
                editor.session.handlers.update(traffic.handlers())
                await traffic.run(STEPS)
                if not cut_short:
                    model.open(1)
                    await bounded(asyncio.wait([future for _, future in traffic.asked.values()]), 30)
                await editor.session.request("shutdown")
                editor.session.notify("exit")
                assert await editor.session.close() == 0
                traffic.check(cut_short=cut_short)
            await until_closed(one)
            await until_closed(other)
            assert len(one.requests) + len(other.requests) > STEPS / 20
    assert asyncio.all_tasks() == before
    assert left == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
