"""`twinny-lsp pull`: what is printed, and the way from an address to a model in use."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.fake_server import FakeServer, Reply, bounded
from tests.support.servers.llama import TINY_MODEL, write_model_without_fim
from twinny_lsp.cli import pull_command
from twinny_lsp.cli.main import main
from twinny_lsp.cli.pull_command import Meter, listing
from twinny_lsp.providers.embedded.machine import Machine
from twinny_lsp.providers.embedded.store import Store
from twinny_lsp.pull.transfer import Progress

DATA = TINY_MODEL.read_bytes()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the settings."""
    config = tmp_path / "config.toml"
    config.write_text(f"[providers.embedded]\nmodel_directory = '{tmp_path / 'models'}'\n")
    monkeypatch.setenv("TWINNY_LSP_CONFIG", str(config))
    return tmp_path / "models"


async def run(*arguments: str) -> int:
    """Beside the fake server's loop."""
    return await bounded(asyncio.to_thread(main, ["pull", *arguments]), 60)


def file_of(data: bytes) -> Reply:
    return Reply([data], content_type="application/octet-stream", framing="length")


async def test_from_an_address_to_a_model_in_the_list(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with FakeServer() as server:
        server.on("GET", "/x/My-Model.gguf", file_of(DATA))
        url = f"{server.url}/x/My-Model.gguf"
        assert await run(url, "--sha256", hashlib.sha256(DATA).hexdigest()) == 0
        said = capsys.readouterr().out
        assert await run(url) == 0
        again = capsys.readouterr().out
        assert len(server.requests) == 1
    assert (folder / "My-Model.gguf").read_bytes() == DATA
    assert f"My-Model: {url}\n" in said
    assert "got 3.1 MB of 3.1 MB, 100 %" in said
    assert "Its checksum is yours." in said
    assert '[completion]\n    provider = "embedded"\n    model = "My-Model"' in said
    assert "It is there already." in again
    assert await bounded(asyncio.to_thread(main, ["models", "embedded", "--json"])) == 0
    listed = json.loads(capsys.readouterr().out)["models"]
    assert {model["name"]: model["template"] for model in listed} == {
        "My-Model": "native",
        "tiny-fim": "native",
    }


async def test_a_model_that_only_chats_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = write_model_without_fim(folder.parent / "plain.gguf").read_bytes()
    async with FakeServer() as server:
        server.on("GET", "/plain.gguf", file_of(plain))
        assert await run(f"{server.url}/plain.gguf") == 0
    said = capsys.readouterr().out
    assert "no tokens for fill-in-the-middle" in said
    assert "no checksum was told" in said


async def test_a_file_that_is_no_model_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with FakeServer() as server:
        server.on("GET", "/m.gguf", file_of(DATA[:100]))
        assert await run(f"{server.url}/m.gguf") == 1
    assert "is no usable model: it ends within its header. Delete it." in capsys.readouterr().err


async def test_what_goes_wrong_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("zzz") == 1
    async with FakeServer() as server:
        assert await run(f"{server.url}/m.gguf") == 1
    first, second = capsys.readouterr().err.strip().split("\n")
    assert first.startswith("No model zzz is known.")
    assert second.startswith("There is no file at http://127.0.0.1:")


async def test_a_model_that_this_machine_cannot_run_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twinny_lsp.providers.embedded.machine.measure", lambda: Machine(2, 10**8))
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "xllamacpp" else find(name))
    async with FakeServer() as server:
        server.on("GET", "/m.gguf", file_of(DATA))
        assert await run(f"{server.url}/m.gguf") == 0
    said = capsys.readouterr().out
    assert "Note: it needs about 214 MB, and there are 100 MB in all." in said
    assert "Note: the embedded provider needs llama.cpp: `pip install xllamacpp`" in said


async def grown(path: Path, size: int) -> None:
    """Wait until a file has that size."""
    while not path.exists() or path.stat().st_size < size:
        await asyncio.sleep(0.01)


