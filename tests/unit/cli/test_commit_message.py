"""`twinny-lsp commit-message`: a real git, the real server, a stand-in for the model's."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.fake_server import FakeServer, bounded, chat_stream
from twinny_lsp.cli.main import main

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TWINNY_LSP_CONFIG", str(tmp_path / "config.toml"))
    root = tmp_path / "repo"
    root.mkdir()
    monkeypatch.chdir(root)
    subprocess.run(["git", "init", "-q"], check=True)
    return root


def stage(repository: Path, name: str, text: str) -> None:
    (repository / name).write_text(text, encoding="utf-8")
    subprocess.run(["git", "add", "-f", name], cwd=repository, check=True)


async def run(*arguments: str) -> int:
    return await bounded(asyncio.to_thread(main, ["commit-message", *arguments]), 60)


async def test_the_message_and_nothing_else(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage(repository, "net.py", "def get(url, timeout=5): ...\n")
    stage(repository, ".env", "KEY=very-secret\n")
    answer = ["Sure! Here is a message:\n\n```\nfeat(net): add ", "a timeout\n```\n"]
    async with FakeServer() as server:
        server.on("POST", "/v1/chat/completions", chat_stream(answer))
        config = f"[providers.ollama]\nbase_url = '{server.url}'\n[chat]\ncommit_style = 'conventional'\n"
        (repository.parent / "config.toml").write_text(config, encoding="utf-8")
        assert await run("--model", "some-model") == 0
        request = await server.request(0)
    said = capsys.readouterr()
    assert said.out == "feat(net): add a timeout\n"
    assert said.err == "1 of the staged files are held back: no model may see them.\n"
    assert request.json["model"] == "some-model"
    sent = "\n".join(message["content"] for message in request.json["messages"])
    assert "+def get(url, timeout=5): ..." in sent
    assert "type(scope)" in sent
    assert "very-secret" not in sent
    assert ".env" not in sent


async def test_words_for_people_are_no_message(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage(repository, "a.py", "x = 1\n")
    async with FakeServer() as server:
        server.on("POST", "/v1/chat/completions", chat_stream(["I'm sorry, but I cannot do that."]))
        config = f"[providers.ollama]\nbase_url = '{server.url}'\n"
        (repository.parent / "config.toml").write_text(config, encoding="utf-8")
        assert await run() == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "declined" in said.err


def test_what_would_be_sent_needs_no_model(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage(repository, "a.py", "x = 1\n")
    assert main(["commit-message", "--prompt", "--style", "plain"]) == 0
    assert "+x = 1" in capsys.readouterr().out


def test_nothing_to_do_is_told(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["commit-message"]) == 1
    assert "git add" in capsys.readouterr().err
    assert main(["commit-message", "--provider", "nope"]) == 2
    assert "--provider nope" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["settings", "option"])
def test_people_one_does_not_know_are_not_asked(
    repository: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    stage(repository, "a.py", "x = 1\n")
    chosen = "[chat]\nprovider = 'symmetry'\nmodel = 'some-model'\n" if where == "settings" else ""
    config = f"[providers.symmetry]\nopt_in = true\n{chosen}"
    (repository.parent / "config.toml").write_text(config, encoding="utf-8")
    options = [] if chosen else ["--provider", "symmetry", "--model", "some-model"]
    assert main(["commit-message", *options]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "not asked for from symmetry: people you do not know" in said.err
    assert main(["commit-message", "--prompt", *options]) == 0, "nothing is sent for that"
