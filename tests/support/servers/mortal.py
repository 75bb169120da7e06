"""An Ollama of sorts in a process of its own, to be killed in mid-answer and started again at its address.

It takes half a second for an answer, in pieces, and writes a line for each request to a file, so that what
came before it was killed is still known.

    python -m tests.support.servers.mortal PORT FILE
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PIECES = ("com", "pute", "(", "prices", ")", "\n")
PIECE_S = 0.1
ROOT = Path(__file__).parents[3]
FACTS = {"/api/version": {"version": "0.12.0"}, "/api/show": {"capabilities": ["completion"]}}


class Handler(BaseHTTPRequestHandler):
    """One connection; HTTP/1.1 keeps it open, as Ollama does."""

    protocol_version = "HTTP/1.1"
    noted: Path

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer()

    def log_message(self, *_: Any) -> None:
        return None

    def _answer(self) -> None:
        with self.noted.open("a", encoding="utf-8") as file:
            file.write(f"{time.time():.3f} {self.path}\n")
        if self.path != "/api/generate":
            body = json.dumps(FACTS.get(self.path, {"models": []})).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for piece in PIECES:
                self._chunk({"response": piece, "done": False})
                time.sleep(PIECE_S)
            self._chunk({"response": "", "done": True, "done_reason": "stop"})
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True  # who asked has gone

    def _chunk(self, value: object) -> None:
        line = json.dumps(value).encode() + b"\n"
        self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
        self.wfile.flush()


class Mortal:
    """The process. `port` stays the same over its lives."""

    def __init__(self, folder: Path) -> None:
        self._noted = folder / "requests.txt"
        self._noted.touch()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; returns when it listens."""
        argv = [sys.executable, "-m", "tests.support.servers.mortal", str(self.port), str(self._noted)]
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(*argv, stdout=pipe, cwd=ROOT)
        assert self._process.stdout is not None
        await self._process.stdout.readline()

    async def kill(self) -> None:
        """As the machine does it when memory runs out: nothing is said, and the sockets are gone."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    def requests(self) -> list[str]:
        """The paths asked for so far, over all lives."""
        return [line.split()[1] for line in self._noted.read_text(encoding="utf-8").split("\n") if line]

    async def asked(self, path: str, times: int = 1) -> None:
        """Wait until that was asked for so often; the caller bounds it."""
        while self.requests().count(path) < times:
            await asyncio.sleep(0.01)

    async def __aenter__(self) -> Mortal:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


def main() -> None:
    """Serve until killed."""
    Handler.noted = Path(sys.argv[2])
    server = _Server(("127.0.0.1", int(sys.argv[1])), Handler)
    print("listening", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
