"""A language server that is not ours: one word in its menu, after a given time.

    python other_server.py SECONDS WORD

Its menu must not suffer from a model that is slow or silent. Standard library only, since it runs in the
editor's environment. For figures with a real one, there is pyright.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

TRIGGERS = ["."]


def read() -> dict[str, Any] | None:
    """The next message; None at the end."""
    length = 0
    while (line := sys.stdin.buffer.readline().strip()) or not length:
        if not line:
            return None
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    message: dict[str, Any] = json.loads(sys.stdin.buffer.read(length))
    return message


def write(lock: threading.Lock, request: object, result: object) -> None:
    """Answer a request."""
    body = json.dumps({"jsonrpc": "2.0", "id": request, "result": result}).encode()
    with lock:
        sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        sys.stdout.buffer.flush()


def main(seconds: float, word: str) -> None:
    """Answer until the editor says `exit`, or is gone."""
    lock = threading.Lock()
    while (message := read()) is not None and message.get("method") != "exit":
        method, request = message.get("method"), message.get("id")
        if method == "initialize":
            write(lock, request, {"capabilities": {"completionProvider": {"triggerCharacters": TRIGGERS}}})
        elif method == "textDocument/completion":
            result = {"isIncomplete": False, "items": [{"label": word}]}
            late = threading.Timer(seconds, write, (lock, request, result))
            late.daemon = True
            late.start()
        elif request is not None and method:
            write(lock, request, None)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2])
