"""Embeddings that were computed before: one file a server and model, in the user's cache folder.

A vector is found by a hash of its text; no text is in the file. A file is whole or not there, and one that
cannot be read is as good as none: what is in it can be computed again. For a worker's thread.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from contextlib import suppress
from operator import mul
from pathlib import Path

from twinny_lsp.exchange import Vector

MOST_BYTES = 16 * 2**20
"""Of a file: some 5,000 vectors of 768 numbers. Those that were not used for the longest time go first."""
MOST_FILES = 8
ENDING = ".vectors"
_MAGIC = b"twinny-lsp vectors 1 " + sys.byteorder.encode()
_SIZE_BYTES = 4
_HASH_BYTES = 16
_SAME = 0.99
"""Two vectors of one text are nearer than that, however a server computes them, if it has the same model."""
_STALE_PART_S = 3600.0


class Vectors:
    """What one model has made of texts, the one used last at the end.

    `probe`: what it makes of a text that is always the same. A server may have another model under the
    same name, or under none: its vectors must not be compared with these.
    """

    def __init__(self, probe: Vector, kept: dict[bytes, Vector] | None = None) -> None:
        self.probe = probe
        self._kept = kept or {}

    def made_by(self, probe: Vector) -> bool:
        """Whether these are of the model that makes this vector of the same text."""
        return len(self.probe) == len(probe) and product(self.probe, probe) >= _SAME

    def get(self, text: str) -> Vector | None:
        """The vector of a text, if it is known."""
        key = _hash(text.encode("utf-8", "surrogatepass"))
        found = self._kept.pop(key, None)
        if found is not None:
            self._kept[key] = found
        return found

    def put(self, text: str, vector: Vector) -> None:
        """Keep the vector of a text. Raises ValueError for one that is not as long as the others."""
        if len(vector) != len(self.probe):
            raise ValueError("its vectors are not of one length")
        self._kept[_hash(text.encode("utf-8", "surrogatepass"))] = vector

    def encoded(self) -> bytes:
        """As it stands in a file."""
        return b"".join(self._parts())

    def _parts(self) -> Iterator[bytes]:
        size = len(self.probe)
        head = _MAGIC + size.to_bytes(_SIZE_BYTES, "little") + self.probe.tobytes()
        each = _HASH_BYTES + size * self.probe.itemsize
        most = max(MOST_BYTES - len(head) - _HASH_BYTES, 0) // each
        skipped = max(len(self._kept) - most, 0)
        check = hashlib.blake2b(head, digest_size=_HASH_BYTES)
        yield head
        for at, (key, vector) in enumerate(self._kept.items()):
            if at >= skipped:
                record = key + vector.tobytes()
                check.update(record)
                yield record
        yield check.digest()


def decoded(data: bytes) -> Vectors | None:
    """The vectors of a file; None where it is damaged, or another version's or machine's."""
    begin = len(_MAGIC) + _SIZE_BYTES
    body, check = data[:-_HASH_BYTES], data[-_HASH_BYTES:]
    if not data.startswith(_MAGIC) or _hash(body) != check:
        return None
    size = int.from_bytes(body[len(_MAGIC) : begin], "little") * array("f").itemsize
    probe, records, each = body[begin : begin + size], body[begin + size :], _HASH_BYTES + size
    if len(probe) != size or len(records) % each:
        return None
    kept = {
        records[at : at + _HASH_BYTES]: array("f", records[at + _HASH_BYTES : at + each])
        for at in range(0, len(records), each)
    }
    return Vectors(array("f", probe), kept)


def product(one: Vector, other: Vector) -> float:
    """How near two vectors of one length are, from -1 to 1."""
    return float(sum(map(mul, one, other)))


def folder() -> Path:
    """Where the files are; it need not be there."""
    from platformdirs import user_cache_path

    return user_cache_path("twinny-lsp", appauthor=False) / "embeddings"


def path_for(address: str, model: str) -> Path:
    """The file for a model of a server."""
    name = hashlib.sha256(f"{address}\0{model}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return folder() / f"{name}{ENDING}"


def read(path: Path) -> Vectors | None:
    """The vectors of a file, None where there are none that can be used."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError:
        return None
    return decoded(data) if len(data) <= MOST_BYTES else None


def write(path: Path, vectors: Vectors) -> None:
    """Put them in the place of the file. Where that cannot be done there is no file, and no harm."""
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(".part", path.stem, path.parent)  # for its user's eyes only
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(vectors.encoded())
            os.replace(part, path)
        except OSError:
            os.unlink(part)
            raise
        _tidy(path.parent)


def _tidy(where: Path) -> None:
    """Remove the files of models that were not used for the longest time, and what a crash has left."""
    files = sorted(where.glob(f"*{ENDING}"), key=lambda one: one.stat().st_mtime, reverse=True)
    now = time.time()
    parts = [one for one in where.glob("*.part") if now - one.stat().st_mtime > _STALE_PART_S]
    for one in (*files[MOST_FILES:], *parts):
        one.unlink(missing_ok=True)


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_HASH_BYTES).digest()
