"""A file that is not whole yet: its bytes so far, a note of what it is a part of, and a lock.

`NAME.part` and `NAME.part.json` lie beside the file they become; the file itself appears in one step, whole.
Not for the network.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from twinny_lsp.errors import PullError
from twinny_lsp.filelock import try_lock

_READ_BYTES = 1 << 22
_NO_SPACE = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Note:
    """What a part is a part of. `sha256` and `etag` are "" and `total` is None where nobody told."""

    url: str
    sha256: str = ""
    etag: str = ""
    total: int | None = None


class NoSpace(PullError):
    """The disk is full; the part stays."""


class Part:
    """The bytes of `target` so far. Use it inside `with part.opened():`."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        self._descriptor = -1
        self.size = 0
        self.note: Note | None = None

    @contextmanager
    def opened(self) -> Iterator[Part]:
        """Open what there is, or make a new part. Raises PullError.

        What came is on the disk afterwards; where nothing came, nothing is left.
        """
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            self._descriptor = os.open(self.path, flags, 0o644)
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        try:
            self.size = os.lseek(self._descriptor, 0, os.SEEK_END)
            self.note = self._read_note() if self.size else None
            yield self
        finally:
            self._close()
            if not self.size:
                self.discard()

    def begin(self, note: Note) -> None:
        """From the start, as a part of what `note` says."""
        try:
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            self.size = 0
            self.describe(note)
        except OSError as error:
            raise _cannot_write(self.path, error) from error

    def describe(self, note: Note) -> None:
        """Remember what it is a part of."""
        self._note.write_text(json.dumps(asdict(note)), encoding="utf-8")
        self.note = note

    def append(self, data: bytes) -> None:
        """Write at the end. Raises NoSpace, PullError."""
        view = memoryview(data)
        try:
            while view:
                written = os.write(self._descriptor, view)
                view = view[written:]
                self.size += written
        except OSError as error:
            if error.errno in _NO_SPACE:
                raise NoSpace(f"The disk of {self.path.parent} is full.") from error
            raise _cannot_write(self.path, error) from error

    def first(self, count: int) -> bytes:
        """The first bytes."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        data = os.read(self._descriptor, count)
        os.lseek(self._descriptor, 0, os.SEEK_END)
        return data

    def blocks(self) -> Iterator[bytes]:
        """All that is there, a few megabytes at a time."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        while data := os.read(self._descriptor, _READ_BYTES):
            yield data

    def finish(self) -> None:
        """Make it the file: written to the disk, then renamed in one step."""
        try:
            self._close()
            os.replace(self.path, self.target)
        except OSError as error:
            raise _cannot_write(self.target, error) from error
        self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        """Throw it away."""
        self._close()
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _read_note(self) -> Note | None:
        try:
            said = json.loads(self._note.read_bytes())
            return Note(
                str(said["url"]),
                str(said["sha256"]),
                str(said["etag"]),
                None if said["total"] is None else int(said["total"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """Be the only one that gets `target`. Raises PullError when another process does."""
    path = target.with_name(f"{target.name}.lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        if not try_lock(descriptor) or not _is_still(path, descriptor):
            raise PullError(f"{target.name} is being pulled by another process.")
        try:
            yield
        finally:
            with suppress(OSError):  # Windows does not let go of a file that is open
                path.unlink()
    finally:
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """False where one that was just ending took the file away between our opening and locking it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _cannot_write(path: Path, error: OSError) -> PullError:
    return PullError(f"Cannot write {path}: {error.strerror or error}")
