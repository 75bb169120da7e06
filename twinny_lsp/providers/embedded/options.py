"""What the settings say about the embedded model, with what was left out chosen for this machine.

Not for starting anything: this is arithmetic over an Endpoint's options and a model's header.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from twinny_lsp.providers.embedded.child import Orders
from twinny_lsp.providers.embedded.gguf import GgufFacts
from twinny_lsp.providers.embedded.machine import Machine
from twinny_lsp.providers.endpoint import Endpoint

MIN_BATCH_TOKENS = 32
IDLE_SECONDS = 600.0
MAX_THREADS = 8
CONTEXTS = (8192, 4096, 2048, 1024)
"""Sizes of context to choose from, in tokens."""

MIDDLE_CONTEXT = 4096
OVERHEAD_BYTES = 200 * 1024 * 1024
"""What llama.cpp takes beside weights and context: 45 MiB were measured with the tiny model, 133 MiB with one
of 270 million parameters."""


@dataclass(frozen=True, slots=True)
class EmbeddedOptions:
    """`context`, `batch` (tokens) and `threads`: 0 is to be chosen; `idle_seconds`: 0 is never."""

    path: Path
    context: int
    batch: int
    threads: int
    idle_seconds: float
    share: bool

    @classmethod
    def of(cls, endpoint: Endpoint, path: Path) -> EmbeddedOptions:
        """Read the options; what is no usable value counts as left out (the settings have said so)."""
        return cls(
            path=path,
            context=int(_number(endpoint, "context_tokens", 0)),
            batch=int(_number(endpoint, "batch_tokens", 0)),
            threads=int(_number(endpoint, "threads", 0)),
            idle_seconds=_number(endpoint, "idle_seconds", IDLE_SECONDS),
            share=endpoint.options.get("share", True) is not False,
        )

    def orders(self, header: GgufFacts, machine: Machine) -> Orders:
        """What the child is told, with a fresh key.

        A batch is half of the context: llama.cpp gives other files' text no room in /infill unless the
        context is larger than the batch, and slides its window (so that nothing of it is reused) past
        3/4 of a batch.
        """
        context = self.context or context_for(header, machine)
        batch = self.batch or context // 2
        return Orders(
            model=str(self.path),
            key=secrets.token_urlsafe(24),
            alias=self.path.stem,
            context=context,
            batch=max(MIN_BATCH_TOKENS, min(batch, context)),
            threads=self.threads or threads_for(machine),
            parent=os.getpid(),
        )


@dataclass(frozen=True, slots=True)
class Lack:
    """Too little memory: bytes that are needed and that there are; `for_now`: others hold the rest."""

    needed: int
    there: int
    for_now: bool

    def __str__(self) -> str:
        have = amount(self.there)
        rest = f"{have} are free now" if self.for_now else f"there are {have} in all"
        return f"it needs about {amount(self.needed)}, and {rest}"


def threads_for(machine: Machine) -> int:
    """All fast cores but one, 1 to 8: a model that has to wait for one of its threads waits with all."""
    return max(1, min(MAX_THREADS, machine.cores - 1))


def context_for(header: GgufFacts, machine: Machine) -> int:
    """The largest size that the model was trained on and that takes no more than its share of memory.

    Its share is a quarter of what the weights leave free. All memory counts, not what is free just now:
    editors that start one after the other must come to the same size, or each would run its own child.
    """
    trained = header.context_tokens or MIDDLE_CONTEXT
    sizes = [min(size, trained) for size in CONTEXTS]
    if not machine.memory:
        return min(MIDDLE_CONTEXT, trained)
    share = (machine.memory - memory_needed(header.file_bytes, header.kv_bytes, 0)) // 4
    return next((size for size in sizes if size * header.kv_bytes <= share), sizes[-1])


def memory_needed(file_bytes: int, kv_bytes: int, context: int) -> int:
    """Bytes of memory a model takes while it runs, with a context of so many tokens: an estimate."""
    return file_bytes + kv_bytes * context + OVERHEAD_BYTES


def lacks_memory(header: GgufFacts, context: int, machine: Machine) -> Lack | None:
    """What is missing for a start; None where there is room or the machine does not tell."""
    needed = memory_needed(header.file_bytes, header.kv_bytes, context)
    if machine.memory and needed > machine.memory:
        return Lack(needed, machine.memory, for_now=False)
    if machine.available and needed > machine.available:
        return Lack(needed, machine.available, for_now=True)
    return None


def amount(count: int) -> str:
    """Bytes for a person, in powers of ten as shops and servers count them."""
    if count < 1e9:
        return f"{count / 1e6:.0f} MB"
    return f"{count / 1e9:.1f} GB" if count < 10e9 else f"{count / 1e9:.0f} GB"


def _number(endpoint: Endpoint, option: str, default: float) -> float:
    value = endpoint.options.get(option)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return default
    return float(value)
