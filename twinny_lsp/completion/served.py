"""What was seen of one model on its server: how long its tokens are, how quickly it reads, what it has read
last.

A server keeps what it computed for the last prompt as far as the next one begins in the same way. So what a
prompt costs is what is new in it, and the first prompt of a place where nothing is known costs all of it:
that one is kept short, so that the first suggestion is not late, and the window grows when it pays.

Measured from the server's own words where it has some, else from the answers' times. Nothing is kept on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from twinny_lsp.documents.text import byte_length
from twinny_lsp.exchange import ChatPrompt, FimPrompt, Prompt, RawPrompt, Usage

BYTES_PER_TOKEN = 4.0
"""Before the server's own counts are known. Code has 3 to 4."""

QUICK_MS = 150.0
"""What reading the first prompt of a place may cost. Above that, suggestions come a key later."""

QUICK_TOKENS = 256
"""Of text before the cursor in such a prompt, when nothing is known of the server's speed."""

_TELLING_TOKENS = 200
"""New tokens from which on the time to the first text says something about reading."""

_LEAST_BYTES, _MOST_BYTES = 1.5, 5.5
"""Of a token. A server that counts something else (old Ollamas left out what was cached) is not believed."""

_WEIGHT = 0.3
BATCH_TOKENS = 2048
"""llama-server's own batch size (`-b`), which it does not tell."""

_SMALL_BATCH_TOKENS = 512
_SLID_TOKENS = 256
"""Tokens computed anew beyond those expected, from which on the server has moved the window by itself."""


class Read(NamedTuple):
    """The last prompt: its text, and which window of which document it held."""

    text: str = ""
    uri: str = ""
    first_row: int = 0
    quick: bool = False


NOTHING_READ = Read()


@dataclass(slots=True)
class Served:
    """See the module. `useful`: the last answer was typed through or taken to its end."""

    bytes_per_token: float = BYTES_PER_TOKEN
    read_ms: float | None = None
    """Milliseconds for one new token of a prompt."""
    first_text_s: float = 0.0
    last: Read = NOTHING_READ
    useful: bool = False
    counted: bool = False
    """Whether the server was asked how long its tokens are."""
    told: bool = False
    """Whether it said so, or its counts did."""
    batch_tokens: int = BATCH_TOKENS
    """What `/infill` is taken to read at once; it cuts prompts to that by itself, anew with each key."""
    _slid: int = 0

    def new_tokens(self, prompt: Prompt) -> float:
        """About how many tokens of this prompt the server has not read just before."""
        text = flat(prompt)
        return (len(text) - common(text, self.last.text)) / self.bytes_per_token

    def affordable(self, least: int) -> float:
        """How many new tokens a prompt may have without making its answer late."""
        return max(least, QUICK_MS / self.read_ms if self.read_ms else 0)

    def reading_ms(self, tokens: float) -> float:
        """How long so many new tokens will take; 0 where nothing is known."""
        return tokens * (self.read_ms or 0.0)

    def answered(
        self, prompt: Prompt, new_tokens: float, first_text_s: float | None, usage: Usage | None
    ) -> None:
        """Learn from an answer: the prompt, what of it was new, and when its first text came (s)."""
        if first_text_s is not None:
            self.first_text_s = _nearer(self.first_text_s or first_text_s, first_text_s)
        read_ms = None if first_text_s is None else first_text_s * 1000
        if usage is not None and usage.prompt:
            if not isinstance(prompt, ChatPrompt):
                self.measured(byte_length(flat(prompt)), usage.prompt)
            if usage.cached is not None:
                self._notice_slide(prompt, usage.prompt - usage.cached - new_tokens)
                new_tokens = usage.prompt - usage.cached
            read_ms = usage.prompt_ms if usage.prompt_ms is not None else read_ms
        if read_ms is not None and new_tokens >= _TELLING_TOKENS:
            each = read_ms / new_tokens
            self.read_ms = each if self.read_ms is None else _nearer(self.read_ms, each)

    def measured(self, size: int, tokens: int) -> None:
        """A text of that many bytes has so many tokens."""
        each = size / tokens if tokens > 0 else 0.0
        if _LEAST_BYTES <= each <= _MOST_BYTES:
            self.bytes_per_token = _nearer(self.bytes_per_token, each) if self.told else each
            self.told = True

    def _notice_slide(self, prompt: Prompt, beyond: float) -> None:
        """Twice in a row far more was computed than was new: the server cuts the prompt anew each time."""
        slid = isinstance(prompt, FimPrompt) and beyond > _SLID_TOKENS
        self._slid = self._slid + 1 if slid else 0
        if self._slid > 1:
            self.batch_tokens = _SMALL_BATCH_TOKENS


def flat(prompt: Prompt) -> str:
    """The prompt as one text, in the order in which a server reads it."""
    if isinstance(prompt, RawPrompt):
        return prompt.text
    if isinstance(prompt, FimPrompt):
        files = (f"{file.path}\n{file.text}" for file in prompt.extra)
        return "\0".join((*files, prompt.prefix, prompt.suffix))
    return "\0".join(message.content for message in prompt.messages)


def common(one: str, other: str) -> int:
    """How many characters both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _nearer(old: float, new: float) -> float:
    return old + _WEIGHT * (new - old)
