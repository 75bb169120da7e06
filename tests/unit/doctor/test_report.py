from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.fake_server import FakeServer
from tests.unit.doctor.brands import BRANDS, HERE, MISSING, TEXT, THERE, pointing
from twinny_lsp.doctor.examine import examine
from twinny_lsp.doctor.findings import Findings, Use
from twinny_lsp.doctor.report import WIDTH, as_json, as_text
from twinny_lsp.doctor.whereabouts import whereabouts
from twinny_lsp.providers.presets import PRESETS

KEY = "sk-very-secret-0123456789"


async def found(tmp_path: Path, brand: str, model: str = THERE) -> tuple[Findings, str]:
    async with FakeServer() as server:
        BRANDS[brand](server)
        given = pointing(tmp_path, brand, server.url, model=model, apiKey=KEY, headers={"X-Secret": KEY})
        findings = await examine(given, HERE)
        where = whereabouts({}, lambda _: "", lambda _: False)
        return replace(findings, environment=replace(findings.environment, where=where)), server.url


async def test_when_all_is_well(tmp_path: Path) -> None:
    findings, url = await found(tmp_path, "ollama")
    text = as_text(findings)
    assert f"  ok  Ollama 0.13.5 at {url} (ollama)\n      {THERE}  qwen\n" in text
    assert f"  ok  {THERE} from ollama at {url}\n      qwen: by its name" in text
    assert "  ok  a completion in " in text
    assert f"\n      {TEXT}\n" in text
    assert "\nWhat to do next\n 1. Nothing: completion works." in text
    assert "  x  " not in text
    assert text.endswith("\n")


@pytest.mark.parametrize("brand", BRANDS)
@pytest.mark.parametrize("model", [THERE, MISSING, "nomic-embed-text"])
async def test_it_is_narrow_short_and_keeps_secrets(tmp_path: Path, brand: str, model: str) -> None:
    findings, _ = await found(tmp_path, brand, model)
    text = as_text(findings)
    assert [line for line in text.split("\n") if len(line) > WIDTH] == []
    assert text.count("\n") < 50
    assert KEY not in text
    assert KEY not in json.dumps(as_json(findings))
    assert all(line == line.rstrip() for line in text.split("\n"))


async def test_commands_to_copy_stay_on_one_line(tmp_path: Path) -> None:
    findings, _ = await found(tmp_path, "ollama", MISSING)
    assert f"`ollama pull {MISSING}`" in as_text(findings)
    assert "\N{NO-BREAK SPACE}" not in as_text(findings)


async def test_what_is_said_once_is_not_said_twice(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["ollama"](server)
        findings = await examine(pointing(tmp_path, "ollama", server.url, model="blah"), HERE)
    assert as_text(findings).lower().count("no fim template is known") == 1


async def test_another_machine_is_marked(tmp_path: Path) -> None:
    findings, _ = await found(tmp_path, "ollama")
    where = whereabouts({"SSH_CONNECTION": "x"}, lambda _: "", lambda _: False)
    away = replace(findings, environment=replace(findings.environment, where=where))
    assert "  !   The language server runs on another machine, over SSH." in as_text(away)


async def test_json_has_it_all(tmp_path: Path) -> None:
    findings, url = await found(tmp_path, "ollama")
    value = json.loads(json.dumps(as_json(findings)))
    assert value["works"] is True
    assert value["servers"][0]["address"] == url
    assert value["servers"][0]["models"][0]["name"] == THERE
    assert value["trial"]["text"] == TEXT
    assert value["trial"]["firstMs"] <= value["trial"]["totalMs"]
    assert value["environment"]["where"]["kind"] == "local"


@pytest.mark.parametrize("name", ["symmetry", "symmetry-relay"])
async def test_who_reads_what_is_sent_to_strangers(tmp_path: Path, name: str) -> None:
    findings, _ = await found(tmp_path, "ollama")
    preset = PRESETS[name]
    text = as_text(replace(findings, chat=Use("chat", name, name, preset.base_url, "m")))
    assert preset.notice in " ".join(text.split())
    assert "reads all that you send" in preset.notice
