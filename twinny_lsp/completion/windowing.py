"""Which window of the document a prompt holds, and what else the model sees: as much as is read quickly
enough.

What the server has computed for the last prompt costs nothing. So a place where it has read nothing gets a
short prompt first, and the whole window where that is cheap, quick, or needed. Not for cutting a window
(documents/windows.py) nor for making the prompt of it (prompting.py).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from twinny_lsp.completion.ask import Ask, How, Warm
from twinny_lsp.completion.record import ContextPiece
from twinny_lsp.completion.request import Trigger
from twinny_lsp.completion.seams import Context, Hole, Prompted, Prompter
from twinny_lsp.completion.served import QUICK_TOKENS, Read, Served, flat
from twinny_lsp.completion.targets import Targets
from twinny_lsp.config.resolved import Target
from twinny_lsp.context.pieces import NOTHING, At, Gathered
from twinny_lsp.documents.windows import window
from twinny_lsp.exchange import ModelFacts

_WORTH = 1.25
"""A larger window may cost so many times what the short one costs."""

_KEPT_SHARE = 0.75
"""A window that begins where the last one did is taken if it holds so much of what a new one would."""

_SLIDE_MS = 1_000.0
"""What reading the next window ahead may take, when the suggestion does not fit into this one any more."""

_CONTEXT_SHARE = 4
"""At most one part in so many of the prompt is context."""

_CONTEXT_BYTES = 3
"""Of a token. Not what was measured: a budget that changes with every answer would change the pieces, too."""


@dataclass(frozen=True, slots=True)
class Window:
    """One way to ask: a prompt, what of it is new to the server, and what is to be remembered of it."""

    prompted: Prompted
    new_tokens: float
    read: Read
    prefix_tokens: int
    suffix_tokens: int
    context: tuple[ContextPiece, ...] = ()


@dataclass(frozen=True, slots=True)
class _Budget:
    """Tokens. `prefix` is what context leaves of it. `quick`: it is short, so that the answer is not late."""

    prefix: int
    suffix: int
    gathered: Gathered = NOTHING
    quick: bool = False


@dataclass(frozen=True, slots=True)
class _Whom:
    """Who is asked, and whether it fills in the middle by itself."""

    target: Target
    facts: ModelFacts
    native: bool


class Windows:
    """Chooses windows. `expect` lets context be gathered before it is needed."""

    def __init__(self, prompter: Prompter, targets: Targets, context: Context) -> None:
        self._prompter, self._targets, self._context = prompter, targets, context
        self._gathering: set[asyncio.Task[Gathered]] = set()

    def expect(self, ask: Ask, target: Target) -> None:
        """The model will probably be asked here in a moment: gather meanwhile."""
        if self._context.tokens(ask.cursor.place.uri):
            task = asyncio.get_running_loop().create_task(self._gather(ask, target, ModelFacts(target.model)))
            self._gathering.add(task)
            task.add_done_callback(self._gathering.discard)

    async def choose(self, ask: Ask, target: Target, facts: ModelFacts, how: How, *, native: bool) -> Window:
        """The largest window that is read quickly enough. Raises TwinnyError.

        That is the whole one if a person asks, if the server has read most of it just before or is quick,
        or if the last, short one did not help. Else the one the last prompt had, moved on; else a short
        one.
        """
        served = self._targets.served(target)
        prefix, suffix = self._targets.budget(ask.request.settings, target, facts)
        cut = partial(self._cut, _Whom(target, facts, native), ask)
        short_budget = _Budget(min(QUICK_TOKENS, prefix), suffix, quick=True)
        if how.warm is Warm.SHORT:
            return await cut(short_budget, None)
        last = served.last
        here = last.uri == ask.cursor.place.uri and last.first_row <= ask.cursor.row
        must = _must_be_whole(ask, how) or (here and last.quick and not (served.useful or how.yields))
        affordable = served.affordable(short_budget.prefix + suffix)
        plain = _Budget(prefix, suffix, quick=True)
        # With the context that the last prompt had, if it had any: else none of it would be known.
        budget = await self._with_context(ask, target, facts) if must or (here and not last.quick) else plain
        window = await cut(budget, None)
        if here and not last.quick and window.read.first_row != last.first_row:
            kept = await cut(budget, last.first_row)
            if len(kept.read.text) >= _KEPT_SHARE * len(window.read.text):
                window = kept
        # What is asked ahead may slide the window: its place is where the next key will be.
        slides = how.yields and here and not last.quick and served.reading_ms(window.new_tokens) <= _SLIDE_MS
        if not (must or slides) and window.new_tokens > affordable:
            short = await cut(short_budget, None)
            affordable = max(affordable, _WORTH * short.new_tokens)
            if window.new_tokens > affordable:
                on = await cut(budget, last.first_row) if here else short
                return on if on.new_tokens <= affordable else short
        if budget is not plain:
            return window
        whole = await cut(await self._with_context(ask, target, facts), None)
        return whole if whole.new_tokens <= affordable else window

    async def _cut(self, whom: _Whom, ask: Ask, budget: _Budget, first_row: int | None) -> Window:
        served = self._targets.served(whom.target)
        hole = self._hole(ask, budget, served, first_row)
        prompted = await self._prompter.prompt(whom.target, whom.facts, hole, native=whom.native)
        read = Read(flat(prompted.prompt), ask.cursor.place.uri, prompted.first_row, budget.quick)
        pieces = tuple(
            ContextPiece(each.path, str(each.source), int(each.size / served.bytes_per_token))
            for each in budget.gathered.told
        )
        new = served.new_tokens(prompted.prompt)
        return Window(prompted, new, read, budget.prefix, budget.suffix, pieces)

    def _hole(self, ask: Ask, budget: _Budget, served: Served, first_row: int | None) -> Hole:
        request = ask.request
        return Hole(
            request.snapshot,
            request.selected,
            budget.prefix,
            budget.suffix,
            request.path,
            request.repo,
            budget.gathered.files,
            served.bytes_per_token,
            first_row,
            served.batch_tokens,
            request.settings.suffix_first,
            partial(self._context.mask, ask.cursor.place.uri),
        )

    async def _with_context(self, ask: Ask, target: Target, facts: ModelFacts) -> _Budget:
        """The whole window's budget, with what else the model should see."""
        prefix, suffix = self._targets.budget(ask.request.settings, target, facts)
        gathered = await self._gather(ask, target, facts)
        size = int(gathered.size / self._targets.served(target).bytes_per_token)
        return _Budget(prefix - size, suffix, gathered)

    async def _gather(self, ask: Ask, target: Target, facts: ModelFacts) -> Gathered:
        """What else the model should see, beside what the whole window shows."""
        snapshot = ask.request.snapshot
        prefix, suffix = self._targets.budget(ask.request.settings, target, facts)
        tokens = min(self._context.tokens(snapshot.uri), (prefix + suffix) // _CONTEXT_SHARE)
        if tokens <= 0:
            return NOTHING
        bytes_per_token = self._targets.served(target).bytes_per_token
        shown = window(snapshot, prefix - tokens, suffix, bytes_per_token)
        at = At(snapshot, shown.first_row, shown.last_row)
        return await self._context.pieces(at, tokens * _CONTEXT_BYTES)


def _must_be_whole(ask: Ask, how: How) -> bool:
    """Whether a short window would not do: a person asks, or a notebook's cell without the others."""
    return ask.request.trigger is Trigger.INVOKED or ask.request.cell or bool(how.warm)
