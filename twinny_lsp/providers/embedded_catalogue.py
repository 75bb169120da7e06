"""Models that fill in the middle well, by size: the names `twinny-lsp pull` knows.

Base models, not instructed ones: they were trained to fill in the middle. Sizes are rounded and only there to
choose by; what a server tells of its file holds. No checksums: the servers tell those of their files.
Not for what is on this machine: that is embedded_store.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from twinny_lsp.providers.embedded_options import memory_needed

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
    licence: str
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
_APACHE = "Apache-2.0"
_RESEARCH = "Qwen Research (not commercial)"

KNOWN = (
    KnownModel(
        "qwen2.5-coder-0.5b",
        _QWEN.format("0.5B"),
        "qwen2.5-coder-0.5b-q8_0.gguf",
        530_000_000,
        12_288,
        _APACHE,
        "quick on any processor; simple lines",
    ),
    KnownModel(
        "qwen2.5-coder-1.5b-q4",
        "QuantFactory/Qwen2.5-Coder-1.5B-GGUF",
        "Qwen2.5-Coder-1.5B.Q4_K_M.gguf",
        990_000_000,
        28_672,
        _APACHE,
        "the first to try without a graphics card",
    ),
    KnownModel(
        "qwen2.5-coder-1.5b",
        _QWEN.format("1.5B"),
        "qwen2.5-coder-1.5b-q8_0.gguf",
        1_650_000_000,
        28_672,
        _APACHE,
        "a little better, a little slower",
    ),
    KnownModel(
        "qwen2.5-coder-3b-q4",
        "bartowski/Qwen2.5-Coder-3B-GGUF",
        "Qwen2.5-Coder-3B-Q4_K_M.gguf",
        1_930_000_000,
        36_864,
        _RESEARCH,
        "good; wants a quick processor",
    ),
    KnownModel(
        "qwen2.5-coder-3b",
        _QWEN.format("3B"),
        "qwen2.5-coder-3b-q8_0.gguf",
        3_290_000_000,
        36_864,
        _RESEARCH,
        "good; wants a quick processor",
    ),
    KnownModel(
        "mellum-4b",
        "JetBrains/Mellum-4b-base-gguf",
        "mellum-4b-base.Q8_0.gguf",
        4_270_000_000,
        368_640,
        _APACHE,
        "made for completion alone; its context takes much memory",
    ),
    KnownModel(
        "qwen2.5-coder-7b-q4",
        "QuantFactory/Qwen2.5-Coder-7B-GGUF",
        "Qwen2.5-Coder-7B.Q4_K_M.gguf",
        4_680_000_000,
        57_344,
        _APACHE,
        "the best here; too slow for typing on most laptops",
    ),
    KnownModel(
        "qwen2.5-coder-7b",
        _QWEN.format("7B"),
        "qwen2.5-coder-7b-q8_0.gguf",
        8_100_000_000,
        57_344,
        _APACHE,
        "the best here; too slow for typing on most laptops",
    ),
)


def known(name: str) -> KnownModel | None:
    """The model of that name; Ollama's way to write it (`qwen2.5-coder:1.5b-base`) is understood."""
    plain = name.strip().lower().replace(":", "-").removesuffix("-base")
    return next((model for model in KNOWN if model.name == plain), None)
