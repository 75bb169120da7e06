"""What the engine needs from other rooms, as small interfaces: tests put fakes here.

The real ones: `providers.registry.Registry`, `completion.prompting.Prompts` (over `fim`), `LoopClock`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from twinny_lsp.config.resolved import Target
from twinny_lsp.context.pieces import NOTHING, At, Gathered
from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.documents.windows import BYTES_PER_TOKEN
from twinny_lsp.errors import TwinnyError
from twinny_lsp.exchange import ContextFile, ModelFacts, Prompt
from twinny_lsp.providers.base import Provider
from twinny_lsp.providers.endpoint import Endpoint


class Registry(Protocol):
    """Which provider speaks for an endpoint, and what was learned of it."""

    def provider(self, endpoint: Endpoint) -> Provider:
        """The provider; does no I/O."""
        ...

    def native_refused(self, endpoint: Endpoint, model: str) -> bool:
        """Whether the server said that this model cannot fill in the middle by itself."""
        ...

    def refuse_native(self, endpoint: Endpoint, model: str) -> None:
        """Remember that it said so."""
        ...

    def restarted(self, endpoint: Endpoint) -> None:
        """Nobody answers there: who comes back may be another server, so forget what this one said."""
        ...


@dataclass(frozen=True, slots=True)
class Hole:
    """The place to fill. `snapshot` has the cursor; `selected` counts as typed. Budgets in tokens.

    `first_row`: begin the prefix at this row, if that fits: there the last prompt began. `batch_tokens`:
    what llama.cpp's /infill reads at once. `suffix_first`: ask so where the model's family was trained for
    both. `mask` takes secrets out of what is sent.
    """

    snapshot: Snapshot
    selected: str
    prefix_tokens: int
    suffix_tokens: int
    path: str = ""
    repo: str = ""
    neighbours: tuple[ContextFile, ...] = ()
    bytes_per_token: float = BYTES_PER_TOKEN
    first_row: int | None = None
    batch_tokens: int | None = None
    suffix_first: bool = False
    mask: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Prompted:
    """A prompt ready to send. `native`: the server is to fill in the middle by itself.

    `stop` goes to the server; the answer is cut at `ends`, which are these and more. `opens` may stand at its
    begin and mean nothing. `restore` makes special tokens of the user's own code whole again, if
    there are any: they were broken up in the prompt. `how` is for people: which template and why. `first_row`
    is where the prefix begins.
    """

    prompt: Prompt
    stop: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    restore: Callable[[str], str] | None = None
    native: bool = False
    chat: bool = False
    how: str = ""
    first_row: int = 0


class Prompter(Protocol):
    """Makes prompts. Does no I/O with a model server."""

    async def prompt(self, target: Target, facts: ModelFacts, hole: Hole, *, native: bool) -> Prompted:
        """The prompt for this hole; `native` False: the server refused to do it by itself.

        Raises TemplateError for a template that cannot be used, and SettingsError where no way to ask this
        model is known: its message names the setting.
        """
        ...


class Context(Protocol):
    """What else a model should see, and what of the document it may see. See `context.gatherer`."""

    def tokens(self, uri: str) -> int:
        """How many tokens of a prompt it may have; 0: nothing is wanted."""
        ...

    async def pieces(self, at: At, budget: int) -> Gathered:
        """The pieces for this place in at most `budget` bytes, soon, with the best there is; never raises.

        The same ones, byte for byte, while somebody works in one region.
        """
        ...

    def mask(self, uri: str, text: str) -> str:
        """A text of the document as it may be sent: same length, same lines, without secrets."""
        ...


class NoContext:
    """Nothing but the document, as it is."""

    def tokens(self, uri: str) -> int:
        """None."""
        return 0

    async def pieces(self, at: At, budget: int) -> Gathered:
        """None."""
        return NOTHING

    def mask(self, uri: str, text: str) -> str:
        """All of it."""
        return text


class Handle(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Let it not come."""
        ...


class Clock(Protocol):
    """Time, in seconds; tests turn it by hand."""

    def now(self) -> float:
        """Seconds since some moment."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Handle:
        """Call back after that time."""
        ...


class LoopClock:
    """The running event loop's clock."""

    def now(self) -> float:
        """The loop's monotonic time."""
        return asyncio.get_running_loop().time()

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Handle:
        """`loop.call_later`."""
        return asyncio.get_running_loop().call_later(seconds, callback)


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait on that clock; nothing is left behind when cancelled."""
    if seconds <= 0:
        return
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end() -> None:
        if not over.done():
            over.set_result(None)

    handle = clock.call_later(seconds, end)
    try:
        await over
    finally:
        handle.cancel()


def _nobody(*_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Reports:
    """Whom the engine tells. `failure`: each failure the user should hear of; telling once is the
    listener's business. `success`: an answer came whole, what was wrong with that target is over. `back`: so
    it seems after asking the server how it is. `pushed_out`: that target and the model of this name push each
    other out of their server's memory. `changed`: `standing` or `busy` of the engine may have changed.
    """

    failure: Callable[[TwinnyError, Target], None] = _nobody
    success: Callable[[Target], None] = _nobody
    back: Callable[[Target], None] = _nobody
    pushed_out: Callable[[Target, str], None] = _nobody
    changed: Callable[[], None] = _nobody
