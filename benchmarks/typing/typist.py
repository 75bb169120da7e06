"""The person at the keys and the ghost text they see: types a hole again and keeps score.

The client keeps ghost text while it is typed along, puts an answer in its place when one comes, and cancels
a request whose answer is not there when the next key comes. It knows no server: `Client` is what it types
into.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.typing.trace import Hole, gap_ms


class Client(Protocol):
    """An editor on some server. Times in seconds."""

    def now(self) -> float:
        """The clock of the trace."""
        ...

    async def cut(self, hole: Hole) -> None:
        """Show the file with the hole cut out and the cursor in it."""
        ...

    def key(self, key: str) -> None:
        """Type a key."""
        ...

    def ask(self) -> asyncio.Future[str]:
        """Ask for ghost text: what would stand behind the cursor, "" for nothing."""
        ...

    def cancel(self, asked: asyncio.Future[str]) -> None:
        """Cancel that request."""
        ...


@dataclass
class Score:
    """What was seen. `answers`: milliseconds from a key to its text, for the keys whose answer had one."""

    keys: int = 0
    judged: int = 0
    right: int = 0
    wrong: int = 0
    chars: int = 0
    saved: int = 0
    accepts: int = 0
    answers: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def share(self, count: int) -> float:
        """Percent of the keys before which a text could have been on screen."""
        return 100 * count / max(self.judged, 1)

    @property
    def saved_share(self) -> float:
        """Percent of the characters that would not have to be typed: each right text is accepted when it is
        there, by one key."""
        return 100 * (self.saved - self.accepts) / max(self.chars, 1)

    def percentiles(self) -> tuple[float, float]:
        """p50 and p95 of key → text, in ms."""
        if len(self.answers) < 2:
            return 0.0, 0.0
        return statistics.median(self.answers), statistics.quantiles(self.answers, n=20)[18]

    def judge(self, ghost: str, missing: str, what: str) -> None:
        """A key is about to be pressed with `ghost` on screen."""
        self.judged += 1
        if is_right(ghost, missing):
            self.right += 1
            if len(missing) <= self._untaken:
                self.saved += len(ghost)
                self.accepts += 1
                self._untaken = len(missing) - len(ghost)
        else:
            self.wrong += bool(ghost)
            self.missed.append(f"{what}| {missing!r}: {ghost!r}")

    def begin(self, hole: Hole) -> None:
        """A new hole."""
        self.chars += len(hole.text)
        self._untaken = len(hole.text)

    _untaken: int = 0


def is_right(ghost: str, missing: str) -> bool:
    """A beginning of what is missing: all of it, or up to the end of a line."""
    if not ghost or not missing.startswith(ghost):
        return False
    return len(ghost) == len(missing) or missing[len(ghost)] == "\n" or ghost.endswith("\n")


async def type_hole(
    client: Client, hole: Hole, chance: random.Random, score: Score, *, ahead: bool = False
) -> None:
    """Type one hole. `ahead`: the editor asks when the cursor comes, before the first key."""
    await client.cut(hole)
    ghost, text = "", hole.text
    score.begin(hole)
    if ahead:
        ghost = await _until_next(client, client.ask(), "", gap_ms(" ", chance) / 1000, None)
    for index, key in enumerate(text):
        if index or ahead:
            score.judge(ghost, text[index:], f"{hole.name}: {text[:index]!r} ")
        score.keys += 1
        client.key(key)
        ghost = ghost[1:] if ghost.startswith(key) else ""
        ghost = await _until_next(client, client.ask(), ghost, gap_ms(key, chance) / 1000, score)


async def _until_next(
    client: Client, asked: asyncio.Future[str], ghost: str, gap: float, score: Score | None
) -> str:
    """Let the gap pass; what is on screen at its end."""
    began = client.now()
    done, _ = await asyncio.wait({asked}, timeout=gap)
    if not done:
        client.cancel(asked)
        return ghost
    ghost = asked.result()
    if score is not None and ghost:
        score.answers.append((client.now() - began) * 1000)
    await asyncio.sleep(max(began + gap - client.now(), 0))
    return ghost
