"""A simulated model that knows the files: what it answers, and how long that takes.

It starts after `base` plus what the prompt costs (four characters a token; the beginning it has in common
with the last prompt is free: one slot), and then takes `token` for each token. Pure: no clock, no sockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from twinny_lsp.completion.served import common

TOKEN = 4
"""Characters of a token."""

FARTHEST = 2_000
"""Characters; a hole is never longer, and a model that does not stop is asked for less."""

_MARKS = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<PRE> ", " <SUF>", " <MID>"),
)
_TELLING = (1600, 400, 150, 60)
"""Characters around the hole by which its place in a file is found; the most that fit win, and of places that
fit as well the one where the least is missing."""


@dataclass(frozen=True)
class Speed:
    """Milliseconds: of every request, of a prompt token that is not in the cache, of a generated token."""

    base: float = 60.0
    prompt: float = 0.3
    token: float = 12.0


@dataclass
class Counted:
    """What one request cost, in tokens; `generated` counts until the stream was closed."""

    prompt: int
    anew: int
    suffix: int = 0
    generated: int = 0
    at: float = 0.0
    """When it came, by `time.perf_counter` (one clock for all processes, on Linux)."""
    first_in_file: bool = False


@dataclass
class Knower:
    """`files` are the whole texts. `stops`: it ends where the hole ends, else never."""

    files: list[str]
    speed: Speed = field(default_factory=Speed)
    stops: bool = True
    last: str = ""
    seen: set[int] = field(default_factory=set)

    def read(self, prompt: str) -> tuple[str, float, Counted]:
        """(the answer, milliseconds to its first token, what the prompt cost) for a rendered prompt."""
        return self.fill(prompt, *parted(prompt))

    def fill(self, prompt: str, prefix: str, suffix: str) -> tuple[str, float, Counted]:
        """As `read`, with prefix and suffix apart; `prompt` is what the server makes of them."""
        shared = common(prompt, self.last)
        self.last = prompt
        tokens = -(-len(prompt) // TOKEN)
        anew = max(1, tokens - shared // TOKEN)
        number, answer = self._find(prefix, suffix)
        first = number not in self.seen
        counted = Counted(tokens, anew, -(-len(suffix) // TOKEN), first_in_file=first)
        self.seen.add(number)
        return answer, self.speed.base + self.speed.prompt * anew, counted

    def _find(self, prefix: str, suffix: str) -> tuple[int, str]:
        """The file the prompt is from, and what is missing there; "" where the text is not the file's."""
        for length in _TELLING:
            tail, head = prefix[-length:], suffix[:length]
            places = [
                (end - here, number, here)
                for number, text in enumerate(self.files)
                for here, end in _places(text, tail, head)
            ]
            if places:
                missing, number, here = min(places)
                return number, self.files[number][here : here + (missing if self.stops else FARTHEST)]
        return -1, ""


def _places(text: str, tail: str, head: str) -> Iterator[tuple[int, int]]:
    """Where `tail` ends and `head` begins, not far behind it."""
    at = text.find(tail)
    while at >= 0:
        here = at + len(tail)
        end = text.find(head, here, here + FARTHEST + len(head)) if head else len(text)
        if end >= 0:
            yield here, end
        at = text.find(tail, at + 1)


def pieces(answer: str) -> list[str]:
    """The answer token by token."""
    return [answer[at : at + TOKEN] for at in range(0, len(answer), TOKEN)]


def parted(prompt: str) -> tuple[str, str]:
    """Prefix and suffix in a rendered prompt."""
    for before, between, behind in _MARKS:
        if between in prompt and behind in prompt:
            prefix, _, suffix = prompt.rpartition(behind)[0].rpartition(between)
            return prefix.partition(before)[2], suffix
    return prompt, ""
