"""What was learned of the models that can be asked: their facts, their limits, how they serve.

Which of them can be asked now is watch.py's. Nothing here is kept on disk.
"""

from __future__ import annotations

import asyncio

from twinny_lsp.completion.flight import Flight
from twinny_lsp.completion.loading import Loads
from twinny_lsp.completion.seams import Clock, Registry
from twinny_lsp.completion.served import Served
from twinny_lsp.completion.watch import Watch
from twinny_lsp.config.resolved import CompletionSettings, Target
from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.documents.text import byte_length
from twinny_lsp.errors import ContextOverflow, ProviderError, TwinnyError, Unsupported
from twinny_lsp.exchange import ModelFacts
from twinny_lsp.providers.endpoint import Endpoint

_FACTS_PATIENCE = 2.0
"""Seconds a request waits for what a server tells of a model; after that it asks without."""

_SAMPLE = 4_000
"""Code points of the document that are counted once."""

_COUNT_PATIENCE = 0.2
"""Seconds a request waits for that."""

_SPARE_TOKENS = 32
_LEAST_TOKENS = 64


class Targets:
    """Facts, limits and measurements by target."""

    def __init__(self, registry: Registry, clock: Clock, watch: Watch, loading: Loads) -> None:
        self.watch, self.loading = watch, loading
        self._registry = registry
        self._clock = clock
        # Endpoints hold mappings, so they compare but do not hash; there are only ever a few.
        self._asking: list[tuple[Target, asyncio.Task[ModelFacts], float]] = []
        self._limits: list[tuple[Target, int]] = []
        self._served: list[tuple[Target, Served]] = []

    def ended(self, flight: Flight) -> None:
        """What the end of a generation says of whom was asked."""
        error, target = flight.error, flight.plan.target
        if isinstance(error, Unsupported) and flight.plan.prompted.native:
            return  # it is asked by template now
        if isinstance(error, TwinnyError):
            self.watch.failed(error, target)
            self.loading.failed(target)
        elif error is None and not (flight.aborted and flight.outcome.first_byte_ms is None):
            self.answered(target)

    def answered(self, target: Target) -> None:
        """That model is there, and loaded."""
        self.watch.answered(target)
        self.loading.heard(target)

    def served(self, target: Target) -> Served:
        """What was seen of it so far; to be written on."""
        for known, served in self._served:
            if known == target:
                return served
        served = Served()
        self._served.append((target, served))
        return served

    async def facts(self, target: Target) -> ModelFacts:
        """What the server tells of the model; asked once, for all who wait. Raises ProviderError.

        A request that is cancelled does not end the question: the next one needs the answer as well.
        """
        asking = next((entry for entry in self._asking if entry[0] == target), None)
        if asking is None:
            provider = self._registry.provider(target.endpoint)
            task = asyncio.get_running_loop().create_task(provider.facts(target.model))
            asking = (target, task, self._clock.now())
            self._asking.append(asking)
            task.add_done_callback(self._asked)
        task = asking[1]
        left = _FACTS_PATIENCE - (self._clock.now() - asking[2])
        await asyncio.wait({task}, timeout=max(left, 0))
        if not task.done() or task.cancelled():
            return ModelFacts(name=target.model)
        return task.result()

    async def count(self, target: Target, snapshot: Snapshot) -> None:
        """Once, let the server count the tokens of some of the text, if it can and does so quickly."""
        served = self.served(target)
        sample = snapshot.prefix(_SAMPLE)
        if served.counted or len(sample) < _SAMPLE // 4:
            return
        served.counted = True
        provider = self._registry.provider(target.endpoint)
        try:
            async with asyncio.timeout(_COUNT_PATIENCE):
                tokens = await provider.count_tokens(sample, target.model)
        except TimeoutError:
            return
        if tokens:
            served.measured(byte_length(sample), tokens)

    def budget(self, settings: CompletionSettings, target: Target, facts: ModelFacts) -> tuple[int, int]:
        """How many tokens the prefix and the suffix may have."""
        total = settings.context_tokens
        if facts.context_tokens:
            room = facts.context_tokens - settings.max_tokens - _SPARE_TOKENS
            total = min(total, room if self.served(target).told else room * 3 // 4)
        learned = next((limit for known, limit in self._limits if known == target), None)
        if learned is not None:
            total = min(total, learned)
        total = max(total, _LEAST_TOKENS)
        suffix = min(settings.suffix_tokens, total // 4)
        return total - suffix, suffix

    def overflowed(self, target: Target, used: int, error: ContextOverflow, max_tokens: int) -> None:
        """Remember how much this model can take: at most half of what was sent, and what the server says.

        Where it says how many tokens that was, too, ours are as many times as long.
        """
        limit = used // 2
        if error.limit:
            room = max(error.limit - max_tokens - _SPARE_TOKENS, _LEAST_TOKENS)
            limit = min(limit, room, used * room // error.asked if error.asked else room)
        self._limits = [pair for pair in self._limits if pair[0] != target]
        self._limits.append((target, max(limit, _LEAST_TOKENS)))

    def forget(self) -> None:
        """Other settings, or another server at the same address: what was learned may not hold there."""
        self._limits.clear()
        self._served.clear()
        self.watch.forget()
        self.loading.forget()

    def restarted(self, endpoint: Endpoint) -> None:
        """Nobody answers there. Who comes back has computed nothing yet, and may be another server."""
        self._limits = [pair for pair in self._limits if pair[0].endpoint != endpoint]
        self._served = [pair for pair in self._served if pair[0].endpoint != endpoint]
        self._registry.restarted(endpoint)

    async def close(self) -> None:
        """End what is still asked."""
        self.loading.forget()
        await self.watch.close()
        tasks = [task for _, task, _ in self._asking]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _asked(self, task: asyncio.Task[ModelFacts]) -> None:
        """Providers keep facts themselves; here only the question under way is shared."""
        self._asking = [entry for entry in self._asking if entry[1] is not task]
        if not task.cancelled():
            task.exception()  # whoever waits gets it; nobody may wait any more


async def facts_or_failure(targets: Targets, target: Target) -> tuple[ModelFacts, ProviderError | None]:
    """The facts, or none and why: asking for a completion will show whether that matters."""
    try:
        return await targets.facts(target), None
    except ProviderError as error:
        return ModelFacts(name=target.model), error
