"""Which of the models can be asked now, and looking whether those that failed are back.

At most one look at a time for each thing that is wrong (providers/circuit.py says when), and only while
somebody is there: after `ACTIVE_S` without a request, the next one brings the next look. Who is paid by the
token is never asked how it is. Not for a model that is just slow to begin (loading.py), and not for telling
people: who listens hears of it, and each request says why it had no answer.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from twinny_lsp.completion.look import look
from twinny_lsp.completion.seams import Clock, Handle, Registry
from twinny_lsp.completion.standing import Footing, Standing
from twinny_lsp.config.resolved import CompletionSettings, Target
from twinny_lsp.errors import Loading, TwinnyError, Unreachable
from twinny_lsp.providers.circuit import Circuit, Way, is_away, plan_for
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.presets import METERED

log = logging.getLogger(__name__)

ACTIVE_S = 300.0
"""After so many seconds without a request nobody waits for the server to come back."""


@dataclass(frozen=True, slots=True)
class Events:
    """`away`: nobody answers at that target's server. `back`: what was wrong there is over, as far as a look
    can tell. `changed`: `standing` may have changed."""

    away: Callable[[Target], None]
    back: Callable[[Target], None]
    changed: Callable[[], None]


@dataclass(slots=True, eq=False)
class _Trouble:
    """One open circuit. `model` is "" where it concerns the whole server; `target` is what failed last.

    `due`: it is time for a look, but nobody is there.
    """

    model: str
    target: Target
    circuit: Circuit
    timer: Handle | None = None
    task: asyncio.Task[None] | None = None
    due: bool = False

    def end(self) -> None:
        """Look no more."""
        self.due = False
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.task is not None:
            self.task.cancel()


class Watch:
    """The circuits of all servers and models. `chance` gives the jitter, from 0 to 1."""

    def __init__(
        self,
        registry: Registry,
        clock: Clock,
        events: Events,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._registry, self._clock, self._events, self._chance = registry, clock, events, chance
        # Targets hold mappings, so they compare but do not hash; there are only ever a few.
        self._troubles: list[_Trouble] = []
        self._seen: list[Endpoint] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked_at = 0.0
        self._settings: CompletionSettings | None = None
        self._used: list[Endpoint] = []
        """The servers of all settings that were asked with; no other one is looked at."""

    # -- what requests want to know -----------------------------------------------------------------

    def order(self, settings: CompletionSettings, *, invoked: bool) -> list[Target]:
        """Whom to ask, in order. A person's request also tries those that are held back; those that do not
        answer, after all others."""
        wanted = wanted_of(settings)
        if not self._troubles:
            return wanted
        if invoked:
            return sorted(wanted, key=self._away)
        return [target for target in wanted if self.available(target)]

    def first(self, settings: CompletionSettings) -> Target | None:
        """Who would be asked now; None where nobody can be."""
        return next(iter(self.order(settings, invoked=False)), None)

    def available(self, target: Target) -> bool:
        """Whether an automatic request may be sent there now."""
        now = self._clock.now()
        return all(trouble.circuit.lets_through(now) for trouble in self._of(target))

    def untold(self, settings: CompletionSettings) -> list[tuple[Target, TwinnyError]]:
        """What holds those back that come before the first one that can be asked; each is given once."""
        found: list[tuple[Target, TwinnyError]] = []
        for target in wanted_of(settings):
            if self.available(target):
                break
            error = self.why_not(target)
            if error is not None and self.is_news(error, target):
                found.append((target, error))
        return found

    def is_news(self, error: TwinnyError, target: Target) -> bool:
        """Whether the user is to hear of that failure: once while it lasts."""
        if plan_for(error) is None:
            return True
        news = [trouble.circuit for trouble in self._of(target) if not trouble.circuit.told]
        for circuit in news:
            circuit.told = True
        return bool(news)

    def why_not(self, target: Target) -> TwinnyError | None:
        """What is wrong with it, if anything is."""
        return next((trouble.circuit.error for trouble in self._of(target)), None)

    def standing(self, settings: CompletionSettings) -> Standing:
        """How it stands with these settings."""
        wanted = wanted_of(settings)
        troubles = [t for t in self._of(wanted[0]) if not t.circuit.half_open] if wanted else []
        if not troubles:
            return Standing(Footing.WELL, answers=wanted[0] if wanted else None)
        circuit = troubles[0].circuit
        for other in wanted[1:]:
            if self.available(other):
                return Standing(Footing.FALLBACK, circuit.error, other)
        if circuit.loading:
            return Standing(Footing.LOADING, circuit.error)
        return Standing(Footing.AWAY if circuit.away else Footing.REFUSED, circuit.error)

    # -- what is learned ----------------------------------------------------------------------------

    def asked(self, settings: CompletionSettings) -> None:
        """Somebody is there, with these settings: looks that waited for that are made."""
        self._asked_at = self._clock.now()
        self._use(settings)
        for trouble in self._troubles:
            if trouble.due:
                trouble.due = False
                self._look(trouble)

    def opened(self, settings: CompletionSettings) -> None:
        """A document was opened: look once at where its completions come from, before anybody asks."""
        self._asked_at, target = self._clock.now(), settings.target
        self._use(settings)
        if target is None or target.endpoint in self._seen or target.endpoint.preset in METERED:
            return
        self._seen.append(target.endpoint)
        self._start(self._first_look(target))

    def failed(self, error: TwinnyError, target: Target) -> None:
        """A request failed there. What is known already changes nothing: its next look is planned."""
        paid = target.endpoint.preset in METERED
        plan = plan_for(error, paid=paid)
        if plan is None or target.endpoint not in self._used:
            return  # a request that began with other settings
        model = "" if plan.whole else target.model
        trouble = next((t for t in self._of(target) if t.model == model), None)
        if trouble is None:
            trouble = _Trouble(model, target, Circuit(error, plan, paid))
            self._troubles.append(trouble)
        elif trouble.circuit.plan == plan and not trouble.circuit.lets_through(self._clock.now()):
            return
        for other in self._of(target):
            if other is not trouble and (other.circuit.away or other.circuit.loading):
                self._close(other)  # it answers, if only with another failure
        self._reopen(trouble, error)
        if is_away(error):
            self._events.away(target)

    def answered(self, target: Target) -> None:
        """It is there after all."""
        over = self._of(target)
        for trouble in over:
            self._close(trouble)
        if over:
            self._events.back(target)
            self._events.changed()

    def forget(self) -> None:
        """Other settings: what was wrong may not be any more."""
        for trouble in self._troubles:
            trouble.end()
        self._troubles.clear()
        self._seen.clear()
        self._used, self._settings = [], None

    async def close(self) -> None:
        """Look no more."""
        self.forget()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _use(self, settings: CompletionSettings) -> None:
        if settings is not self._settings:
            self._settings = settings
            self._used += [t.endpoint for t in wanted_of(settings) if t.endpoint not in self._used]

    # -- looking ------------------------------------------------------------------------------------

    def _of(self, target: Target) -> list[_Trouble]:
        if not self._troubles:
            return []
        return [
            trouble
            for trouble in self._troubles
            if trouble.model in ("", target.model) and trouble.target.endpoint == target.endpoint
        ]

    def _away(self, target: Target) -> bool:
        return any(trouble.circuit.away for trouble in self._of(target))

    def _reopen(self, trouble: _Trouble, error: TwinnyError) -> None:
        trouble.end()
        trouble.task = None
        circuit, now = trouble.circuit, self._clock.now()
        circuit.fail(error, now, self._chance())
        if circuit.plan.way in (Way.HEALTH, Way.MODELS):
            trouble.timer = self._clock.call_later(circuit.until - now, lambda: self._due(trouble))
        self._events.changed()

    def _due(self, trouble: _Trouble) -> None:
        trouble.timer = None
        if self._clock.now() - self._asked_at > ACTIVE_S:
            trouble.due = True
        else:
            self._look(trouble)

    def _look(self, trouble: _Trouble) -> None:
        trouble.task = self._start(self._examine(trouble))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _examine(self, trouble: _Trouble) -> None:
        """One look at what is wrong: over, or to be looked at again later."""
        target, known = trouble.target, trouble.circuit.error
        error = await look(self._registry, target, models=trouble.circuit.plan.way is Way.MODELS)
        trouble.task = None
        if error is not None and type(error) is type(known):
            error = known  # it says more: what was asked for, and what to do
        # Not every server lets itself be asked how it is: another refusal is for a request to find out.
        if error is not None and (error is known or is_away(error) or isinstance(error, Loading)):
            log.info("%s is not back yet", target.endpoint.name)
            self._reopen(trouble, error)
            return
        log.info("%s is back", target.endpoint.name)
        trouble.circuit.recover()
        self._events.back(target)
        self._events.changed()

    async def _first_look(self, target: Target) -> None:
        error = await look(self._registry, target)
        # Only what is certain: it may be busy, or not let itself be asked.
        if isinstance(error, Unreachable | Loading) and target.endpoint in self._seen:
            log.info("%s does not answer", target.endpoint.name)
            self.failed(error, target)

    def _close(self, trouble: _Trouble) -> None:
        trouble.end()
        self._troubles.remove(trouble)


def wanted_of(settings: CompletionSettings) -> list[Target]:
    """The targets of these settings, the first one first."""
    return [target for target in (settings.target, *settings.fallback) if target is not None]
