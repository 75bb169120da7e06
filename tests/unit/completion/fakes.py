"""A model, a prompter and a clock that a test turns by hand: nothing here sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass, field, replace

from tests.golden.completion.check import snapshot_of
from tests.support.stand_in import StandIn
from twinny_lsp.completion.engine import CompletionEngine
from twinny_lsp.completion.request import Asked, Request, Result, Trigger
from twinny_lsp.completion.seams import Hole, Prompted, Reports
from twinny_lsp.config.resolved import CompletionSettings, Target
from twinny_lsp.documents.windows import window
from twinny_lsp.errors import TwinnyError
from twinny_lsp.exchange import FimPrompt, Finish, Generation, ModelFacts, Piece, RawPrompt
from twinny_lsp.providers.base import Health, State
from twinny_lsp.providers.endpoint import Endpoint, Route, Wire

PATIENCE = 5.0
"""Seconds a test waits for what must happen; only a failing test waits that long."""


def endpoint(name: str = "local") -> Endpoint:
    route = Route(Wire.OPENAI_COMPLETIONS, "/v1/completions")
    return Endpoint(name, "openai-compatible", f"http://127.0.0.1:1/{name}", route, None)


def target(name: str = "local", model: str = "qwen2.5-coder:7b") -> Target:
    return Target(endpoint(name), model)


def settings(**changes: object) -> CompletionSettings:
    base = CompletionSettings(enabled=True, target=target(), debounce_ms=0, speculate=False, candidates=1)
    return replace(base, **changes)  # type: ignore[arg-type]


class HandClock:
    """Time goes on only when a test says so."""

    def __init__(self) -> None:
        self._now = 0.0
        self._calls: list[HandClock.Call] = []

    @dataclass(eq=False)
    class Call:
        at: float
        callback: Callable[[], object]
        cancelled: bool = False

        def cancel(self) -> None:
            self.cancelled = True

    def now(self) -> float:
        return self._now

    def call_later(self, seconds: float, callback: Callable[[], object]) -> HandClock.Call:
        call = HandClock.Call(self._now + seconds, callback)
        self._calls.append(call)
        return call

    def pending(self) -> int:
        return sum(not call.cancelled for call in self._calls)

    def due_in(self) -> list[float]:
        """In how many seconds the calls to come are due."""
        return [call.at - self._now for call in self._calls if not call.cancelled]

    def go(self, seconds: float) -> None:
        """Let that time pass."""
        self._now += seconds
        due = [call for call in self._calls if call.at <= self._now]
        self._calls = [call for call in self._calls if call.at > self._now and not call.cancelled]
        for call in sorted(due, key=lambda each: each.at):
            if not call.cancelled:
                call.callback()


class Stream:
    """One generation as the model server sees it."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self.opened = asyncio.Event()
        self.closed = asyncio.Event()
        self._queue: asyncio.Queue[Piece | Exception | None] = asyncio.Queue()

    def say(self, *texts: str) -> Stream:
        for text in texts:
            self._queue.put_nowait(Piece(text))
        return self

    def end(self, finish: Finish = Finish.STOP) -> Stream:
        self._queue.put_nowait(Piece(finish=finish))
        return self

    def fail(self, error: Exception) -> Stream:
        self._queue.put_nowait(error)
        return self

    def vanish(self) -> Stream:
        """End without a last piece."""
        self._queue.put_nowait(None)
        return self

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        self.opened.set()
        try:
            while (piece := await self._queue.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed.set()


class FakeProvider(StandIn):
    """Streams wait for the test, or for `script`, which may answer each generation at once."""

    def __init__(self, where: Endpoint, script: Callable[[Stream], object] | None = None) -> None:
        self.endpoint = where
        self.script = script
        self.streams: list[Stream] = []
        self.known = ModelFacts("model")
        self.facts_error: Exception | None = None
        self.state = Health(State.READY)
        self.looks = 0
        self.gate: asyncio.Event | None = None
        """Looks wait for it, if there is one."""
        self._more = asyncio.Event()

    def stream(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        stream = Stream(generation)
        self.streams.append(stream)
        if self.script is not None:
            self.script(stream)
        self._more.set()
        return stream.pieces()

    async def asked(self, count: int = 1) -> Stream:
        """The n-th generation, when it is being read."""
        async with asyncio.timeout(PATIENCE):
            while len(self.streams) < count:
                self._more.clear()
                await self._more.wait()
            await self.streams[count - 1].opened.wait()
        return self.streams[count - 1]

    async def health(self) -> Health:
        self.looks += 1
        if self.gate is not None:
            await self.gate.wait()
        return self.state

    async def models(self) -> list[ModelFacts]:
        return [self.known]

    async def facts(self, model: str) -> ModelFacts:
        if self.facts_error is not None:
            raise self.facts_error
        return replace(self.known, name=model)


class FakeRegistry:
    def __init__(self, script: Callable[[Stream], object] | None = None) -> None:
        self.providers: dict[str, FakeProvider] = {}
        self.refused: list[tuple[str, str]] = []
        self._script = script

    def provider(self, where: Endpoint) -> FakeProvider:
        return self.providers.setdefault(where.name, FakeProvider(where, self._script))

    def native_refused(self, where: Endpoint, model: str) -> bool:
        return (where.name, model) in self.refused

    def refuse_native(self, where: Endpoint, model: str) -> None:
        self.refused.append((where.name, model))

    def restarted(self, where: Endpoint) -> None:
        self.refused = [pair for pair in self.refused if pair[0] != where.name]


@dataclass
class FakePrompter:
    """Prefix and suffix with a mark between; `native` for models whose name begins so."""

    error: TwinnyError | None = None
    holes: list[Hole] = field(default_factory=list)

    async def prompt(self, where: Target, facts: ModelFacts, hole: Hole, *, native: bool) -> Prompted:
        self.holes.append(hole)
        if self.error is not None:
            raise self.error
        budgets = hole.prefix_tokens, hole.suffix_tokens, hole.bytes_per_token
        part = window(hole.snapshot, *budgets, first_row=hole.first_row)
        prefix = part.prefix + hole.selected
        if native and where.model.startswith("native"):
            return Prompted(
                FimPrompt(prefix, part.suffix), native=True, how="native", first_row=part.first_row
            )
        files = "".join(f"# {file.path}\n{file.text}" for file in hole.neighbours)
        text = f"{files}{prefix}<HOLE>{part.suffix}"
        return Prompted(RawPrompt(text), stop=("<EOT>",), how="fake", first_row=part.first_row)


class Desk:
    """An engine with everything around it, and short ways to ask it."""

    def __init__(self, script: Callable[[Stream], object] | None = None, grace: float = 1.0) -> None:
        self.clock = HandClock()
        self.registry = FakeRegistry(script)
        self.prompter = FakePrompter()
        self.failures: list[tuple[str, TwinnyError]] = []
        self.engine = CompletionEngine(
            self.registry,
            self.prompter,
            Reports(lambda error, where: self.failures.append((where.endpoint.name, error))),
            clock=self.clock,
            grace=grace,
        )
        self.engine._watch._chance = lambda: 0.0
        self._version = 0

    @property
    def model(self) -> FakeProvider:
        return self.registry.provider(endpoint())

    def followers(self) -> int:
        """How many requests follow a stream."""
        return sum(flight.followers for flight, _ in self.engine._flights._by_slot.values())

    def request(
        self,
        text: str,
        *,
        asked: Asked = Asked.INLINE,
        trigger: Trigger = Trigger.AUTOMATIC,
        uri: str = "file:///a.py",
        version: int | None = None,
        selected: str = "",
        **changes: object,
    ) -> Request:
        self._version += 1
        snapshot = replace(snapshot_of(text, uri=uri), version=version or self._version)
        return Request(snapshot, settings(**changes), asked, trigger, selected=selected)

    def ask(self, text: str, **how: object) -> asyncio.Task[Result]:
        """Ask in a task of its own, as a server does."""
        request = self.request(text, **how)  # type: ignore[arg-type]
        return asyncio.get_running_loop().create_task(self.engine.complete(request))


async def soon(task: asyncio.Task[Result]) -> Result:
    """The answer, which must come without time passing on the engine's clock."""
    async with asyncio.timeout(PATIENCE):
        return await task


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until that holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0)


async def happens(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE):
        await event.wait()


def text_of(result: Result) -> str:
    assert len(result.candidates) == 1, result
    return result.candidates[0].text


def say(*texts: str) -> Callable[[Stream], object]:
    """A script: say this and end."""
    return lambda stream: stream.say(*texts).end()


def models_asked(registry: FakeRegistry) -> Iterable[str]:
    return (stream.generation.model for each in registry.providers.values() for stream in each.streams)
