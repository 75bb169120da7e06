"""Models that fill in the middle well, by size: the names `twinny-lsp pull` knows.

Base models, not instructed ones: they were trained to fill in the middle. Sizes are rounded and only there to
choose by; what a server tells of its file holds. No checksums: the servers tell those of their files.
Licences are Apache 2.0 but for Qwen2.5-Coder 3B.
Not for what is on this machine: that is store.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from twinny_lsp.providers.embedded.options import memory_needed

_SITE = "https://huggingface.co"
CONTEXT_TOKENS = 4096
"""The context for which memory is told."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One model; `file_bytes` is rounded, `kv_bytes` is what a token of context takes in memory."""

    name: str
    repository: str
    file: str
    file_bytes: int
    kv_bytes: int
    note: str

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{_SITE}/{self.repository}/resolve/main/{self.file}"

    @property
    def memory(self) -> int:
        """Bytes it takes while it runs, with a context of CONTEXT_TOKENS."""
        return memory_needed(self.file_bytes, self.kv_bytes, CONTEXT_TOKENS)


_QWEN = "ggml-org/Qwen2.5-Coder-{}-Q8_0-GGUF"

KNOWN = (
    KnownModel(
        "qwen2.5-coder-0.5b",
        _QWEN.format("0.5B"),
        "qwen2.5-coder-0.5b-q8_0.gguf",
        530_000_000,
        12_288,
        "quick; for simple lines",
    ),
    KnownModel(
        "qwen2.5-coder-1.5b-q4",
        "QuantFactory/Qwen2.5-Coder-1.5B-GGUF",
        "Qwen2.5-Coder-1.5B.Q4_K_M.gguf",
        990_000_000,
        28_672,
        "the first to try",
    ),
    KnownModel(
        "qwen2.5-coder-1.5b",
        _QWEN.format("1.5B"),
        "qwen2.5-coder-1.5b-q8_0.gguf",
        1_650_000_000,
        28_672,
        "a little better and slower",
    ),
    KnownModel(
        "qwen2.5-coder-3b-q4",
        "bartowski/Qwen2.5-Coder-3B-GGUF",
        "Qwen2.5-Coder-3B-Q4_K_M.gguf",
        1_930_000_000,
        36_864,
        "good, on a quick machine; not for commercial use",
    ),
    KnownModel(
        "qwen2.5-coder-3b",
        _QWEN.format("3B"),
        "qwen2.5-coder-3b-q8_0.gguf",
        3_290_000_000,
        36_864,
        "good, on a quick machine; not for commercial use",
    ),
    KnownModel(
        "mellum-4b",
        "JetBrains/Mellum-4b-base-gguf",
        "mellum-4b-base.Q8_0.gguf",
        4_270_000_000,
        368_640,
        "made for completion; its context takes much memory",
    ),
    KnownModel(
        "qwen2.5-coder-7b-q4",
        "QuantFactory/Qwen2.5-Coder-7B-GGUF",
        "Qwen2.5-Coder-7B.Q4_K_M.gguf",
        4_680_000_000,
        57_344,
        "the best here, but slow on a laptop",
    ),
    KnownModel(
        "qwen2.5-coder-7b",
        _QWEN.format("7B"),
        "qwen2.5-coder-7b-q8_0.gguf",
        8_100_000_000,
        57_344,
        "the best here, but slow on a laptop",
    ),
)


def known(name: str) -> KnownModel | None:
    """The model of that name; Ollama's way to write it (`qwen2.5-coder:1.5b-base`) is understood."""
    plain = name.strip().lower().replace(":", "-").removesuffix("-base")
    return next((model for model in KNOWN if model.name == plain), None)
