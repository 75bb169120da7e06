"""The parent's side of one llama.cpp child: start it, hear when it is ready or dead, let go of it.

Plain `subprocess` with two small threads instead of asyncio's: it works on every event loop and
platform, and a shared child must be able to outlive this process's loop. Not for: choosing when to
start, sharing (share.py), or talking to the model.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from twinny_lsp.errors import ServerFailure, TimedOut
from twinny_lsp.providers.embedded import child
from twinny_lsp.providers.embedded.child import Orders
from twinny_lsp.providers.embedded.failures import Ending, could_not, ended_early
from twinny_lsp.providers.embedded.machine import oom_kills

TAIL_BYTES = 4096
GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Ready:
    """Where a running child listens. `control` is the port for further leases (0: not shared)."""

    address: str
    key: str = field(repr=False)
    control: int
    pid: int


class ChildProcess:
    """One started child. It ends when `release` is called, unless others hold a lease on it."""

    def __init__(self, orders: Orders, provider: str) -> None:
        self.ready: Ready | None = None
        self.dead = asyncio.Event()
        self._orders, self._provider = orders, provider
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[bytes] = self._loop.create_future()
        self._tail = bytearray()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._oom_kills = oom_kills()

    @property
    def pid(self) -> int:
        """The child's process id, 0 before it is started."""
        return self._process.pid if self._process else 0

    async def start(self, timeout_seconds: float) -> Ready:
        """Start the child and wait until the model is loaded.

        Raises ModelMissing (no such file), Unsupported (no extra, old processor, not a GGUF model),
        TimedOut, or ServerFailure (memory, a damaged or unknown model, a crash) with the end of what the
        child said. On any failure, also when cancelled, no process is left behind.
        """
        try:
            self._spawn()
            try:
                line = await asyncio.wait_for(self._answer, timeout_seconds)
            except TimeoutError:
                message = f"the model was not loaded within {timeout_seconds:.0f} s: {self._orders.alias}"
                raise TimedOut(message, provider=self._provider) from None
            self.ready = await self._understand(line)
            return self.ready
        except BaseException:
            self.kill()
            raise

    def release(self) -> None:
        """Give the lease back: the child ends by itself, or lives on for others when it is shared."""
        if self._process is not None and self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                pass

    async def stop(self) -> None:
        """Release, and see to it that the process is gone; a shared one goes with its last lease."""
        self.release()
        if self._orders.shared:
            return
        try:
            await asyncio.wait_for(self.dead.wait(), GRACE_SECONDS)
        except TimeoutError:
            self.kill()
            await self.dead.wait()
        except asyncio.CancelledError:
            self.kill()
            raise

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        self.release()
        if self._process is not None and self._process.returncode is None:
            self._killed = True
            self._process.kill()

    @property
    def ending(self) -> Ending:
        """How the child ended; right once it is `dead`."""
        code = self._process.returncode if self._process else None
        kills = oom_kills()
        starved = None not in (kills, self._oom_kills) and kills != self._oom_kills
        return Ending(code, self.tail, starved, self._killed)

    @property
    def tail(self) -> str:
        """The last lines the child wrote to its standard error."""
        return bytes(self._tail).decode("utf-8", "replace").strip()

    def _spawn(self) -> None:
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        command = [sys.executable, "-P", str(Path(child.__file__))]
        try:
            process = subprocess.Popen(  # noqa: S603 (our own interpreter and file)
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                creationflags=flags,
                start_new_session=True,  # Ctrl-C in the editor's terminal is not meant for it
                cwd=os.path.abspath(os.sep),  # keeps no folder of the user's busy
            )
        except OSError as error:
            raise ServerFailure(
                f"could not start the embedded model server: {error.strerror}", provider=self._provider
            ) from error
        self._process = process
        for work, pipe in ((self._listen, process.stdout), (self._drain, process.stderr)):
            threading.Thread(target=work, args=(pipe,), name="twinny-embedded", daemon=True).start()
        if process.stdin is not None:
            try:
                process.stdin.write(json.dumps(asdict(self._orders)).encode() + b"\n")
                process.stdin.flush()
            except OSError:
                pass  # it is gone already: the empty answer tells

    async def _understand(self, line: bytes) -> Ready:
        """Turn the child's one line into an address, or into the error it stands for."""
        if not line.endswith(b"\n"):
            await self.dead.wait()
            raise ended_early(self.ending, self._provider)
        answer = json.loads(line)
        if "failed" not in answer:
            return Ready(answer["address"], self._orders.key, answer["control"], answer["pid"])
        await self.dead.wait()
        said = (answer["failed"], answer["message"])
        raise could_not(said, self._orders.model, self.tail, self._provider)

    def _tell(self, callback: Callable[[], object]) -> None:
        """Run `callback` on the loop; a loop that is closed needs to hear nothing."""
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            pass

    def _listen(self, pipe: IO[bytes] | None) -> None:
        if pipe is None:
            return
        with pipe:
            line = pipe.readline(65536)
        self._tell(lambda: None if self._answer.done() else self._answer.set_result(line))

    def _drain(self, pipe: IO[bytes] | None) -> None:
        if pipe is None:
            return
        with pipe:
            while part := os.read(pipe.fileno(), 4096):
                self._tail += part
                del self._tail[:-TAIL_BYTES]
        if self._process is not None:
            self._process.wait()
        self._tell(self.dead.set)
