"""The tee must neither change nor lose anything, or the tests that rest on it say nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.editors.lsp_tee import EDITOR, SERVER, Frames, Traffic, until

TEE = Path(__file__).parent / "lsp_tee.py"
ECHO = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()); sys.exit(7)"


def frame(message: object) -> bytes:
    body = json.dumps(message, ensure_ascii=False).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def through_tee(log: Path, data: bytes, server: str = ECHO) -> tuple[bytes, int]:
    command = [sys.executable, str(TEE), str(log), "--", sys.executable, "-c", server]
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=False, timeout=30)
    return done.stdout, done.returncode


def test_bytes_pass_unchanged_and_are_written_down(tmp_path: Path) -> None:
    messages = [{"method": "a", "id": 1, "params": {"text": "😀\u2028\r\n"}}, {"method": "exit"}]
    data = b"".join(map(frame, messages)) + b"Content-Length: 3\r\nX-Other: y\r\n\r\n{]}"
    out, code = through_tee(tmp_path / "log", data)
    assert (out, code) == (data, 7)
    traffic = Traffic(tmp_path / "log")
    for sender in (EDITOR, SERVER):
        said = [entry.message for entry in traffic.entries() if entry.sender == sender]
        assert said == [*messages, {"unparsed": "{]}"}]
    assert traffic.exit_code() == 7
    assert traffic.server_is_gone()


def test_a_large_message_passes(tmp_path: Path) -> None:
    data = frame({"method": "big", "params": "x" * 3_000_000})
    assert through_tee(tmp_path / "log", data)[0] == data
    assert len(Traffic(tmp_path / "log").said(EDITOR, "big")[0].message["params"]) == 3_000_000


def test_the_tee_ends_with_a_server_that_ends_first(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(TEE),
        str(tmp_path / "log"),
        "--",
        sys.executable,
        "-c",
        "raise SystemExit(3)",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tee:
        assert tee.wait(30) == 3


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_frames_are_found_at_every_cut(size: int) -> None:
    bodies = [b"{}", b'{"a": "\\r\\n\\r\\n"}', b"[1]"]
    data = b"".join(b"content-length:%d\r\n\r\n%b" % (len(body), body) for body in bodies)
    frames = Frames()
    assert [body for i in range(0, len(data), size) for body in frames.feed(data[i : i + size])] == bodies


def test_requests_without_exactly_one_answer_are_found(tmp_path: Path) -> None:
    said = [
        ("start", 1),
        ("editor", {"id": 1, "method": "once"}),
        ("editor", {"id": 2, "method": "never"}),
        ("editor", {"id": 3, "method": "twice"}),
        ("editor", {"method": "notification"}),
        ("editor", {"id": 1, "result": None}),
        ("server", {"id": 2, "method": "a request of its own"}),
        ("server", {"id": 1, "result": None}),
        ("server", {"id": 3, "result": None}),
        ("server", {"id": 3, "error": {}}),
    ]
    log = tmp_path / "log"
    lines = [json.dumps({"t": 0, "from": sender, "message": message}) for sender, message in said]
    log.write_text("\n".join(lines) + '\n{"t": 1, "from": "edi')
    traffic = Traffic(log)
    assert [entry.method for entry in traffic.badly_answered()] == ["never", "twice"]
    assert traffic.results("once") == [None]
    assert traffic.exchanges("never")[0][1] is None
    assert traffic.exit_code() is None


def test_waiting_in_vain_fails_with_what_is_there() -> None:
    with pytest.raises(AssertionError, match=r"not within 0 s: a door; a wall"):
        until(lambda: False, "a door", seconds=0.05, seen=lambda: "a wall")
