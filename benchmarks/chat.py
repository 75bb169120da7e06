"""Chat documents: how long the model's first token takes into the document, with a user who types or rests.

    python -m benchmarks.chat [stdio neovim]      both, when none is named

stdio    the server in a process of its own, and a client that takes versioned edits as editors do
neovim   a real Neovim 0.12 with the configuration this project ships: until the text is in its buffer

The simulated model takes 60 ms to its first token and 12 ms for each of the 40 that follow. The clock starts
when it is told to write the first one, and both processes read the same clock (on Linux). What the figures
mean is told in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from benchmarks.server import SERVE, Report
from benchmarks.startup import environment
from tests.editors.lsp_tee import Traffic, until
from tests.editors.model import serving
from tests.editors.neovim import CLIENT, Neovim
from tests.support.editor import Editor
from tests.support.fake_server import FakeServer, Recorded, Reply, chat_stream
from tests.support.markdown_editor import CAPABILITIES, MarkdownEditor
from tools.fetch_editors import locate
from twinny_lsp.cli.session import Session

BUDGET_MS = 50.0
FIRST_S, TOKEN_S, TOKENS = 0.06, 0.012, 40
KEY_S = 0.13
CHAT = Path("project", ".twinny", "chat", "a.md")
WATCH = """
_G.seen = {}
vim.api.nvim_buf_attach(0, false, { on_lines = function(_, buffer, _, first, _, last)
  local now = vim.uv.hrtime()
  for _, line in ipairs(vim.api.nvim_buf_get_lines(buffer, first, last, false)) do
    local token = line:match('first%d+')
    if token and not _G.seen[token] then _G.seen[token] = now end
  end
end })
"""


class Model:
    """Answers each message with `first<n>` and more; remembers when it wrote the first token."""

    def __init__(self) -> None:
        self.server = FakeServer()
        self.server.on("POST", "/v1/chat/completions", self._answer)
        self.written: dict[str, int] = {}
        self._waiting: set[asyncio.Task[None]] = set()

    @property
    def settings(self) -> dict[str, object]:
        return {
            "providers": {"ollama": {"baseUrl": self.server.url}},
            "completion": {"enabled": False},
            "chat": {"model": "m"},
        }

    @property
    def latest(self) -> str:
        """The first token of the last answer that was asked for."""
        return f"first{len(self._waiting)}"

    def _answer(self, request: Recorded) -> Reply:
        gate = asyncio.Event()
        token = f"first{len(self._waiting) + 1}"
        self._waiting.add(asyncio.get_running_loop().create_task(self._open(gate, token)))
        steps: list[object] = [gate, token]
        for _ in range(TOKENS):
            steps += [TOKEN_S, " more"]
        return chat_stream(steps)

    async def _open(self, gate: asyncio.Event, token: str) -> None:
        await asyncio.sleep(FIRST_S)
        self.written[token] = time.perf_counter_ns()
        gate.set()


@contextlib.asynccontextmanager
async def over_stdio(model: Model, root: Path) -> AsyncIterator[tuple[MarkdownEditor, dict[str, int]]]:
    """A client with a chat document on our server; when each first token was in its text."""
    seen: dict[str, int] = {}
    chat = MarkdownEditor((root / ".twinny" / "chat" / "a.md").as_uri())

    async def apply(params: object) -> dict[str, object]:
        answer = await chat.apply(params)
        if chat.applied and "first" in chat.applied[-1]:
            seen.setdefault(model.latest, time.perf_counter_ns())
        return answer

    async with await Session.spawn(SERVE, env=environment(str(root))) as session:
        session.handlers |= {"workspace/applyEdit": apply}
        await session.initialize({"capabilities": CAPABILITIES, "initializationOptions": model.settings})
        chat.editor = Editor(session)
        chat.open("Notes:\n\n## You\n\n")
        yield chat, seen
        await session.shutdown()


async def stdio(report: Report, rounds: int) -> None:
    for types in (False, True):
        model = Model()
        with tempfile.TemporaryDirectory() as root:
            async with model.server, over_stdio(model, Path(root)) as (chat, seen):
                typing = asyncio.ensure_future(_typing(chat)) if types else None
                for number in range(rounds):
                    chat.type(len(chat.text), f"question {number}")
                    await chat.send()
                if typing is not None:
                    typing.cancel()
        report_times(report, f"stdio, {'typing above' if types else 'at rest'}", model, seen)


async def _typing(chat: MarkdownEditor) -> None:
    while True:
        await asyncio.sleep(KEY_S)
        chat.type(len("Notes:"), "x")


def neovim(report: Report, rounds: int) -> None:
    editor = locate("nvim")
    for types in (False, True):
        with (
            serving(Model()) as model,
            tempfile.TemporaryDirectory() as folder,
            on_path(Path(folder)) as traffic,
        ):
            project = Path(folder) / "project"
            path = Path(folder) / CHAT
            path.parent.mkdir(parents=True)
            (project / ".git").mkdir()
            opened = Neovim(editor, project, traffic)
            try:
                opened.configure(settings={"twinny-lsp": model.settings})
                opened.open(".twinny/chat/a.md", "Notes:\n\n## You\n\n", row=0)
                opened.lua(WATCH)
                for number in range(rounds):
                    ask(opened, model, number, types=types)
                seen = {token: int(at) for token, at in opened.lua("return _G.seen").items()}
            finally:
                opened.close()
        report_times(report, f"Neovim, {'typing above' if types else 'at rest'}", model, seen)


def ask(neovim: Neovim, model: Model, number: int, *, types: bool) -> None:
    """One message, and its answer to the end."""
    neovim.keys("<Esc>")
    neovim.nvim.current.buffer.append(f"question {number}")
    neovim.keys("ggA")
    neovim.lua(
        f"_G.done = false; {CLIENT}:exec_cmd({{ title = '', command = 'twinny-lsp.sendChat', "
        "arguments = { { uri = vim.uri_from_bufnr(0) } } }, {}, function() _G.done = true end)"
    )
    look: Callable[[], bool] = lambda: bool(neovim.lua("return _G.done"))  # noqa: E731
    while types and not look():
        neovim.keys("x")
        time.sleep(KEY_S)
    until(look, "the answer is there", 60, neovim.screen)


@contextlib.contextmanager
def on_path(folder: Path) -> Iterator[Traffic]:
    """Our server on PATH under its own name; nothing is written down."""
    script = folder / "twinny-lsp"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m twinny_lsp "$@"\n')
    script.chmod(0o755)
    log = folder / "traffic.jsonl"
    opened = {"textDocument": {"uri": (folder / CHAT).as_uri()}}
    message = {"method": "textDocument/didOpen", "params": opened}
    log.write_text(json.dumps({"from": "editor", "t": 0, "message": message}) + "\n")
    before = dict(os.environ)
    os.environ |= environment(str(folder)) | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    try:
        yield Traffic(log)
    finally:
        os.environ.clear()
        os.environ.update(before)


def report_times(report: Report, name: str, model: Model, seen: dict[str, int]) -> None:
    """One row; an answer that is missing ends the run."""
    if set(seen) != set(model.written):
        raise RuntimeError(f"{len(model.written)} answers, {len(seen)} seen")
    took = [(seen[token] - at) / 1e6 for token, at in model.written.items()]
    p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[18]
    what = f"first token → in the document, {name}, p50 / p95 of {len(took)}"
    report.add(what, f"{p50:.1f} / {p95:.1f} ms", p95 <= BUDGET_MS, f"≤ {BUDGET_MS:.0f}")


PARTS = ["stdio", "neovim"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    parser.add_argument("--rounds", type=int, default=40, help="answers of each kind")
    given = parser.parse_args()
    report = Report()
    if "stdio" in (given.parts or PARTS):
        asyncio.run(stdio(report, given.rounds))
    if "neovim" in (given.parts or PARTS):
        neovim(report, given.rounds)
    return 0 if report.held else 1


if __name__ == "__main__":
    sys.exit(main())
