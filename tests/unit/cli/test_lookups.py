"""doctor, models, templates and config, in this process."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest

from tests.support.fake_server import FakeServer, bounded
from tests.unit.doctor.brands import BRANDS, TEXT, THERE
from twinny_lsp.cli.console import out
from twinny_lsp.cli.main import main

KEY = "sk-very-secret-0123456789"
HINTED = """
[completion]
provider = "vllm"
model = "m"
[providers.vllm]
api_key = "{key}"
api_key_command = ["print-key", "{key}"]
[providers.vllm.headers]
X-Secret = "{key}"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "config.toml"
    monkeypatch.setenv("TWINNY_LSP_CONFIG", str(file))
    return file


async def run(*arguments: str) -> int:
    """Beside the fake server's loop."""
    return await bounded(asyncio.to_thread(main, list(arguments)), 60)


async def test_doctor(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with FakeServer() as server:
        BRANDS["vllm"](server)
        chosen = f"provider = 'vllm'\nmodel = '{THERE}'\n"
        text = f"[completion]\n{chosen}[chat]\n{chosen}[providers.vllm]\nbase_url = '{server.url}'\n"
        config.write_text(text)
        assert await run("doctor") == 0
        report = capsys.readouterr().out
        assert await run("doctor", "--json") == 0
        value = json.loads(capsys.readouterr().out)
        await server.stop_listening()
        assert await run("doctor") == 1
    assert TEXT in report
    assert server.url in report
    assert value["trial"]["text"] == TEXT
    assert "`vllm serve MODEL`" in capsys.readouterr().out


async def test_models(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with FakeServer() as server:
        BRANDS["ollama"](server, [THERE, "nomic-embed-text:latest"])
        config.write_text(f"[providers.ollama]\nbase_url = '{server.url}'\n")
        assert await run("models") == 0
        table = capsys.readouterr().out
        assert await run("models", "ollama", "--json") == 0
        value = json.loads(capsys.readouterr().out)
        BRANDS["ollama"](server, [])
        assert await run("models") == 1
        assert "has no model" in capsys.readouterr().err
        await server.stop_listening()
        assert await run("models") == 1
    assert table == (
        "MODEL                    LOADED  CONTEXT  TEMPLATE\n"
        "qwen2.5-coder:1.5b-base  no      ?        qwen\n"
        "nomic-embed-text:latest  no      ?        none\n"
    )
    assert value["provider"] == "ollama"
    assert [model["template"] for model in value["models"]] == ["qwen", None]
    assert "`ollama serve`" in capsys.readouterr().err


def test_models_of_nobody(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "olama"]) == 2
    assert "did you mean `ollama`?" in capsys.readouterr().err
    config.write_text("[completion]\nprovider = 'symmetry'\n")
    assert main(["models"]) == 1
    assert "Symmetry carries chat only" in capsys.readouterr().err


async def test_which_template_a_model_gets(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with FakeServer() as server:
        BRANDS["ollama"](server)
        config.write_text(f"[providers.ollama]\nbase_url = '{server.url}'\n")
        assert await run("templates", THERE) == 0
        known = capsys.readouterr().out
        await server.stop_listening()
        assert await run("templates", "stable-code:3b") == 0
        unconfirmed = capsys.readouterr().out
        assert await run("templates", "in-house") == 1
    assert "template:  qwen\n" in known
    assert "why:       by its name it belongs to Qwen2.5-Coder" in known
    assert "ollama does not say whether it can fill in the middle by itself" in known
    assert "cannot be reached" in unconfirmed
    assert "the makers of Stable Code 3B do not document this prompt" in unconfirmed
    said = capsys.readouterr().out
    assert "template:  none" in said
    assert "completion.fimTemplate" in said


def test_all_families(capsys: pytest.CaptureFixture[str]) -> None:
    from twinny_lsp.fim.families import table

    assert main(["templates"]) == 0
    lines = capsys.readouterr().out.split("\n")
    rows = {line.split()[0]: line for line in lines[1:] if line.strip()}
    for family in table().families:
        assert family.title in rows[family.name]
        assert ("not documented" in rows[family.name]) is not family.confirmed


def test_config_show_keeps_secrets(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(HINTED.format(key=KEY))
    assert main(["config"]) == 0
    said = capsys.readouterr()
    assert KEY not in said.out + said.err
    value = json.loads(said.out)
    assert value["settings"]["completion"]["provider"] == "vllm"
    assert value["settings"]["providers"]["vllm"]["apiKey"] == "(set)"
    assert value["settings"]["chat"]["provider"] == "ollama"
    defaults, user = value["sources"]
    assert defaults == {"source": "defaults"}
    assert user["there"] is True
    assert user["movedBy"] == "TWINNY_LSP_CONFIG"
    assert {"completion.provider", "completion.model", "providers.vllm.api_key"} <= set(user["sets"])
    assert value["problems"] == []


def test_config_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["title"] == "twinny-lsp"
    assert {"completion", "chat", "providers"} <= set(schema["properties"])


def test_config_path(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "path"]) == 0
    said = capsys.readouterr()
    assert said.out == f"{config}\n"
    assert "not there" in said.err
    config.write_text("")
    assert main(["config", "path"]) == 0
    assert "it is there, named by TWINNY_LSP_CONFIG" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (None, 0, "not there; the defaults hold"),
        ("", 0, "no problem"),
        ("[completion]\nmax_tokens = 100\n", 0, "no problem"),
        ("[completion]\nmax_tokens = 'many'\n", 1, "completion.max_tokens"),
        ("[completion\n", 1, "is not valid TOML"),
        ("[completion]\nprovider = 'symmetry'\n", 1, "Symmetry carries chat only"),
        ("[completion]\nprovider = 'olama'\n", 1, "did you mean `ollama`?"),
    ],
)
def test_config_check(
    config: Path, text: str | None, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        config.write_text(text)
    assert main(["config", "check"]) == code
    assert words in capsys.readouterr().out


def test_config_check_reads_the_users_template(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fim.hbs").write_text("{{{prefix}}}\n{{#if suffix}}\n")
    config.write_text(f"[templates]\ndirectory = '{tmp_path}'\n")
    assert main(["config", "check"]) == 1
    assert "fim.hbs:" in capsys.readouterr().out


def test_a_terminal_without_the_characters() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    out("naïve ✓", stream=stream)
    assert raw.getvalue() == b"na?ve ?\n"
