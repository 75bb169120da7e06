"""Every local server, in every usual trouble: what the doctor says is wrong, and what it says to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.fake_server import (
    HANG,
    FakeServer,
    Reply,
    chat_stream,
    completion_stream,
    json_reply,
    ollama_stream,
    text_reply,
)
from tests.unit.doctor.brands import (
    BRANDS,
    HERE,
    MISSING,
    PAGE,
    TEXT,
    THERE,
    openai_error,
    openai_list,
    pointing,
    settings,
)
from twinny_lsp.doctor.advice import SLOW_MS, advise
from twinny_lsp.doctor.examine import examine
from twinny_lsp.doctor.findings import Findings
from twinny_lsp.errors import FailureKind
from twinny_lsp.providers.presets import PRESETS

KEY = "sk-very-secret-0123456789"
NOTHING = "Nothing: completion works."
START = {
    "ollama": "`ollama serve`",
    "openwebui": "`open-webui serve`",
    "lmstudio": "`lms server start`",
    "litellm": "`litellm --model",
    "llamacpp": "`llama-server -m",
    "oobabooga": "`python server.py --api",
    "vllm": "`vllm serve",
    "tabbyapi": "`python main.py`",
    "koboldcpp": "`koboldcpp --model",
    "tgi": "`text-generation-launcher --model-id",
    "llama-swap": "`llama-swap --config",
}


async def examined(tmp_path: Path, preset: str, server: FakeServer, **given: str) -> Findings:
    return await examine(pointing(tmp_path, preset, server.url, **given), HERE)


def test_every_local_preset_is_in_the_tables() -> None:
    local = {name for name, preset in PRESETS.items() if preset.base_url.startswith("http://127.0.0.1")}
    assert local == set(START) == set(BRANDS)


@pytest.mark.parametrize("preset", START)
async def test_all_is_well(tmp_path: Path, preset: str) -> None:
    async with FakeServer() as server:
        BRANDS[preset](server)
        findings = await examined(tmp_path, preset, server)
    assert findings.works
    assert findings.trial is not None
    assert findings.trial.text == TEXT
    assert len(findings.advice) == 1
    assert findings.advice[0].startswith(NOTHING)
    (found,) = findings.servers
    assert found.brand == preset
    assert THERE in [model.name for model in found.models]
    assert findings.completion.there is True


@pytest.mark.parametrize("preset", START)
async def test_nothing_listens(tmp_path: Path, preset: str) -> None:
    async with FakeServer() as server:
        await server.stop_listening()
        findings = await examined(tmp_path, preset, server)
    first = findings.advice[0]
    assert not findings.works
    assert "No model server answers on this machine" in first
    assert server.url in first
    assert START[preset] in first
    assert "`twinny-lsp try`" in first
    assert not any(step.startswith("Chat") for step in findings.advice)


@pytest.mark.parametrize("preset", START)
async def test_another_model_server_has_the_port(tmp_path: Path, preset: str) -> None:
    other = "llamacpp" if preset == "ollama" else "ollama"
    async with FakeServer() as server:
        BRANDS[other](server)
        findings = await examined(tmp_path, preset, server, model=MISSING)
    first, second = findings.advice
    assert PRESETS[other].title in first
    assert f"answers at {server.url}, but the settings say {preset}" in first
    assert f"set completion.provider to `{other}`" in first
    assert f"providers.{other}.baseUrl to `{server.url}`" in first
    assert f"completion.model to `{THERE}`" in first
    assert f"providers.{preset}.baseUrl" in second
    assert START[preset] in second


@pytest.mark.parametrize("preset", START)
async def test_a_web_server_has_the_port(tmp_path: Path, preset: str) -> None:
    async with FakeServer() as server:
        page = Reply([PAGE], 200, "text/html", (("Server", "nginx/1.22"),), "length")
        for route in {"/", PRESETS[preset].completion.path}:  # type: ignore[union-attr]
            server.on("GET", route, page)
            server.on("POST", route, page)
        findings = await examined(tmp_path, preset, server)
    first = findings.advice[0]
    assert f"At {server.url} is another kind of server (nginx/1.22), not {PRESETS[preset].title}" in first
    assert PRESETS[preset].base_url in first
    assert START[preset] in first


@pytest.mark.parametrize(
    ("preset", "models", "cause", "step"),
    [
        ("ollama", [THERE], f"does not have {MISSING}", f"`ollama pull {MISSING}`"),
        ("openwebui", [THERE], f"does not have {MISSING}", f"`ollama pull {MISSING}`"),
        ("lmstudio", [THERE, "b"], f"does not have {MISSING}", f"`lms get {MISSING}`"),
        ("litellm", [THERE], f"does not have {MISSING}", "`model_list`"),
        ("llamacpp", [THERE, "b"], f"does not have {MISSING}", "`llama-server -m MODEL.gguf"),
        ("vllm", [THERE], f"does not have {MISSING}", f"`vllm serve {MISSING}`"),
        ("oobabooga", [], "no model is loaded", "Load a model in its Model tab"),
        ("tabbyapi", [], "no model is loaded", "`config.yml`"),
        ("ollama", [], "has no model", f"`ollama pull {MISSING}`"),
    ],
)
async def test_the_model_is_not_there(
    tmp_path: Path, preset: str, models: list[str], cause: str, step: str
) -> None:
    async with FakeServer() as server:
        BRANDS[preset](server, models)
        findings = await examined(tmp_path, preset, server, model=MISSING)
    first = findings.advice[0]
    assert f"runs at {server.url}" in first
    assert cause in first
    assert step in first
    assert (f"completion.model to `{THERE}`, which it has" in first) is (THERE in models)


async def test_a_key_is_wanted(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["openwebui"](server)
        refused = json_reply({"detail": "Not authenticated"}, 401)
        for path in ("version", "tags", "ps"):
            server.on("GET", f"/ollama/api/{path}", refused)
        for path in ("generate", "show"):
            server.on("POST", f"/ollama/api/{path}", refused)
        without = await examined(tmp_path, "openwebui", server)
        wrong = await examined(tmp_path, "openwebui", server, apiKey=KEY)
    assert "wants an API key, and none is set" in without.advice[0]
    assert "apiKeyEnv" in without.advice[0]
    assert "refuses the API key" in wrong.advice[0]
    assert "Check the key of providers.openwebui" in wrong.advice[0]
    assert KEY not in repr(wrong)


async def test_a_model_that_cannot_complete(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["ollama"](server, ["nomic-embed-text:latest", THERE])
        findings = await examined(tmp_path, "ollama", server, model="nomic-embed-text:latest")
    first = findings.advice[0]
    assert "cannot complete: it makes embeddings" in first
    assert f"Or set completion.model to `{THERE}`, which is there and can." in first
    assert not any(request.path == "/api/generate" for request in server.requests)


async def test_a_model_nobody_knows(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["ollama"](server, ["in-house:latest"])
        findings = await examined(tmp_path, "ollama", server, model="in-house:latest")
    assert "no FIM template is known for the model 'in-house:latest'" in findings.advice[0].replace(
        "No", "no", 1
    )
    assert "completion.fimTemplate" in findings.advice[0]
    assert "Or set" not in findings.advice[0]


async def test_the_model_is_being_loaded(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["llamacpp"](server)
        loading = openai_error("Loading model", 503, "unavailable_error", 503)
        for method, path in (
            ("GET", "/health"),
            ("GET", "/props"),
            ("POST", "/completion"),
            ("POST", "/infill"),
        ):
            server.on(method, path, loading)
        findings = await examine(
            pointing(tmp_path, "llamacpp", server.url), replace(HERE, survey_s=2.0, trial_s=0.3)
        )
    assert findings.servers[0].state == "loading"
    assert "loading" in findings.advice[0]
    assert "run `twinny-lsp doctor` again" in findings.advice[0]


async def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["ollama"](server)
        server.on("POST", "/api/generate", Reply(head=HANG))
        findings = await examine(pointing(tmp_path, "ollama", server.url), replace(HERE, trial_s=0.2))
    assert findings.trial is not None
    assert findings.trial.kind is FailureKind.TIMED_OUT
    assert "loading the model, or be busy" in findings.advice[0]


async def test_the_editor_is_on_another_machine(tmp_path: Path) -> None:
    async with FakeServer() as server:
        await server.stop_listening()
        look = replace(HERE, variables={"WSL_DISTRO_NAME": "Debian"})
        findings = await examine(pointing(tmp_path, "ollama", server.url), look)
    assert START["ollama"] in findings.advice[0]
    assert "runs on Windows" in findings.advice[1]


async def test_the_same_server_is_elsewhere(tmp_path: Path) -> None:
    async with FakeServer() as server, FakeServer() as gone:
        BRANDS["ollama"](server)
        await gone.stop_listening()
        look = replace(HERE, known=(("ollama", server.url),))
        findings = await examine(pointing(tmp_path, "ollama", gone.url), look)
    assert f"answers at {server.url}: set providers.ollama.baseUrl to `{server.url}`" in findings.advice[0]


async def test_another_server_could_do_it(tmp_path: Path) -> None:
    async with FakeServer() as server, FakeServer() as gone:
        BRANDS["llamacpp"](server, [THERE])
        await gone.stop_listening()
        look = replace(HERE, known=(("llamacpp", server.url), ("openwebui", server.url)))
        findings = await examine(pointing(tmp_path, "ollama", gone.url), look)
    assert START["ollama"] in findings.advice[0]
    assert f"answers at {server.url} and has {THERE}" in findings.advice[1]
    assert "completion.provider to `llamacpp`" in findings.advice[1]
    assert f"providers.llamacpp.baseUrl to `{server.url}`" in findings.advice[1]


async def test_a_port_that_the_short_form_sets(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["llamacpp"](server, [THERE])
        port = int(server.url.rpartition(":")[2])
        given = settings(tmp_path, completion={"provider": "ollama", "port": port})
        findings = await examine(given, HERE)
    assert "take hostname, port and path out of completion" in findings.advice[0]


async def test_the_template_follows_a_name_that_is_not_the_loaded_model(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["llamacpp"](server, ["deepseek-coder-6.7b-base.Q5_K_M.gguf"])
        findings = await examined(tmp_path, "llamacpp", server, model="qwen2.5-coder:1.5b")
    assert findings.works
    assert "has deepseek-coder-6.7b-base.Q5_K_M.gguf loaded" in findings.advice[0]
    assert "set completion.model to `deepseek-coder-6.7b-base.Q5_K_M.gguf`" in findings.advice[0]


async def test_chat_has_another_model_missing(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["ollama"](server, [THERE, "qwen2.5:3b-instruct"])
        given = settings(tmp_path, providers={"ollama": {"baseUrl": server.url}}, completion={"model": THERE})
        findings = await examine(given, HERE)
    assert findings.works
    (step,) = findings.advice
    assert step.startswith("Chat: Ollama")
    assert "does not have codellama:7b-instruct" in step
    assert "`ollama pull codellama:7b-instruct`" in step
    assert "chat.model to `qwen2.5:3b-instruct`" in step


async def test_chat_is_asked_of_a_server_that_is_not_there(tmp_path: Path) -> None:
    async with FakeServer() as server, FakeServer() as gone:
        BRANDS["vllm"](server)
        server.on("POST", "/v1/chat/completions", chat_stream(["Hi"]))
        await gone.stop_listening()
        given = settings(
            tmp_path,
            providers={"vllm": {"baseUrl": server.url}, "ollama": {"baseUrl": gone.url}},
            completion={"provider": "vllm", "model": THERE},
        )
        findings = await examine(given, HERE)
    (step,) = findings.advice
    assert f"nothing answers at {gone.url}" in step
    assert START["ollama"] in step
    assert f"set chat.provider to `vllm` and chat.model to `{THERE}`" in step


async def test_two_presets_at_one_hosted_address_are_no_contradiction(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["vllm"](server)
        findings = await examined(tmp_path, "vllm", server)
    away = "https://models.example"
    hosted = replace(
        findings,
        servers=(replace(findings.servers[0], address=away, brand="openai-compatible"),),
        completion=replace(findings.completion, address=away),
        chat=replace(findings.chat, address=away),
    )
    assert advise(hosted)[0].startswith(NOTHING)


async def test_no_provider_at_all(tmp_path: Path) -> None:
    findings = await examine(settings(tmp_path, completion={"provider": "symmetry"}), HERE)
    assert findings.trial is None
    assert any("Symmetry carries chat only" in step for step in findings.advice)
    assert findings.advice[0].startswith("Correct the settings")


async def test_a_slow_answer_and_an_empty_one(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["vllm"](server)
        findings = await examined(tmp_path, "vllm", server)
        server.on("POST", "/v1/completions", completion_stream([]))
        empty = await examined(tmp_path, "vllm", server)
    assert findings.trial is not None
    slow = replace(findings, trial=replace(findings.trial, first_ms=SLOW_MS + 1))
    assert "smaller model" in advise(slow)[0]
    assert not empty.works
    assert "with nothing" in empty.advice[0]


async def test_native_is_refused_and_the_template_is_used(tmp_path: Path) -> None:
    async with FakeServer() as server:
        BRANDS["llamacpp"](server, [THERE])
        given = settings(
            tmp_path,
            providers={"llamacpp": {"baseUrl": server.url}},
            completion={"provider": "llamacpp", "model": THERE, "fimTemplate": "native"},
        )
        findings = await examine(given, HERE)
    assert findings.works
    assert findings.trial is not None
    assert findings.trial.how.startswith("qwen")


async def test_a_guarded_proxy_before_ollama_is_asked_with_the_key(tmp_path: Path) -> None:
    async with FakeServer() as server:
        refused = text_reply("no", 401)
        server.on("GET", "/", refused)
        tags = json_reply({"models": [{"name": THERE}]})
        routes = {
            ("GET", "/api/version"): json_reply({"version": "0.13.5"}),
            ("GET", "/api/tags"): tags,
            ("GET", "/api/ps"): json_reply({"models": []}),
            ("POST", "/api/show"): json_reply({"template": "{{ .Prompt }}"}),
            ("POST", "/api/generate"): ollama_stream([TEXT]),
        }
        for (method, path), reply in routes.items():

            def guarded(request: object, reply: Reply = reply) -> Reply:
                return reply if request.headers.get("authorization") == f"Bearer {KEY}" else refused  # type: ignore[attr-defined]

            server.on(method, path, guarded)
        server.on("GET", "/v1/models", refused)
        findings = await examined(tmp_path, "ollama", server, apiKey=KEY)
    assert findings.works
    assert findings.servers[0].brand == "ollama"
    assert findings.advice[0].startswith(NOTHING)


async def test_a_list_without_the_key_shows_nothing_false(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on("GET", "/v1/models", openai_list([THERE], "me"))
        server.on("POST", "/v1/completions", completion_stream([TEXT]))
        findings = await examined(tmp_path, "openai-compatible", server)
    assert findings.works
    assert findings.servers[0].brand == "openai-compatible"


async def test_a_question_gets_no_full_stop(tmp_path: Path) -> None:
    findings = await examine(settings(tmp_path, completion={"provider": "olama"}))
    off = next(step for step in findings.advice if step.startswith("Completion is off"))
    assert off.endswith("did you mean `ollama`?")


async def test_the_embedded_model_says_itself_what_to_do(tmp_path: Path) -> None:
    chosen = {"provider": "embedded", "model": "qwen2.5-coder-3b"}
    findings = await examine(settings(tmp_path, completion=chosen, chat=chosen), HERE)
    assert findings.advice[0].startswith("The embedded provider has no model qwen2.5-coder-3b in ")
    assert findings.advice[0].endswith("Get it with `twinny-lsp pull qwen2.5-coder-3b`.")
