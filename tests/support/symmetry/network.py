"""The Symmetry network on 127.0.0.1 that the tests use: network.cjs as a child process, and its modules."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twinny_lsp.providers.endpoint import Endpoint, Timeouts
from twinny_lsp.providers.presets import PRESETS
from twinny_lsp.providers.symmetry.setup import ASSETS, LOCK, Node, find_node, install, installed_version

CACHE = Path(__file__).parents[3] / ".cache" / "symmetry"
SCRIPT = Path(__file__).with_name("network.cjs")
FRAMINGS = ("chunks", "text", "events", "emitter")
READY_SECONDS = 60.0
END_SECONDS = 3.0
QUICK = Timeouts(connect=10.0, first_byte=10.0, idle=10.0, total=60.0)
PRESET = PRESETS["symmetry"]


def node() -> Node:
    """The Node.js of this machine. Raises RuntimeError with what to do."""
    found, problem = find_node()
    if found is None:
        raise RuntimeError(problem)
    return found


def modules() -> Path:
    """The sidecar's modules, below `.cache/`; installed from npm's registry when they are not there yet."""
    digest = hashlib.sha256((ASSETS / LOCK).read_bytes()).hexdigest()
    folder = CACHE / digest[:12]
    return folder if installed_version(folder) else install(node(), folder)


@dataclass(slots=True)
class Running:
    """A process of network.cjs: `told` is its first line, `events` what happened since."""

    process: subprocess.Popen[str]
    told: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def bootstrap(self) -> tuple[str, ...]:
        return tuple(self.told["bootstrap"])

    @property
    def server_key(self) -> str:
        return str(self.told["serverKey"])

    def provider_id(self, model: str) -> str:
        return next(str(one["id"]) for one in self.told["providers"] if one["model"] == model)

    def endpoint(self, timeouts: Timeouts = QUICK, **options: object) -> Endpoint:
        """This network as the settings would name it."""
        known = {"bootstrap": self.bootstrap, "server_key": self.server_key}
        return Endpoint(
            "symmetry", "symmetry", "", None, PRESET.chat, timeouts=timeouts, options={**known, **options}
        )

    def seen(self, since: int = 0, **wanted: object) -> list[dict[str, Any]]:
        """The events from number `since` on that have all these values."""
        return [e for e in self.events[since:] if all(e.get(k) == v for k, v in wanted.items())]

    async def until(self, since: int = 0, **wanted: object) -> dict[str, Any]:
        """Wait for such an event; the caller bounds it."""
        while not (found := self.seen(since, **wanted)):
            await asyncio.sleep(0.01)
        return found[0]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))


@contextmanager
def run(folder: Path, *arguments: str) -> Iterator[Running]:
    """Run network.cjs with these arguments until the block ends."""
    command = [node().path, str(SCRIPT), str(folder), *arguments]
    piped = subprocess.PIPE
    process = subprocess.Popen(command, stdin=piped, stdout=piped, stderr=piped, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    reader: threading.Thread | None = None
    timer = threading.Timer(READY_SECONDS, process.kill)
    timer.start()
    try:
        line = process.stdout.readline()
        timer.cancel()
        if not line:
            raise RuntimeError(f"no Symmetry network: {process.stderr.read()[-2000:]}")
        running = Running(process, json.loads(line))
        reader = threading.Thread(target=running._read, daemon=True)
        reader.start()
        yield running
    finally:
        timer.cancel()
        process.stdin.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if reader is not None:
            reader.join(END_SECONDS)
        process.stdout.close()
        process.stderr.close()


def run_provider(network: Running, folder: Path, model: str) -> AbstractContextManager[Running]:
    """One provider more, in a process of its own; `told` has its `id`."""
    return run(folder, "provider", network.bootstrap[0], network.server_key, model)
