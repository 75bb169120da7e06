"""When the server ends, with which exit code, and what is cleaned up. Not for starting things.

Exit codes: 0 when `shutdown` came before the end, 1 when it did not (LSP, `exit`), also when the client or
its process went away; 128 + number for a signal, as a shell reports it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

logger = logging.getLogger(__name__)

CLEAN_UP_S = 2.0
PARENT_POLL_S = 2.0

Cleanup = Callable[[], Awaitable[object]]


class Lifecycle:
    """One server's end. `stop` may be called by anyone, any number of times; the first call decides."""

    def __init__(self) -> None:
        self.shutdown_requested = False
        self.reason = ""
        self._code: int | None = None
        self._stopped = asyncio.Event()
        self._cleanups: list[Cleanup] = []

    def on_shutdown(self, callback: Cleanup) -> None:
        """Register an async function to run once at the end, bounded in time with all others together."""
        self._cleanups.append(callback)

    def stop(self, reason: str, code: int | None = None) -> None:
        """End the server; without `code` it is 0 after `shutdown`, else 1."""
        if self._stopped.is_set():
            return
        logger.info("ending: %s", reason)
        self.reason = reason
        self._code = code
        self._stopped.set()

    def is_stopping(self) -> bool:
        """True once `stop` was called."""
        return self._stopped.is_set()

    @property
    def exit_code(self) -> int:
        """What the process should exit with."""
        if self._code is not None:
            return self._code
        return 0 if self.shutdown_requested else 1

    async def stopped(self) -> None:
        """Wait for `stop`."""
        await self._stopped.wait()

    async def clean_up(self, timeout_s: float = CLEAN_UP_S) -> None:
        """Run the registered functions side by side; after `timeout_s` those still running are cancelled."""
        callbacks, self._cleanups = self._cleanups, []
        if not callbacks:
            return
        tasks = [asyncio.ensure_future(_guarded(callback)) for callback in reversed(callbacks)]
        _, late = await asyncio.wait(tasks, timeout=timeout_s)
        for task in late:
            logger.warning("cleaning up took longer than %.1f s and was cut off", timeout_s)
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=0.5)


async def _guarded(callback: Cleanup) -> None:
    try:
        await callback()
    except Exception as error:
        logger.warning("cleaning up failed: %s", type(error).__name__)


@contextlib.contextmanager
def signals_end(lifecycle: Lifecycle) -> Iterator[None]:
    """While it holds, SIGINT, SIGTERM and SIGHUP (Windows: SIGINT, SIGBREAK) end the server.

    Main thread only, with a running loop.
    """
    loop = asyncio.get_running_loop()

    def handle(number: int, _: object = None) -> None:
        loop.call_soon_threadsafe(lifecycle.stop, signal.Signals(number).name, 128 + number)

    names = ("SIGINT", "SIGBREAK") if sys.platform == "win32" else ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names]
    # `nohup` asks to outlive the terminal; SIGINT is taken in any case, a shell's `&` ignores it for us.
    numbers = [
        n for n in numbers if signal.Signals(n).name != "SIGHUP" or signal.getsignal(n) != signal.SIG_IGN
    ]
    if sys.platform == "win32":
        before = {number: signal.signal(number, handle) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    else:
        for number in numbers:
            loop.add_signal_handler(number, handle, number)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


async def watch_parent(
    lifecycle: Lifecycle,
    process_id: int | None,
    poll_s: float = PARENT_POLL_S,
    alive: Callable[[int], bool] | None = None,
) -> None:
    """End the server when the client's process is gone (`processId` of `initialize`), even with stdin open.

    A process that is not there at the start is not watched: a client in another container or on another
    machine gives a number that means nothing here. Then, and without a number, our own parent is watched.
    """
    is_alive = alive or process_alive
    parent = os.getppid()
    watched = process_id is not None and process_id > 0 and is_alive(process_id)
    while not lifecycle.is_stopping():
        await asyncio.sleep(poll_s)
        if watched:
            assert process_id is not None  # noqa: S101 - part of `watched`
            if not is_alive(process_id):
                lifecycle.stop("the client's process is gone")
        elif os.getppid() != parent:
            lifecycle.stop("the parent process is gone")


def process_alive(process_id: int) -> bool:
    """True while that process exists, also when it belongs to somebody else."""
    if sys.platform == "win32":
        return _process_alive_windows(process_id)
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        # Not ours, but there; or a number no process can have, of which nothing can be said.
        return True
    return True


def _process_alive_windows(process_id: int, kernel32: Any = None) -> bool:
    """As process_alive; os.kill(pid, 0) would *end* the process there."""
    if kernel32 is None:
        import ctypes

        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    synchronize, access_denied, wait_timeout = 0x00100000, 5, 0x00000102
    handle = kernel32.OpenProcess(synchronize, False, process_id)
    if not handle:
        return bool(kernel32.GetLastError() == access_denied)
    try:
        return bool(kernel32.WaitForSingleObject(handle, 0) == wait_timeout)
    finally:
        kernel32.CloseHandle(handle)
