"""A real llama.cpp server on the tiny FIM model, for tests: the product's own child program, run plainly.

    with run_llama(key="secret") as server: ...        # server.url
    python -m tests.support.servers.llama --key secret # prints READY URL, ends with its standard input

It ends when its standard input ends, with its parent, or after `seconds`, whatever comes first. Not for
testing the embedded provider's life cycle: that is twinny_lsp/providers/embedded itself.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from twinny_lsp.providers.embedded import child as embedded_child
from twinny_lsp.providers.embedded.child import Orders

TINY_MODEL = Path(embedded_child.__file__).parents[2] / "assets" / "tiny-fim-q8_0.gguf"
ALIAS = "tiny-fim"
_FIM_NAMES = (b"fim_pre", b"fim_suf", b"fim_mid")
"""How both the keys that name the tokens and the tokens' texts (`<|fim_prefix|>`) begin."""

_END_NAMES = (b"eot_token_id", b"<|endoftext|", b"<|im_end|")
_END_NAMES += (b"fim_pad", b"fim_rep", b"fim_sep", b"<|repo_name|", b"<|file_sep|")


@dataclass(frozen=True)
class LlamaServer:
    """A running server; `url` has no trailing slash, `key` is "" when none is wanted."""

    url: str
    key: str
    pid: int

    def get(self, path: str) -> Any:
        """GET a JSON document, blocking; for looking at /slots and /props from a test."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        request = urllib.request.Request(self.url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def busy_slots(self) -> int:
        """How many slots are computing at this moment."""
        return sum(slot["is_processing"] for slot in self.get("/slots"))


@contextmanager
def run_llama(
    *,
    model: Path = TINY_MODEL,
    key: str = "",
    context: int = 2048,
    batch: int = 512,
    parallel: int = 2,
    seconds: float = 600.0,
) -> Iterator[LlamaServer]:
    """Start a server on a free loopback port, and stop it on leaving. Raises RuntimeError if it fails."""
    orders = Orders(
        model=str(model),
        key=key,
        alias=ALIAS,
        context=context,
        batch=batch,
        parallel=parallel,
        parent=os.getpid(),
        seconds=seconds,
    )
    command = [sys.executable, "-P", embedded_child.__file__]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline() or b'{"failed": "died"}')
            if "failed" in answer:
                raise RuntimeError(f"llama.cpp did not start: {answer}")
            yield LlamaServer(answer["address"], key, answer["pid"])
        finally:
            process.kill()


def write_model_without_fim(path: Path) -> Path:
    """Copy the tiny model with its FIM tokens renamed, so that llama.cpp answers /infill with 501.

    The new names are as long as the old ones, so the file stays valid.
    """
    data = TINY_MODEL.read_bytes()
    for name in _FIM_NAMES:
        data = data.replace(name, name.replace(b"fim_", b"not_"))
    path.write_bytes(data)
    return path


def write_endless_model(path: Path) -> Path:
    """Copy the tiny model without any token that ends an answer, and with room for a long one.

    An answer then takes its whole context, many seconds: time to cancel it.
    """
    data = bytearray(TINY_MODEL.read_bytes())
    for name in _END_NAMES:
        data = data.replace(name, name[:-1] + b"X")
    _patch(data, b"llama.context_length", 1 << 20)
    # There has to be an end token: padding, which the model never writes.
    _patch(data, b"tokenizer.ggml.eos_token_id", _peek(data, b"tokenizer.ggml.padding_token_id"))
    path.write_bytes(data)
    return path


def _peek(data: bytearray, key: bytes) -> int:
    """The 32-bit value of a GGUF key; it follows the key and the number of its kind."""
    return int(struct.unpack_from("<I", data, data.index(key) + len(key) + 4)[0])


def _patch(data: bytearray, key: bytes, value: int) -> None:
    struct.pack_into("<I", data, data.index(key) + len(key) + 4, value)


def main() -> None:
    """Run one server until standard input ends."""
    parser = argparse.ArgumentParser(description="llama.cpp's server on the tiny FIM model")
    parser.add_argument("--model", type=Path, default=TINY_MODEL)
    parser.add_argument("--key", default="")
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=600.0, help="stop after this long")
    with run_llama(**vars(parser.parse_args())) as server:
        print(f"READY {server.url}", flush=True)
        while sys.stdin.buffer.read(4096):
            pass


if __name__ == "__main__":
    main()