async def test_the_proxy_of_the_settings_is_used(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = folder.parent / "config.toml"
    async with FakeServer() as proxy:
        proxy.on("GET", "http://127.0.0.1:1/m.gguf", file_of(DATA))
        config.write_text(f"{config.read_text()}proxy = '{proxy.url}'\n")
        assert await run("http://127.0.0.1:1/m.gguf") == 0
    config.write_text("[providers.embedded]\nproxy = 'nonsense'\n")
    assert await run("http://127.0.0.1:1/m.gguf") == 1
    assert "proxy cannot be used" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to another process there")
async def test_ctrl_c_keeps_what_came(folder: Path) -> None:
    gate = asyncio.Event()
    headers = [("Content-Length", str(len(DATA))), ("ETag", '"one"')]
    rest = [("Content-Range", f"bytes 500000-{len(DATA) - 1}/{len(DATA)}"), ("ETag", '"one"')]
    async with FakeServer() as server:
        server.on(
            "GET",
            "/m.gguf",
            Reply([DATA[:500_000], gate], headers=headers, framing="close"),
            Reply([DATA[500_000:]], 206, headers=rest, framing="length"),
        )
        command = (sys.executable, "-m", "twinny_lsp", "pull", f"{server.url}/m.gguf")
        pipe = asyncio.subprocess.PIPE

        def hears() -> None:  # a shell starts what runs in the background deaf to it
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, preexec_fn=hears)
        await bounded(grown(folder / "m.gguf.part", 500_000), 30)
        process.send_signal(signal.SIGINT)
        _, said = await bounded(process.communicate(), 30)
        assert process.returncode == 130
        assert said == b"Stopped. What came is kept: the same command goes on from there.\n"
        assert (folder / "m.gguf.part").stat().st_size == 500_000
        assert await run(f"{server.url}/m.gguf") == 0
        assert server.requests[1].headers["range"] == "bytes=500000-"
    assert (folder / "m.gguf").read_bytes() == DATA


# --- the list ---

GB = 10**9


async def test_the_list_needs_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ((), ("--list",), ("--list", "mellum-4b")):
        assert await run(*arguments) == 0
        said = capsys.readouterr().out
        assert "qwen2.5-coder-1.5b-q4  990 MB  1.3 GB" in said
        assert f"Models are kept in {folder}." in said
    assert not folder.exists()


def column(name: str, machine: Machine, store: Store) -> dict[str, str]:
    """One column of the list, by model."""
    head, *rows = listing(store, machine).split("\n\n")[0].split("\n")
    begin = head.index(name)
    return {row.split()[0]: row[begin:].partition("  ")[0] for row in rows}


def test_the_list_tells_what_fits(tmp_path: Path) -> None:
    store = Store(tmp_path)
    wanted = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "qwen2.5-coder-3b", "qwen2.5-coder-7b")
    for machine, expected in (
        (Machine(4, 16 * GB, 12 * GB), ("yes", "yes", "yes", "tight")),
        (Machine(4, 8 * GB, 3 * GB), ("yes", "yes", "not now", "no")),
        (Machine(4, 4 * GB, 4 * GB), ("yes", "yes", "tight", "no")),
        (Machine(4), ("?", "?", "?", "?")),
    ):
        told = column("FITS", machine, store)
        assert tuple(told[name] for name in wanted) == expected


def test_the_list_tells_what_is_there_and_on_what_machine(tmp_path: Path) -> None:
    for name in ("qwen2.5-coder-1.5b-q8_0.gguf", "Mine.gguf"):
        (tmp_path / name).touch()
    machine, store = Machine(1, 8 * GB, 3 * GB), Store(tmp_path)
    pulled = column("PULLED", machine, store)
    assert [name for name, there in pulled.items() if there] == ["qwen2.5-coder-1.5b"]
    lines = listing(store, machine).split("\n")
    assert "Also pulled: Mine." in lines
    assert any(line.startswith("This machine: 1 core, 8.0 GB of memory (3.0 GB free now);") for line in lines)
    assert max(map(len, lines)) <= 110


# --- progress ---


def test_elsewhere_than_on_a_terminal_a_line_comes_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    meter = Meter(terminal=False)
    for done in range(0, 1001):
        meter.show(Progress(done * 10**6, GB))
    for done in range(0, 101):
        meter.show(Progress(done * 10**7, GB, checking=True))
    meter.end()
    lines = capsys.readouterr().out.strip().split("\n")
    assert [line.split(",")[1] for line in lines] == [f" {percent} %" for percent in range(10, 101, 10)] * 2
    assert lines[0].startswith("got 100.0 MB of 1.00 GB, 10 %")
    assert lines[-1] == "checking 1.00 GB of 1.00 GB, 100 %"


def test_on_a_terminal_one_line_is_drawn_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(pull_command.time, "monotonic", lambda: clock[0])
    meter = Meter(terminal=True)
    for done in (0, 50, 100):
        meter.show(Progress(done * 10**6, 4000 * 10**6))
        clock[0] += 1.0
    meter.show(Progress(100 * 10**6, 4000 * 10**6, news="the connection broke; going on in 1 s"))
    meter.show(Progress(150 * 10**6, None))
    meter.end()
    drawn = capsys.readouterr().out
    assert "\rgot 100.0 MB of 4.00 GB, 2 %, 50.0 MB/s, 79 s left" in drawn
    assert "\nthe connection broke; going on in 1 s\n" in drawn
    assert drawn.endswith("\rgot 150.0 MB\n")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (119.5, "2 min"), (600, "10 min"), (3 * 3600 + 61, "3 h 1 min")]
)
def test_time_is_told_in_few_words(seconds: float, words: str) -> None:
    assert pull_command._time(seconds) == words
