"""A simulated model server for the benchmarks: speaks Ollama's API, thinks for a set time, keeps the times.

Not a model, and not for tests (tests/support has a server with faults). A process of its own, so that it
takes no time from the one that measures. Standard library only.

    python -m benchmarks.model [--first-ms 20]         prints its port, ends with its standard input

GET /times gives, for each completion, the clock (`time.perf_counter_ns`, one clock for all processes on
Linux) when its request was there in full and when the last byte that is needed for a line was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

PIECES = ("turn", " compute", "(", "prices", ", ", "tax", ")", "\n", "def", " more", "():")
NEEDED = PIECES.index("\n")
FACTS = {"capabilities": ["completion"], "model_info": {}, "models": []}


class Model(asyncio.Protocol):
    """One connection. `times` is shared by all: [asked, last needed byte] in ns."""

    def __init__(self, first_s: float, times: list[list[int]]) -> None:
        self._first_s, self._times = first_s, times
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
        if len(body) < int(fields.get(b"content-length", b"0")):
            return
        self._buffer = b""
        path = head.split(b" ", 2)[1]
        if path == b"/api/generate":
            times = [time.perf_counter_ns(), 0]
            self._times.append(times)
            asyncio.get_running_loop().call_later(self._first_s, self._begin, times)
        else:
            self._whole(self._times if path == b"/times" else FACTS)

    def _begin(self, times: list[int]) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        self._write(head)
        for index, piece in enumerate(PIECES):
            if index == NEEDED:
                times[1] = time.perf_counter_ns()
            line = json.dumps({"model": "m", "response": piece, "done": False}).encode() + b"\n"
            self._write(b"%x\r\n%b\r\n" % (len(line), line))

    def _whole(self, value: object) -> None:
        body = json.dumps(value).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._write(head + body)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


async def serve(first_ms: float) -> None:
    """Serve on a free port of 127.0.0.1 until standard input ends."""
    times: list[list[int]] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Model(first_ms / 1000, times), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first-ms", type=float, default=20.0, help="from the request to the first byte")
    asyncio.run(serve(parser.parse_args().first_ms))


if __name__ == "__main__":
    main()
