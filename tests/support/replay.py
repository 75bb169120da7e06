"""Plays a transcript of a real server over a socket, with its own chunks, framing and, if wanted, timing."""

from __future__ import annotations

from tests.support.captures import CUT_MARK, Capture
from tests.support.fake_server import CUT, Reply, Step


def replay(capture: Capture, *, speed: float = 0.0, every: int = 0) -> Reply:
    """The reply of a transcript. `speed` 1 keeps its timing, 0 has none; `every`: bytes a chunk instead."""
    steps: list[Step] = []
    before = 0.0
    for ms, text in capture.chunks:
        if speed and ms > before:
            steps.append((ms - before) / 1000 * speed)
            before = ms
        data = text.encode("utf-8")
        if text == CUT_MARK:
            steps.append(CUT)
        elif every:
            steps += [data[i : i + every] for i in range(0, len(data), every)]
        else:
            steps.append(data)
    headers = {name.lower(): value for name, value in capture.headers}
    framing = "chunked" if "chunked" in headers.get("transfer-encoding", "") or capture.cut else "length"
    alive = headers.get("connection", "").lower() != "close"
    return Reply(
        steps, capture.status, capture.content_type, framing="chunked" if every else framing, keep_alive=alive
    )
