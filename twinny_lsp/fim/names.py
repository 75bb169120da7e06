"""What a model's name says: the bare name, and the words people hang on to it.

`Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF`, `qwen2.5-coder:1.5b-instruct-q8_0` and
`models\\Qwen2.5-Coder-1.5B-Instruct.Q4_K_M.gguf` all are `qwen2.5-coder`, tuned for instructions.
Not for deciding what a model can do: catalogue.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FILE = re.compile(r"\.(?:gguf|ggml|bin|safetensors|llamafile)$")
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_QUANT = re.compile(r"(?<![a-z0-9])(?:i1-)?i?q\d+(?:_[a-z0-9]+)*(?![a-z0-9])")
_SEPARATOR = re.compile(r"[-_\s@]+|(?<!\d)\.|\.(?!\d)")
_SIZE = re.compile(
    r"[ae]?\d+(?:[.p]\d+)?[bmk]|\d+x\d+(?:\.\d+)?b|\d+(?:\.\d+)?bpw|\d+bit|b?f?p?f?(?:16|32)|fp8|int[48]"
)
_PACKING = frozenset(
    ("gguf", "ggml", "awq", "gptq", "exl2", "exl3", "mlx", "mxfp4", "nvfp4", "imat", "ud", "hf", "onnx")
)
_INSTRUCT = frozenset(("instruct", "instruction", "it", "chat", "inst", "assistant", "reasoning", "thinking"))
_BASE = frozenset(("base", "pt", "pretrain", "pretrained", "text"))
_DROPPED = _INSTRUCT | _BASE | {"latest", "sft"}


@dataclass(frozen=True, slots=True)
class ModelName:
    """`stems` are the bare name, and, if the owner may stand before a `_`, the name without it.

    `words` are all parts of the name and its tag, lower case.
    """

    stems: tuple[str, ...]
    words: frozenset[str]

    @property
    def instruct(self) -> bool:
        """The name says that the model is tuned to follow instructions or to chat."""
        return bool(self.words & _INSTRUCT)

    @property
    def base(self) -> bool:
        """The name says that the model only continues text."""
        return not self.instruct and bool(self.words & _BASE)


def model_name(model: str) -> ModelName:
    """Read a model's name as any server or file system writes it."""
    last = model.strip().lower().replace("\\", "/").rstrip("/").rpartition("/")[2]
    name, _, tag = last.partition(":")
    name = _SHARD.sub("", _FILE.sub("", name))
    parts = _parts(name)
    stems = [_stem(parts)]
    owner, underscore, rest = name.partition("_")
    if underscore and owner and not _QUANT.search(owner):
        stems.append(_stem(_parts(rest)))
    return ModelName(tuple(dict.fromkeys(stem for stem in stems if stem)), frozenset((*parts, *_parts(tag))))


def _parts(text: str) -> list[str]:
    return [part for part in _SEPARATOR.split(_QUANT.sub("-", text)) if part]


def _stem(parts: list[str]) -> str:
    kept = [part for part in parts if not (_SIZE.fullmatch(part) or part in _PACKING or part in _DROPPED)]
    return "-".join(kept)
