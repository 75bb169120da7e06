"""When a server that failed may be asked again: how, and after how long.

One circuit holds what is wrong with one server, or with one model on it. While it is open nothing is sent.
Then either a cheap question shows that the cause is gone, or the next request is the try; a failure opens it
again, for twice as long, and only an answer ends it. What waiting cannot mend (a refused key) stays open
until the settings change or a person asks by hand. Pure: who looks is `completion/watch.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from twinny_lsp.errors import FailureKind, KeyUnavailable, Loading, ProviderError, TwinnyError

JITTER = 0.25
"""A wait is longer by up to this part of it, so that several editors do not ask in step."""


class Way(StrEnum):
    """How it is found out that a cause is gone."""

    HEALTH = "health"  # by asking how the server is
    MODELS = "models"  # by asking which models it has
    REQUEST = "request"  # only a request tells
    SETTINGS = "settings"  # not by waiting


@dataclass(frozen=True, slots=True)
class Plan:
    """`first` and `most` are the shortest and the longest wait, in seconds. `whole`: it concerns every model
    of the server."""

    way: Way
    first: float = 1.0
    most: float = 30.0
    whole: bool = True


_AWAY = Plan(Way.HEALTH)
"""Three looks in the first nine seconds: a server that is started again within them is found by the third."""

PLANS: Mapping[FailureKind, Plan] = MappingProxyType(
    {
        FailureKind.UNREACHABLE: _AWAY,
        FailureKind.INTERRUPTED: _AWAY,
        FailureKind.TIMED_OUT: _AWAY,
        FailureKind.LOADING: Plan(Way.HEALTH, most=4.0, whole=False),
        FailureKind.WRONG_ADDRESS: Plan(Way.HEALTH, first=15.0, most=60.0),
        FailureKind.MODEL_MISSING: Plan(Way.MODELS, first=15.0, most=60.0, whole=False),
        FailureKind.BUSY: Plan(Way.REQUEST),
        FailureKind.SERVER_FAILURE: Plan(Way.REQUEST, whole=False),
        FailureKind.BAD_ANSWER: Plan(Way.REQUEST, whole=False),
        FailureKind.UNAUTHORIZED: Plan(Way.SETTINGS),
        FailureKind.UNSUPPORTED: Plan(Way.SETTINGS, whole=False),
    }
)
"""A prompt that was too long has none: it says nothing of the next one."""

AWAY = frozenset({FailureKind.UNREACHABLE, FailureKind.INTERRUPTED, FailureKind.TIMED_OUT})
"""Nobody answers there: what the server had computed may be gone, too, and another one may come back."""


def is_away(error: TwinnyError) -> bool:
    """Whether a failure says that nobody answers there."""
    return isinstance(error, ProviderError) and error.kind in AWAY


def plan_for(error: TwinnyError, *, paid: bool = False) -> Plan | None:
    """What a failure means for the next request; None: nothing. Who is `paid` is asked nothing else."""
    if isinstance(error, KeyUnavailable):
        return PLANS[FailureKind.UNAUTHORIZED]
    plan = PLANS.get(error.kind) if isinstance(error, ProviderError) else None
    if plan is not None and paid and plan.way is not Way.SETTINGS:
        return replace(plan, way=Way.REQUEST)
    return plan


def same_trouble(one: TwinnyError, other: TwinnyError) -> bool:
    """Whether two failures are one thing for a person: a killed server first breaks off, then is gone."""
    kinds = [error.kind if isinstance(error, ProviderError) else None for error in (one, other)]
    return type(one) is type(other) or all(kind in AWAY for kind in kinds)


@dataclass(slots=True)
class Circuit:
    """What is wrong with one server or model. `until` is when it is looked at, or may be asked, again.

    `half_open`: requests are let through, since a look was well. `told`: the user heard of `error`. `paid`:
    the server is paid by the token.
    """

    error: TwinnyError
    plan: Plan
    paid: bool = False
    until: float = 0.0
    failures: int = 0
    half_open: bool = False
    told: bool = False

    def fail(self, error: TwinnyError, now: float, chance: float) -> None:
        """A request or a look failed. `chance`, from 0 to 1, is how much of the jitter is added."""
        plan = plan_for(error, paid=self.paid) or self.plan
        if plan != self.plan:
            self.plan, self.failures = plan, 0
        if not same_trouble(error, self.error):
            self.told = False
        self.error, self.half_open = error, False
        self.failures += 1
        wait = min(plan.first * 2 ** (self.failures - 1), plan.most)
        self.until = now + wait * (1 + JITTER * chance)

    def recover(self) -> None:
        """A look was well: the next request is the proof. If that fails, it is news."""
        self.half_open, self.told = True, False

    @property
    def away(self) -> bool:
        """Whether nobody answers there, as far as is known."""
        return is_away(self.error) and not self.half_open

    @property
    def loading(self) -> bool:
        """Whether it is only that the model is being loaded."""
        return isinstance(self.error, Loading)

    def lets_through(self, now: float) -> bool:
        """Whether a request may be sent."""
        return self.half_open or (self.plan.way is Way.REQUEST and now >= self.until)
