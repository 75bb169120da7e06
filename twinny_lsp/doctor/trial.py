"""One timed completion with the configured model: the only proof that all of it works.

Asks what an editor's request would ask, of a two-line document. Not for quality: whatever comes counts.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field

from twinny_lsp.completion.prompting import Prompts
from twinny_lsp.completion.seams import Hole, Prompted
from twinny_lsp.config.resolved import Target
from twinny_lsp.doctor.findings import Trial
from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.errors import FailureKind, ProviderError, TwinnyError, Unsupported
from twinny_lsp.exchange import Generation, ModelFacts, Usage
from twinny_lsp.providers.base import Provider

TRIAL_S = 30.0
FACTS_S = 5.0
MAX_TOKENS = 24
HOLE = Hole(
    snapshot=Snapshot(
        uri="untitled:doctor.py",
        version=1,
        language="python",
        lines=("def add(a, b):\n", "    \n"),
        row=1,
        column=4,
    ),
    selected="",
    prefix_tokens=256,
    suffix_tokens=64,
    path="doctor.py",
)


@dataclass(slots=True)
class _Heard:
    """What has come so far."""

    begun: float
    how: str = ""
    parts: list[str] = field(default_factory=list)
    first: float | None = None
    usage: Usage | None = None

    def as_trial(self, prompted: Prompted | None, error: str = "", kind: FailureKind | None = None) -> Trial:
        text = "".join(self.parts)
        for opening in prompted.opens if prompted else ():
            text = text.removeprefix(opening)
        ends = [place for end in (prompted.ends if prompted else ()) if (place := text.find(end)) >= 0]
        text = text[: min(ends, default=len(text))].rstrip()
        if not text.strip() and not error:
            error = "The model answered, but with nothing."
        usage = self.usage or Usage()
        return Trial(
            text=text if text.strip() else "",
            how=self.how,
            first_ms=None if self.first is None else (self.first - self.begun) * 1000,
            total_ms=(time.perf_counter() - self.begun) * 1000,
            prompt_tokens=usage.prompt,
            generated_tokens=usage.generated,
            error=error,
            kind=kind,
        )


async def facts_of(provider: Provider, model: str, seconds: float = FACTS_S) -> ModelFacts:
    """What the server tells of a model; nothing where it does not answer."""
    try:
        async with asyncio.timeout(seconds):
            return await provider.facts(model)
    except (TwinnyError, TimeoutError):
        return ModelFacts(model)


async def attempt(
    provider: Provider, target: Target, prompts: Prompts, facts: ModelFacts, seconds: float = TRIAL_S
) -> Trial:
    """Ask once; every failure is told in the result."""
    heard = _Heard(time.perf_counter())
    prompted: Prompted | None = None
    try:
        async with asyncio.timeout(seconds):
            prompted = await prompts.prompt(target, facts, HOLE, native=True)
            try:
                await _stream(provider, target, prompted, heard)
            except Unsupported:
                if not prompted.native or heard.parts:
                    raise
                prompted = await prompts.prompt(target, facts, HOLE, native=False)
                await _stream(provider, target, prompted, heard)
    except TimeoutError:
        if heard.parts:
            return heard.as_trial(prompted)
        error = f"No answer within {seconds:g} s: the server may still be loading the model, or be busy."
        return heard.as_trial(prompted, error, FailureKind.TIMED_OUT)
    except ProviderError as error:
        return heard.as_trial(prompted, str(error), error.kind)
    except TwinnyError as error:
        return heard.as_trial(prompted, str(error))
    return heard.as_trial(prompted)


async def _stream(provider: Provider, target: Target, prompted: Prompted, heard: _Heard) -> None:
    heard.how = prompted.how
    generation = Generation(target.model, prompted.prompt, MAX_TOKENS, temperature=0.0, stop=prompted.stop)
    async with aclosing(provider.stream(generation)) as pieces:
        async for piece in pieces:
            if piece.text and heard.first is None:
                heard.first = time.perf_counter()
            heard.parts.append(piece.text)
            heard.usage = piece.usage or heard.usage
