"""The engine in this process beside a simulated model: for tuning, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from benchmarks.typing.knower import Counted, Knower, pieces
from benchmarks.typing.trace import Hole
from tests.support.stand_in import ENDPOINT, OneProvider, StandIn
from twinny_lsp.completion.engine import CompletionEngine
from twinny_lsp.completion.prompting import Prompts
from twinny_lsp.completion.request import Asked, Request, Trigger
from twinny_lsp.completion.seams import Reports
from twinny_lsp.config.resolved import CompletionSettings, Target
from twinny_lsp.documents.document import Document
from twinny_lsp.documents.encoding import Encoding
from twinny_lsp.exchange import Finish, Generation, Piece, RawPrompt, Usage


class SimulatedProvider(StandIn):
    """The knower, in the loop's time."""

    def __init__(self, knower: Knower) -> None:
        self.knower = knower
        self.counted: list[Counted] = []
        self.doing = ""

    async def stream(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        prompt = generation.prompt
        assert isinstance(prompt, RawPrompt)
        answer, milliseconds, counted = self.knower.read(prompt.text)
        self.counted.append(counted)
        mine = self.doing = "the model reads"
        try:
            await asyncio.sleep(milliseconds / 1000)
            mine = self.doing = "the model writes"
            for number, text in enumerate(pieces(answer)):
                if number >= generation.max_tokens:
                    break
                await asyncio.sleep(self.knower.speed.token / 1000)
                counted.generated += 1
                yield Piece(text)
            usage = Usage(counted.prompt, counted.generated, counted.prompt - counted.anew)
            yield Piece(finish=Finish.STOP, usage=usage)
        finally:
            self.doing = "" if self.doing == mine else self.doing


class InsideClient:
    """Types into an engine in this process; the document's lines end in `eol`."""

    def __init__(
        self, knower: Knower, model: str = "qwen2.5-coder:7b", eol: str = "\n", **settings: object
    ) -> None:
        self.provider = SimulatedProvider(knower)
        self.failures: list[Exception] = []
        self.engine = CompletionEngine(
            OneProvider(self.provider), Prompts(), Reports(lambda error, _: self.failures.append(error))
        )
        base = CompletionSettings(enabled=True, target=Target(ENDPOINT, model))
        self.settings = replace(base, **settings)  # type: ignore[arg-type]
        self.documents: dict[str, Document] = {}
        self._why, self._eol = "", eol
        self.uri, self.row, self.column = "", 0, 0

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def cut(self, hole: Hole) -> None:
        self.uri = f"file:///project/{hole.name}"
        if self.uri not in self.documents:
            document = Document(self.uri, hole.language, 1, self._ends(hole.file), Encoding.UTF32)
            self.documents[self.uri] = document
        before = hole.file[: hole.start]
        self.row, self.column = before.count("\n"), len(before) - before.rfind("\n") - 1
        last = hole.file[: hole.end]
        end = (last.count("\n"), len(last) - last.rfind("\n") - 1)
        self._edit((self.row, self.column, *end), "")

    def _edit(self, span: tuple[int, int, int, int], text: str) -> None:
        document = self.documents[self.uri]
        document.apply_incremental(span, text, self.now())
        document.version += 1

    def key(self, key: str) -> None:
        self._edit((self.row, self.column, self.row, self.column), self._ends(key))
        self.row, self.column = (self.row + 1, 0) if key == "\n" else (self.row, self.column + 1)

    def _ends(self, text: str) -> str:
        return text.replace("\n", self._eol)

    def ask(self) -> asyncio.Future[str]:
        return asyncio.ensure_future(self._ask())

    async def _ask(self) -> str:
        snapshot = self.documents[self.uri].snapshot(self.row, self.column)
        path = self.uri.removeprefix("file:///project/")
        request = Request(snapshot, self.settings, Asked.INLINE, Trigger.AUTOMATIC, path=path, repo="project")
        result = await self.engine.complete(request)
        self._why = result.reason or result.source.value
        return result.candidates[0].text.replace(self._eol, "\n") if result.candidates else ""

    def cancel(self, asked: asyncio.Future[str]) -> str:
        asked.cancel()
        return self.provider.doing or "the model is not asked yet"

    def why(self) -> str:
        return self._why
