from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.fake_server import HANG, FakeServer, Reply, bounded, completion_stream, json_reply
from tests.unit.doctor.brands import BRANDS, HERE, THERE, pointing, settings
from twinny_lsp.doctor.examine import examine
from twinny_lsp.doctor.report import as_text
from twinny_lsp.doctor.survey import KNOWN, MAX_MODELS, configured, fits, is_loopback, shown, survey
from twinny_lsp.providers.base import State

KEY = "sk-very-secret-0123456789"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:11434", True),
        ("http://127.9.9.9", True),
        ("http://localhost:1", True),
        ("http://ollama.localhost:1", True),
        ("http://[::1]:11434", True),
        ("http://192.168.1.5:11434", False),
        ("http://0.0.0.0:1", False),
        ("https://api.openai.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost.example.com", False),
        ("", False),
    ],
)
def test_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


def test_without_settings_only_this_machine_is_asked(tmp_path: Path) -> None:
    assert all(is_loopback(address) for _, address in KNOWN)
    assert ("openwebui", "http://127.0.0.1:3000") in KNOWN
    assert [endpoint.base_url for endpoint in configured(settings(tmp_path))] == ["http://127.0.0.1:11434"]


def test_a_hosted_provider_is_asked_only_when_it_is_named(tmp_path: Path) -> None:
    def names(**given: object) -> list[str]:
        return [endpoint.name for endpoint in configured(settings(tmp_path, **given))]

    assert "openai" not in names()
    assert "openai" in names(providers={"openai": {"apiKeyEnv": "X"}})
    assert "mistral" in names(chat={"provider": "mistral"})
    assert "deepseek" in names(chat={"provider": "deepseek", "port": 4433}, providers={"deepseek": {}})
    assert "vllm" in names(completion={"fallback": [{"provider": "vllm", "model": "m"}]})


@pytest.mark.parametrize(
    ("preset", "brand", "expected"),
    [
        ("ollama", "ollama", True),
        ("ollama", "openwebui", False),
        ("lmstudio", "openai-compatible", True),
        ("ollama", "openai-compatible", False),
        ("openai-compatible", "vllm", True),
        ("openai-compatible", "", False),
        ("lmstudio", "vllm", False),
    ],
)
def test_which_servers_fit(preset: str, brand: str, expected: bool) -> None:
    assert fits(preset, brand) is expected


def test_a_password_in_an_address_is_not_shown() -> None:
    assert shown("http://me:secret@127.0.0.1:1/x") == "http://127.0.0.1:1/x"


