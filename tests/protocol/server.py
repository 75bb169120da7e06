"""The same small server on our base class and on bare pygls: `python server.py ours|bare [--tcp PORT]`.

Every test of this folder runs against both, so that what bare pygls does is seen and not claimed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

SECRET = "sk-secret-1234"
SILENT = types.WorkDoneProgressBegin(title="t"), types.WorkDoneProgressEnd()


class AwaitableCall:
    """A handler that is no coroutine function, but gives something to await."""

    def __call__(self, params: Any) -> Any:
        return asyncio.ensure_future(asyncio.sleep(0, "called"))


def build(kind: str, **options: Any) -> LanguageServer:
    if kind == "ours":
        from twinny_lsp.lsp.core import TwinnyLanguageServer

        server: LanguageServer = TwinnyLanguageServer("test", "1", **options)
    else:
        server = LanguageServer("test", "1")
    _features(server)
    _commands(server)
    _commands_that_ask(server, kind)
    return server


def text_of(server: LanguageServer, uri: str) -> str | None:
    documents = getattr(server, "documents", None)
    if documents is None:
        return server.workspace.get_text_document(uri).source
    document = documents.get(uri)
    return None if document is None else document.text


def _features(server: LanguageServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions())
    async def completion(params: types.CompletionParams) -> Any:
        await asyncio.sleep(0)
        return []

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def inline(params: types.InlineCompletionParams) -> Any:
        return types.InlineCompletionList(items=[types.InlineCompletionItem(insert_text="a")])

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        await asyncio.sleep(0)

    @server.feature("test/kind")
    def kind_of(params: Any) -> Any:
        return [type(params).__name__, sorted(params) if isinstance(params, dict) else str(params)]

    @server.feature("test/echo")
    def echo(params: Any) -> Any:
        return params["say"] if isinstance(params, dict) else params.say

    @server.feature("test/fails")
    def fails(params: Any) -> Any:
        raise ValueError(f"cannot read {os.getcwd()} with {SECRET}")

    server.feature("test/object")(AwaitableCall())


def _commands(server: LanguageServer) -> None:
    record: list[str] = []
    release = asyncio.Event()

    @server.command("echo")
    def echo(value: Any) -> Any:
        return value

    @server.command("pair")
    def pair(first: types.Position, second: str) -> Any:
        return [first.line, second]

    @server.command("text")
    def text(uri: str) -> Any:
        return text_of(server, uri)

    @server.command("wait")
    async def wait() -> str:
        record.append("started")
        try:
            await release.wait()
        except asyncio.CancelledError:
            record.append("cancelled")
            raise
        record.append("finished")
        return "done"

    @server.command("release")
    def let_go() -> None:
        release.set()

    @server.command("record")
    def records() -> list[str]:
        return record

    @server.command("fail")
    async def fail() -> None:
        raise ValueError(f"cannot read {os.getcwd()} with {SECRET}")

    @server.command("cancels-itself")
    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    @server.command("cancels-itself-at-once")
    def cancels_itself_at_once() -> None:
        raise asyncio.CancelledError

    @server.command("unspeakable")
    def unspeakable() -> Any:
        return object()

    @server.command("print")
    def prints() -> str:
        print("a stray line", flush=True)
        os.write(1, b"another\n")
        return "printed"

    @server.command("big")
    def big(size: int) -> str:
        return "x" * size

    @server.command("chatter")
    def chatter(count: int, size: int, done: str) -> str:
        for _ in range(count):
            server.protocol.notify("test/chatter", {"text": "x" * size})
        if done:
            with open(done, "w") as file:
                file.write("done")
        return "chattered"

    @server.command("modules")
    def modules() -> list[str]:
        return sorted(sys.modules)

    @server.command("beat")
    async def beat(path: str) -> None:
        """Put the time into a file again and again: seen from outside, it says whether the loop turns."""
        while True:
            with open(path, "w") as file:
                file.write(str(time.monotonic()))
            await asyncio.sleep(0.01)


def _commands_that_ask(server: LanguageServer, kind: str) -> None:
    question = types.ConfigurationParams(items=[types.ConfigurationItem(section="a")])

    @server.command("ask")
    async def ask() -> Any:
        return list(await server.workspace_configuration_async(question))

    @server.command("ask-and-stop-waiting")
    async def ask_and_stop() -> str:
        task = asyncio.ensure_future(server.workspace_configuration_async(question))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return "stopped"

    @server.command("ask-refused")
    async def ask_refused(count: int) -> int:
        for _ in range(count):
            try:
                await server.workspace_configuration_async(question)
            except Exception:
                continue
        return count

    @server.command("left-over")
    def left_over() -> int:
        """Server-to-client requests something is still kept for."""
        protocol: Any = server.protocol
        return len(protocol._result_types) + (len(protocol.outgoing) if kind == "ours" else 0)

    @server.command("progress")
    async def progress() -> int:
        """Use one token twice; how many are kept afterwards."""
        begin, end = SILENT
        for _ in range(2):
            await server.work_done_progress.create_async("token")
            server.work_done_progress.begin("token", begin)
            server.work_done_progress.end("token", end)
        return len(server.work_done_progress.tokens)


def main(argv: list[str]) -> int:
    options = {"parent_poll_s": 0.05} if argv[0] == "ours" else {}
    server = build(argv[0], **options)
    if os.environ.get("TEST_LOG"):
        import logging

        logging.basicConfig(level=logging.DEBUG, filename=os.environ["TEST_LOG"])
    if "--tcp" in argv:
        port = int(argv[argv.index("--tcp") + 1])
        if argv[0] == "ours":
            return server.run_tcp("127.0.0.1", port)  # type: ignore[attr-defined, no-any-return]
        server.start_tcp("127.0.0.1", port)
        return 0
    if argv[0] == "ours":
        return server.run_stdio()  # type: ignore[attr-defined, no-any-return]
    server.start_io()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
