"""Starting a real server program for a test, and asking through the command line as a user would."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_S = 180.0
"""LiteLLM takes 11 to 41 s, Open WebUI about a minute, the first time."""


def program(name: str) -> str:
    """The path of a program in the environment that `tools.live` made."""
    return str(Path(os.environ["LIVE_PROGRAMS"]) / name)


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(
    command: list[str],
    variables: Mapping[str, str],
    ready: str,
    log: Path,
    stop: Callable[[subprocess.Popen[bytes]], None] = subprocess.Popen.terminate,
) -> Iterator[None]:
    """Run a server until the block ends; it is ready when `ready` answers. Raises RuntimeError if it dies."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **variables}, stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
        try:
            until = time.monotonic() + START_S
            while not _answers(ready):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"it did not start: {log.read_text(errors='replace')[-3000:]}")
                time.sleep(0.5)
            yield
        finally:
            stop(process)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def post(url: str, body: Any, key: str = "") -> Any:
    """One JSON question and its answer."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(url, json.dumps(body).encode() if body is not None else b"", headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def twinny(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`twinny-lsp …` with these settings, as its own process."""
    return subprocess.run(
        [sys.executable, "-m", "twinny_lsp", *arguments],
        env={**os.environ, "TWINNY_LSP_CONFIG": str(config)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