async def test_the_key_is_not_sent_to_another_kind_of_server(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["llamacpp"](server, [THERE])
        (found,) = await survey(pointing(tmp_path, "openwebui", server.url, apiKey=KEY), known=())
    assert (found.brand, found.state) == ("llamacpp", State.READY)
    assert found.providers == ("openwebui",)
    assert server.requests
    assert not any(KEY in str(request.headers) for request in server.requests)


async def test_two_brands_on_one_port_are_one_server(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["tabbyapi"](server)
        known = (("oobabooga", server.url), ("tabbyapi", server.url))
        given = settings(tmp_path, completion={"provider": "symmetry"}, chat={"provider": "symmetry"})
        (found,) = await survey(given, known)
    assert found.brand == "tabbyapi"
    assert found.providers == ()
    assert [model.name for model in found.models] == [THERE]


async def test_time_is_bounded_and_what_is_known_stays(tmp_path: Path) -> None:
    async with FakeServer() as silent, FakeServer() as slow, FakeServer() as well:
        silent.on("GET", "/", Reply(head=HANG))
        BRANDS["ollama"](slow)
        slow.on("GET", "/api/tags", Reply(head=HANG))
        BRANDS["vllm"](well)
        given = settings(
            tmp_path,
            providers={"a": {"type": "vllm", "baseUrl": silent.url}, "ollama": {"baseUrl": slow.url}},
        )
        found = await bounded(survey(given, (("vllm", well.url),), seconds=1.0))
    by_address = {server.address: server for server in found}
    assert "did not answer in time" in by_address[silent.url].detail
    assert by_address[slow.url].brand == "ollama"
    assert by_address[slow.url].models == ()
    assert by_address[well.url].models[0].name == THERE


async def test_a_server_that_is_slow_to_say_who_it_is_is_not_said_to_be_away(tmp_path: Path) -> None:
    async with FakeServer() as server:
        for path in ("/health/liveliness", "/v1/models"):
            server.on("GET", path, Reply(head=HANG))
        server.on("POST", "/v1/completions", completion_stream(["return a + b"]))
        given = pointing(tmp_path, "litellm", server.url, apiKey=KEY)
        findings = await bounded(examine(given, replace(HERE, survey_s=0.3)), 30)
    assert findings.works
    assert findings.servers[0].detail == "It did not answer in time."
    assert "listens" not in as_text(findings)
    assert [step[:8] for step in findings.advice] == ["Nothing:"]


async def test_a_long_list_is_cut_but_keeps_what_the_settings_name(tmp_path: Path) -> None:
    names = [f"codellama-{number}:7b-code" for number in range(40)]
    async with FakeServer() as server:
        BRANDS["ollama"](server, names)
        (found,) = await survey(pointing(tmp_path, "ollama", server.url, model=names[-1]), known=())
    assert len(found.models) == MAX_MODELS
    assert found.more == 40 - MAX_MODELS
    assert found.models[0].name == names[0]
    assert found.models[-1].name == names[-1]


async def test_a_name_that_says_nothing_is_asked_for(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["ollama"](server, ["in-house:latest"])
        qwen = "<|fim_prefix|>{{ .Prompt }}<|fim_suffix|>{{ .Suffix }}<|fim_middle|>"
        server.on(
            "POST", "/api/show", json_reply({"template": qwen, "capabilities": ["completion", "insert"]})
        )
        findings = await examine(pointing(tmp_path, "ollama", server.url, model="in-house"), HERE)
    (model,) = findings.servers[0].models
    assert model.template == "qwen"
    assert "FIM tokens" in model.reason
    assert findings.completion.there is True
    assert findings.completion.template == "qwen"


async def test_a_refusal_to_fill_in_the_middle_is_told(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["llamacpp"](server, [THERE])
        given = settings(
            tmp_path,
            providers={"llamacpp": {"baseUrl": server.url}},
            completion={"provider": "llamacpp", "model": THERE, "fimTemplate": "native"},
        )
        findings = await examine(given, HERE)
    assert findings.works
    told = " ".join(as_text(findings).split())
    assert "qwen: the server cannot fill in the middle by itself with this model; by its name it" in told


async def test_a_server_on_a_socket_is_looked_at(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    async with FakeServer(socket=path) as server:
        BRANDS["ollama"](server)
        given = settings(tmp_path, providers={"ollama": {"socket": path}}, completion={"model": THERE})
        findings = await examine(given, HERE)
    assert findings.works
    (found,) = findings.servers
    assert (found.address, found.brand, found.state) == (f"unix:{path}", "ollama", State.READY)
    assert findings.completion.there is True


async def test_a_server_with_an_authority_of_its_own_is_looked_at(tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "fixtures" / "tls"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    async with FakeServer(tls=context) as server:
        BRANDS["ollama"](server)
        trusted = await examine(
            pointing(tmp_path, "ollama", server.url, caFile=str(folder / "authority.pem")), HERE
        )
        unknown = await examine(pointing(tmp_path, "ollama", server.url), HERE)
    assert trusted.works
    assert trusted.servers[0].brand == "ollama"
    assert "certificate is not trusted" in unknown.advice[0]


async def test_the_settings_file_and_its_problems_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[completion]\nmodle = 'x'\n", encoding="utf-8")
    monkeypatch.setenv("TWINNY_LSP_CONFIG", str(file))
    given = settings(tmp_path, completion={"provider": "symmetry", "nonsense": 1})
    findings = await examine(given, replace(HERE, variables={}))
    assert findings.settings.path == str(file)
    assert findings.settings.there
    assert any("nonsense" in problem for problem in findings.settings.problems)
    assert "Correct the settings" in findings.advice[0]
