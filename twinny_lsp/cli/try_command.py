"""`twinny-lsp try`: a completion and a chat answer on this machine, through the language server over stdio.

Uses the embedded model, so that it works where no model server is; the user's own settings are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import sys
import time
from pathlib import Path
from typing import Any

from twinny_lsp import __version__
from twinny_lsp.cli.session import JsonRpcError, Session
from twinny_lsp.providers.presets import INSTALL_HINT

CURSOR = "‸"
SAMPLES = (
    f"def add(a, b):\n    {CURSOR}\n",
    f"def total_of(prices):\n    total = 0\n    for price in prices:\n        {CURSOR}\n    return total\n",
    f"def fibonacci(n):\n    if n < 2:\n        return n\n    {CURSOR}\n",
)
QUESTION = "Write a Python function add."


def run(options: argparse.Namespace) -> int:
    """Run it; 0 when a completion and an answer came, else 1 with the reason printed."""
    if importlib.util.find_spec("xllamacpp") is None:
        print(f"`try` runs a small model by itself and needs llama.cpp: {INSTALL_HINT}.", file=sys.stderr)
        print("Have a model server already? `twinny-lsp doctor` finds it.", file=sys.stderr)
        return 1
    model = Path(options.model).resolve() if options.model else None
    if model and not model.is_file():
        print(f"{model}: there is no such file", file=sys.stderr)
        return 1
    try:
        return asyncio.run(show(model))
    except JsonRpcError as error:
        print(f"\nThe server answered with an error: {error.message}", file=sys.stderr)
        return 1


async def show(model: Path | None) -> int:
    """Drive the server as an editor would and print what comes."""
    provider: dict[str, Any] = {"modelPath": str(model)} if model else {}
    settings = {
        "completion": {"provider": "embedded", "temperature": 0},
        "chat": {"provider": "embedded", "temperature": 0, "maxTokens": 200},
        "providers": {"embedded": {"type": "embedded", **provider}},
        "clientFeatures": {"chatDelta": True},
    }
    print(
        f"twinny-lsp {__version__}: {'a model of yours' if model else 'the tiny model in the package'}, ",
        end="",
    )
    print("run by llama.cpp on this machine, through the language server over stdio.\n")
    start = time.perf_counter()
    async with await Session.spawn(env={"TWINNY_LSP_CONFIG": os.devnull}) as session:
        params = {"capabilities": CAPABILITIES, "initializationOptions": settings, "processId": os.getpid()}
        await session.initialize(params)
        print(dim(f"server started in {ms(start)}"))
        shown = 0
        for number, sample in enumerate(SAMPLES):
            begun = time.perf_counter()
            text, why = await complete(session, f"file:///try/{number}.py", sample)
            took = ms(begun)
            shown += bool(text)
            note = f"{took}{', the model was started for it' if number == 0 else ''}"
            print(f"\n{rendered(sample, text) if text else sample}{dim(f'# {note}')}")
            if not text:
                print(f"no completion: {why['text']}")
            if not text and why["problems"]:
                return 1  # it would be the same for the others
        answered = await chat(session)
        await session.shutdown()
    if not (shown and answered):
        return 1
    if not model:
        print("\nThat was a model of 3 MB: it only shows that everything works. Next: `twinny-lsp doctor`")
        print("finds the model servers on this machine; README.md says how to set up your editor.")
    return 0


async def complete(session: Session, uri: str, sample: str) -> tuple[str, dict[str, Any]]:
    """Open a document with the cursor at the mark and ask for ghost text: (text, `why` if there is none)."""
    before, _, after = sample.partition(CURSOR)
    document = {"uri": uri, "languageId": "python", "version": 1, "text": before + after}
    session.notify("textDocument/didOpen", {"textDocument": document})
    position = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
    where = {"textDocument": {"uri": uri}, "position": position}
    answer = await session.request(
        "textDocument/inlineCompletion", {**where, "context": {"triggerKind": 1}}, timeout=120
    )
    items = (answer or {}).get("items", [])
    if items:
        return str(items[0]["insertText"]), {}
    why: dict[str, Any] = await session.request("workspace/executeCommand", command("why", {"uri": uri}))
    return "", why


async def chat(session: Session) -> bool:
    """Ask one question and print the answer as it streams."""
    print(f"\nchat: {QUESTION}\n")
    begun = time.perf_counter()
    first: list[float] = []
    arguments = {"prompt": QUESTION, "stream": True}
    future = session.send_request("workspace/executeCommand", command("chat", arguments))
    printed = 0

    def news() -> bool:
        nonlocal printed
        deltas = [n.params["text"] for n in session.notifications if n.method == "twinny-lsp/chatDelta"]
        for text in deltas[printed:]:
            first.append(time.perf_counter())
            print(text, end="", flush=True)
        printed = len(deltas)
        return future.done()

    await session.wait_until(news, timeout=120)
    answer = future.result()
    if not first:
        print(answer["text"])
        return bool(answer["text"])
    timing = f"# first word after {(first[0] - begun) * 1000:.0f} ms, done after {ms(begun)}"
    print("\n" + dim(timing))
    return bool(answer["text"])


def command(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The params of one of our commands."""
    return {"command": f"twinny-lsp.{name}", "arguments": [arguments]}


CAPABILITIES = {
    "general": {"positionEncodings": ["utf-32"]},
    "textDocument": {"inlineCompletion": {}, "completion": {}},
}


def rendered(sample: str, text: str) -> str:
    """The sample with the completion at its mark, coloured on a terminal, between ‹ › elsewhere."""
    marked = f"\x1b[36m{text}\x1b[0m" if sys.stdout.isatty() else f"‹{text}›"
    return sample.replace(CURSOR, marked)


def dim(text: str) -> str:
    """Grey on a terminal."""
    return f"\x1b[2m{text}\x1b[0m" if sys.stdout.isatty() else text


def ms(since: float) -> str:
    """Time since then, for people."""
    return f"{(time.perf_counter() - since) * 1000:.0f} ms"
