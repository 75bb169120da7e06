"""What a GGUF file says of itself, read from its header alone: no model is loaded for it.

Used to tell the context size, the memory it needs and whether a model knows fill-in-the-middle before any
process is started. Not for: weights, tensors, or writing.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"GGUF"
# The kinds of value that have a fixed size, by their number in the file.
_FORMATS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_SIZES = {kind: struct.calcsize("<" + letter) for kind, letter in _FORMATS.items()}
_STRING, _ARRAY = 8, 9
_LENGTH = struct.Struct("<Q")
_KIND = struct.Struct("<I")

# The texts by which llama.cpp finds the prefix, suffix and middle tokens where the file does not name them.
_FIM_TEXTS = tuple(
    frozenset(text.encode() for text in texts.split())
    for texts in (
        "<|fim_prefix|> <fim-prefix> <fim_prefix> <PRE> ▁<PRE> <｜fim▁begin｜> <|code_prefix|> <|prefix|>",
        "<|fim_suffix|> <fim-suffix> <fim_suffix> <SUF> ▁<SUF> <｜fim▁hole｜> <|code_suffix|> <|suffix|>",
        "<|fim_middle|> <fim-middle> <fim_middle> <MID> ▁<MID> <｜fim▁end｜> <|code_middle|> <|middle|>",
    )
)
_FIM_KEYS = (
    frozenset({"tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"}),
    frozenset({"tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"}),
    frozenset({"tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"}),
)


_ALIGNMENT = 32
"""Where a file does not say how tensors are aligned, in bytes."""


class NotGguf(ValueError):
    """The file is not a GGUF model, or its header is damaged."""


class NotWhole(NotGguf):
    """It begins as a model, but its end is missing."""


@dataclass(frozen=True, slots=True)
class GgufFacts:
    """`context_tokens` is the size the model was trained on (0: not told); `insert`: it has FIM tokens.

    `file_bytes` is the size of the file, `kv_bytes` what one token of context takes in memory, at most (0:
    not told).
    """

    name: str
    architecture: str
    context_tokens: int
    insert: bool
    chat_template: str | None
    file_bytes: int = 0
    kv_bytes: int = 0


class _Header:
    """A cursor over the header's key-value pairs."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 8
        self.fim = [False, False, False]
        self.values: dict[str, object] = {}

    def read(self) -> None:
        """Walk all pairs; keeps the scalars and notes the FIM tokens. Then look for the tensors."""
        if self._data[:4] != MAGIC:
            raise NotGguf("it does not begin as one")
        version = _KIND.unpack_from(self._data, 4)[0]
        if version not in (2, 3):
            raise NotGguf(f"it is of version {version} of that format; known are 2 and 3")
        tensors = self._length()
        for _ in range(self._length()):
            key = self._string().decode("utf-8", "replace")
            kind = self._kind()
            for place, keys in enumerate(_FIM_KEYS):
                self.fim[place] |= key in keys
            if kind == _ARRAY:
                self._array(key)
            else:
                self.values[key] = self._scalar(kind)
        self._look_for(tensors)

    def _look_for(self, tensors: int) -> None:
        """Raise NotWhole when the last of so many tensors begins behind the file's end."""
        if not tensors:
            return
        last = 0
        for _ in range(tensors):
            self._skip(self._length())  # its name
            self._skip(8 * self._kind() + 4)  # its dimensions and type
            last = max(last, self._length())
        alignment = self.values.get("general.alignment", _ALIGNMENT)
        step = alignment if isinstance(alignment, int) and alignment > 0 else _ALIGNMENT
        if -(-self._at // step) * step + last >= len(self._data):
            raise NotWhole("it ends before its last tensor")

    def _skip(self, size: int) -> int:
        at = self._at
        self._at += size
        if size < 0 or self._at > len(self._data):
            raise NotWhole("it ends within its header")
        return at

    def _length(self) -> int:
        return int(_LENGTH.unpack_from(self._data, self._skip(8))[0])

    def _kind(self) -> int:
        return int(_KIND.unpack_from(self._data, self._skip(4))[0])

    def _string(self) -> bytes:
        size = self._length()
        at = self._skip(size)
        return self._data[at : at + size]

    def _scalar(self, kind: int) -> object:
        if kind == _STRING:
            return self._string().decode("utf-8", "replace")
        if kind not in _FORMATS:
            raise NotGguf(f"a value of unknown kind {kind}")
        return struct.unpack_from("<" + _FORMATS[kind], self._data, self._skip(_SIZES[kind]))[0]

    def _array(self, key: str) -> None:
        kind, count = self._kind(), self._length()
        if kind in _SIZES:
            self._skip(_SIZES[kind] * count)
            return
        if kind != _STRING:
            raise NotGguf(f"an array of kind {kind}")
        if key != "tokenizer.ggml.tokens":
            for _ in range(count):
                self._skip(self._length())
            return
        wanted = {text: place for place, texts in enumerate(_FIM_TEXTS) for text in texts}
        for _ in range(count):
            place = wanted.get(self._string())
            if place is not None:
                self.fim[place] = True


def read_facts(path: Path) -> GgufFacts:
    """Read the header of the model at `path`.

    Blocks (0.1 s for a vocabulary of 150,000), so call it off the event loop. Raises OSError when the file
    cannot be read, NotWhole when its end is missing, NotGguf when it is something else.
    """
    with path.open("rb") as file:
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise NotGguf("the file is empty") from error
        with data:
            header = _Header(data)
            try:
                header.read()
            except struct.error as error:
                raise NotWhole("it ends within its header") from error
    values = header.values
    architecture = str(values.get("general.architecture", ""))

    def number(key: str) -> int:
        value = values.get(f"{architecture}.{key}")
        return value if isinstance(value, int) else 0

    template = values.get("tokenizer.chat_template")
    return GgufFacts(
        name=str(values.get("general.name", "")),
        architecture=architecture,
        context_tokens=number("context_length"),
        insert=all(header.fim),
        chat_template=template if isinstance(template, str) else None,
        file_bytes=path.stat().st_size,
        kv_bytes=_kv_bytes(number),
    )


def _kv_bytes(number: Callable[[str], int]) -> int:
    """Keys and values of one token over all layers, two bytes a number, as llama.cpp keeps them."""
    heads = number("attention.head_count")
    length = number("embedding_length") // heads if heads else 0
    keys, values = number("attention.key_length") or length, number("attention.value_length") or length
    return number("block_count") * (number("attention.head_count_kv") or heads) * (keys + values) * 2
