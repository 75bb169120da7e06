"""One llama.cpp child per user and model, shared by all editors: who has one, and how to join it.

A starter writes where its child listens into a file only this user can read; others connect to the
child's control port and hold that connection as their lease. Nobody's clean exit is needed: the
kernel closes what a dead process held, and a file that points nowhere is found out by trying it.
Not for: starting the child (process.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path

from twinny_lsp.filelock import try_lock
from twinny_lsp.providers.embedded.child import Orders
from twinny_lsp.providers.embedded.failures import Ending
from twinny_lsp.providers.embedded.process import Ready

JOIN_SECONDS = 3.0
POLL_SECONDS = 0.05


class Lease:
    """A hold on a child that another process started."""

    def __init__(self, ready: Ready, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.ready = ready
        self.dead = asyncio.Event()
        self._writer = writer
        self._watch = asyncio.create_task(self._wait_for_end(reader))

    def release(self) -> None:
        """Give the lease back; the child ends with its last one."""
        self._writer.close()

    async def stop(self) -> None:
        """Release, and wait until the connection is really closed."""
        self.release()
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        self.dead.set()
        try:
            await self._writer.wait_closed()
        except OSError:
            pass

    @property
    def ending(self) -> Ending:
        """How the child ended: only its starter knows more."""
        return Ending(None)

    async def _wait_for_end(self, reader: asyncio.StreamReader) -> None:
        try:
            while await reader.read(64):
                pass
        except OSError:
            pass
        self.dead.set()
        self._writer.close()


async def join(ready: Ready) -> Lease | None:
    """Take a lease on the child that `ready` describes; None when it is gone or not ours."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(JOIN_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", ready.control)
            writer.write(ready.key.encode() + b"\n")
            if await reader.readline() == b"ok\n":
                lease, writer = Lease(ready, reader, writer), None
                return lease
    except (OSError, ValueError, OverflowError):  # TimeoutError is an OSError
        pass
    finally:
        if writer is not None:
            writer.close()
    return None


class Board:
    """The file in which a child for one set of orders is announced, and the lock over it."""

    def __init__(self, folder: Path, orders: Orders) -> None:
        name = _fingerprint(orders)
        self._notice = folder / f"embedded-{name}.json"
        self._lock = folder / f"embedded-{name}.lock"

    @asynccontextmanager
    async def locked(self, timeout_seconds: float) -> AsyncIterator[bool]:
        """Hold the lock; yields False when it was not to be had in time. Somebody may be loading."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            end = time.monotonic() + timeout_seconds
            while not (mine := try_lock(descriptor)) and time.monotonic() < end:  # noqa: ASYNC110 (no file lock can be awaited)
                await asyncio.sleep(POLL_SECONDS)
            yield mine
        finally:
            os.close(descriptor)  # which also unlocks

    def read(self) -> Ready | None:
        """What is announced, or None; a damaged notice counts as none."""
        try:
            said = json.loads(self._notice.read_bytes())
            return Ready(str(said["address"]), str(said["key"]), int(said["control"]), int(said["pid"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, ready: Ready) -> None:
        """Announce a child, in one step, readable by this user alone."""
        draft = self._notice.with_suffix(f".{os.getpid()}.new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(ready), file)
        draft.replace(self._notice)

    def remove(self) -> None:
        """Take the announcement down."""
        self._notice.unlink(missing_ok=True)


def board_folder() -> Path | None:
    """The folder for announcements, or None when no folder is this user's alone."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime:
        folder = Path(runtime) / "twinny-lsp"
    else:
        from platformdirs import user_cache_path

        folder = user_cache_path("twinny-lsp", appauthor=False) / "embedded"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32":
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                return None
            folder.chmod(0o700)
    except OSError:
        return None
    return folder


def _fingerprint(orders: Orders) -> str:
    """Equal for orders that one child can serve: the same file, unchanged, with the same sizes."""
    real = os.path.realpath(orders.model)
    try:
        stat = os.stat(real)
        seen = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
    except OSError:
        seen = []
    plain = asdict(replace(orders, model=real, key="", parent=0))
    return hashlib.sha256(json.dumps([plain, seen], sort_keys=True).encode()).hexdigest()[:16]
