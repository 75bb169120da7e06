"""What the settings say about the embedded model, with what was left out chosen for this machine.

Not for starting anything: this is arithmetic over an Endpoint's options and a model's header.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from twinny_lsp.providers.embedded_child import Orders
from twinny_lsp.providers.embedded_gguf import GgufFacts
from twinny_lsp.providers.endpoint import Endpoint

TINY_MODEL = "tiny-fim-q8_0.gguf"
DEFAULT_CONTEXT_TOKENS = 4096
MIN_BATCH_TOKENS = 32
IDLE_SECONDS = 600.0
MAX_THREADS = 8


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
    def of(cls, endpoint: Endpoint) -> EmbeddedOptions:
        """Read the options; what is no usable value counts as left out (the settings have said so)."""
        chosen = endpoint.options.get("model_path")
        path = Path(__file__).parent.parent / "assets" / TINY_MODEL
        if isinstance(chosen, str) and chosen:
            path = Path(chosen).expanduser().absolute()
        return cls(
            path=path,
            context=int(_number(endpoint, "context_tokens", 0)),
            batch=int(_number(endpoint, "batch_tokens", 0)),
            threads=int(_number(endpoint, "threads", 0)),
            idle_seconds=_number(endpoint, "idle_seconds", IDLE_SECONDS),
            share=endpoint.options.get("share", True) is not False,
        )

    def orders(self, header: GgufFacts) -> Orders:
        """What the child is told, with a fresh key.

        The context is the model's own up to a modest limit, and a batch is half of it: llama.cpp gives
        other files' text no room in /infill unless the context is larger than the batch, and slides its
        window (so that nothing of it is reused) past 3/4 of a batch.
        """
        context = self.context or min(header.context_tokens or DEFAULT_CONTEXT_TOKENS, DEFAULT_CONTEXT_TOKENS)
        batch = self.batch or context // 2
        return Orders(
            model=str(self.path),
            key=secrets.token_urlsafe(24),
            alias=self.path.stem,
            context=context,
            batch=max(MIN_BATCH_TOKENS, min(batch, context)),
            threads=self.threads or default_threads(),
            parent=os.getpid(),
        )


def default_threads() -> int:
    """Half of the physical cores, 1 to 8: the editor and its other servers need the rest."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = set()
    for listed in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/topology/thread_siblings_list"):
        try:
            cores.add(listed.read_text(encoding="ascii").strip())
        except OSError:
            return max(1, min(MAX_THREADS, usable // 2))
    return max(1, min(MAX_THREADS, min(usable, len(cores) or usable) // 2))


def _number(endpoint: Endpoint, option: str, default: float) -> float:
    value = endpoint.options.get(option)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return default
    return float(value)
