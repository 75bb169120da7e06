from __future__ import annotations

import asyncio
import io
import os
import sys
from pathlib import Path

import pytest

from tests.support.fake_server import FakeServer, bounded, chat_stream, json_reply
from twinny_lsp.cli.main import main


async def test_the_answer_streams_to_stdout(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    gate = asyncio.Event()
    pipe = asyncio.subprocess.PIPE
    async with FakeServer() as server:
        server.on("POST", "/v1/chat/completions", chat_stream(["Hel", gate, "lo ", "Ünï"]))
        config.write_text(f"[providers.ollama]\nbase_url = '{server.url}'\n")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "twinny_lsp", "chat", "-", "--model", "some-model"),
            stdin=pipe, stdout=pipe, stderr=pipe,
            env={**os.environ, "TWINNY_LSP_CONFIG": str(config), "PYTHONIOENCODING": "utf-8"},
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"What is\nthis?")
        process.stdin.close()
        first = await bounded(process.stdout.readexactly(3), 60)
        gate.set()
        rest, err = await bounded(process.communicate(), 60)
        request = await server.request(0)
    assert first == b"Hel"
    assert rest.decode() == "lo Ünï\n"
    assert err == b""
    assert process.returncode == 0
    assert request.json["model"] == "some-model"
    assert request.json["messages"][-1]["content"] == "What is\nthis?"


async def test_a_failure_is_told_on_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    monkeypatch.setenv("TWINNY_LSP_CONFIG", str(config))
    async with FakeServer() as server:
        error = {"message": "model 'nope' not found", "type": "not_found_error"}
        server.on("POST", "/v1/chat/completions", json_reply({"error": error}, 404))
        config.write_text(f"[providers.ollama]\nbase_url = '{server.url}'\n")
        code = await bounded(asyncio.to_thread(main, ["chat", "hello", "--model", "nope"]), 60)
    said = capsys.readouterr()
    assert code == 1
    assert said.out == ""
    assert "`ollama pull nope`" in said.err


def test_nothing_to_ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(" \n"))
    assert main(["chat", "-"]) == 2
    assert "nothing to ask" in capsys.readouterr().err
    assert main(["chat", "hi", "--provider", "nope"]) == 2
    assert "--provider nope" in capsys.readouterr().err
