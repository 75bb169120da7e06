"""Scripted servers that look like the real brands from outside, each with its models and its refusals.

What they answer is what the real ones sent (tests/fixtures/captures), or their documentation where there is
no transcript.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.captures import named
from tests.support.fake_server import (
    FakeServer,
    Reply,
    chat_stream,
    completion_stream,
    json_reply,
    ollama_stream,
    text_reply,
)
from tests.support.replay import replay
from twinny_lsp.config.resolve import Settings
from twinny_lsp.config.store import SettingsStore, Source
from twinny_lsp.doctor.examine import Look
from twinny_lsp.fim.families import names

HERE = Look(known=(), variables={})
"""Only what the settings name is looked at."""
PAGE = "<!doctype html><html><head><title>Welcome to nginx!</title></head><body></body></html>"
MISSING = "qwen2.5-coder:7b-missing"
THERE = "qwen2.5-coder:1.5b-base"
TEXT = "return a + b"


def settings(tmp_path: Path, **given: Any) -> Settings:
    """Settings of an editor that says this, and no user file."""
    store = SettingsStore(user_file=tmp_path / "none.toml", templates=names())
    store.update(Source.INITIALIZATION, given)
    return store.global_settings()


def pointing(tmp_path: Path, preset: str, url: str, *, model: str = THERE, **provider: Any) -> Settings:
    """Completion and chat over one provider at that address."""
    return settings(
        tmp_path,
        providers={preset: {"baseUrl": url, **provider}},
        completion={"provider": preset, "model": model},
        chat={"provider": preset, "model": model},
    )


def openai_list(models: Sequence[str], owner: str) -> Reply:
    data = [{"id": name, "object": "model", "owned_by": owner} for name in models]
    return json_reply({"object": "list", "data": data})


def openai_error(message: str, status: int, kind: str = "", code: object = None) -> Reply:
    return json_reply({"error": {"message": message, "type": kind, "code": code}}, status)


def _by_llamacpp(reply: Reply) -> Reply:
    return replace(reply, headers=(("Server", "llama.cpp"),))


def ollama(server: FakeServer, models: Sequence[str] = (THERE,)) -> None:
    server.on("GET", "/", replay(named("ollama_standin/root")))
    server.on("GET", "/api/version", replay(named("ollama_standin/version")))
    server.on("GET", "/api/tags", json_reply({"models": [{"name": name} for name in models]}))
    server.on("GET", "/api/ps", json_reply({"models": []}))
    lacking = json_reply({"error": "model 'x' not found"}, 404)
    show = json_reply({"template": "{{ .Prompt }}", "model_info": {}})
    server.on("POST", "/api/show", lambda r: show if r.json["model"] in models else lacking)
    answer = ollama_stream([TEXT])
    server.on("POST", "/api/generate", lambda r: answer if r.json["model"] in models else lacking)


def openwebui(server: FakeServer, models: Sequence[str] = (THERE,)) -> None:
    server.on("GET", "/", text_reply("<html><title>My own name</title></html>", 200, "text/html"))
    server.on("GET", "/api/config", replay(named("openwebui/api_config")))
    server.on("GET", "/api/version", replay(named("openwebui/api_version")))
    server.on("GET", "/ollama/api/version", replay(named("ollama_standin/version")))
    server.on("GET", "/ollama/api/tags", json_reply({"models": [{"name": name} for name in models]}))
    server.on("GET", "/ollama/api/ps", json_reply({"models": []}))
    lacking = json_reply({"detail": "Model 'x' was not found"}, 400)
    server.on("POST", "/ollama/api/show", lacking)
    answer = ollama_stream([TEXT])
    server.on("POST", "/ollama/api/generate", lambda r: answer if r.json["model"] in models else lacking)


def lmstudio(server: FakeServer, models: Sequence[str] = (THERE, "other-model")) -> None:
    unexpected = json_reply({"error": "Unexpected endpoint or method. (GET /)"})
    server.on("GET", "/", unexpected)
    data = [{"id": name, "type": "llm", "state": "not-loaded"} for name in models]
    server.on("GET", "/api/v0/models", json_reply({"object": "list", "data": data}))
    server.on("GET", "/v1/models", openai_list(models, "organization_owner"))
    _completions(
        server, models, openai_error("Model not found.", 404, "invalid_request_error", "model_not_found")
    )


def litellm(server: FakeServer, models: Sequence[str] = (THERE,)) -> None:
    server.on(
        "GET", "/", text_reply("<html><title>LiteLLM API - Swagger UI</title></html>", 200, "text/html")
    )
    server.on("GET", "/health/liveliness", replay(named("litellm/liveliness")))
    server.on("GET", "/v1/models", openai_list(models, "openai"))
    message = "Invalid model name passed in model=x. Call `/v1/models` to view available models for your key."
    _completions(server, models, openai_error(message, 400, "invalid_request_error", "400"))


def llamacpp(server: FakeServer, models: Sequence[str] = (THERE, "other-model")) -> None:
    """With more than one model: as a router."""
    server.on("GET", "/", _by_llamacpp(text_reply("<html></html>", 200, "text/html")))
    server.on("GET", "/health", _by_llamacpp(json_reply({"status": "ok"})))
    router = {"role": "router"} if len(models) > 1 else {}
    server.on("GET", "/props", _by_llamacpp(json_reply({"build_info": "b7000", **router})))
    server.on("GET", "/v1/models", _by_llamacpp(openai_list(models, "llamacpp")))
    lacking = openai_error("model 'x' not found", 400, "invalid_request_error", 400)
    done = {"content": "", "stop": True, "stop_type": "eos"}
    answer = Reply(
        [f'data: {{"content": "{TEXT}", "stop": false}}\n\n', f"data: {json_text(done)}\n\n"],
        content_type="text/event-stream",
    )
    server.on(
        "POST", "/infill", openai_error("Infill is not supported by this model", 501, "not_supported_error")
    )
    server.on(
        "POST", "/completion", lambda r: answer if len(models) == 1 or r.json["model"] in models else lacking
    )


def oobabooga(server: FakeServer, models: Sequence[str] = (THERE,)) -> None:
    server.on("GET", "/", replay(named("oobabooga/root")))
    info = "internal_model_info" if models else "nomodel_info"
    server.on("GET", "/v1/internal/model/info", replay(named(f"oobabooga/{info}")))
    server.on("GET", "/v1/models", openai_list(models, "user"))
    answer = completion_stream([TEXT]) if models else text_reply("Internal Server Error", 500)
    server.on("POST", "/v1/completions", answer)


def vllm(server: FakeServer, models: Sequence[str] = (THERE,)) -> None:
    server.on("GET", "/version", json_reply({"version": "0.11.0"}))
    server.on("GET", "/v1/models", openai_list(models, "vllm"))
    _completions(server, models, openai_error("The model `x` does not exist.", 404, "NotFoundError", 404))


def tabbyapi(server: FakeServer, models: Sequence[str] = (THERE,)) -> None:
    server.on("GET", "/health", json_reply({"status": "healthy", "issues": []}))
    server.on("GET", "/v1/models", openai_list(models, "tabbyAPI"))
    lacking = json_reply({"detail": "No models are currently loaded."}, 400)
    server.on("POST", "/v1/completions", completion_stream([TEXT]) if models else lacking)


def koboldcpp(server: FakeServer, models: Sequence[str] = (THERE,)) -> None:
    """It serves what it has, whatever is asked for."""
    server.on("GET", "/", text_reply("<html><title>KoboldAI Lite</title></html>", 200, "text/html"))
    server.on("GET", "/api/extra/version", json_reply({"result": "KoboldCpp", "version": "1.98"}))
    server.on("GET", "/api/extra/true_max_context_length", json_reply({"value": 4096}))
    server.on("GET", "/v1/models", openai_list([f"koboldcpp/{name}" for name in models], "koboldcpp"))
    server.on("POST", "/v1/completions", completion_stream([TEXT]))


def tgi(server: FakeServer, models: Sequence[str] = (THERE,)) -> None:
    """It serves what it has, whatever is asked for."""
    info = {"model_id": models[0], "max_total_tokens": 4096, "version": "3.3.6"}
    server.on("GET", "/info", json_reply(info))
    server.on("POST", "/v1/completions", completion_stream([TEXT]))


def llama_swap(server: FakeServer, models: Sequence[str] = (THERE,)) -> None:
    server.on("GET", "/", Reply([], 302, headers=(("Location", "/ui"),), framing="length"))
    server.on("GET", "/running", json_reply({"running": []}))
    server.on("GET", "/v1/models", openai_list(models, "llama-swap"))
    lacking = json_reply({"error": "could not find suitable inference handler for x"}, 404)
    done = {"content": "", "stop": True, "stop_type": "eos"}
    answer = Reply(
        [f'data: {{"content": "{TEXT}", "stop": false}}\n\n', f"data: {json_text(done)}\n\n"],
        content_type="text/event-stream",
    )
    server.on("POST", "/infill", lacking)
    server.on("POST", "/completion", lambda r: answer if r.json["model"] in models else lacking)


def _completions(server: FakeServer, models: Sequence[str], lacking: Reply) -> None:
    answer = completion_stream([TEXT])
    server.on("POST", "/v1/completions", lambda r: answer if r.json["model"] in models else lacking)


def json_text(value: object) -> str:
    reply = json_reply(value)
    return str(reply.steps[0])


BRANDS: dict[str, Callable[..., None]] = {
    "ollama": ollama,
    "openwebui": openwebui,
    "lmstudio": lmstudio,
    "litellm": litellm,
    "llamacpp": llamacpp,
    "oobabooga": oobabooga,
    "vllm": vllm,
    "tabbyapi": tabbyapi,
    "koboldcpp": koboldcpp,
    "tgi": tgi,
    "llama-swap": llama_swap,
}


def hosted(path: str, answer: Reply, lacking: Reply) -> Callable[..., None]:
    """A vendor's API: its models, and one path for completion."""

    def scripted(server: FakeServer, models: Sequence[str] = (THERE,)) -> None:
        listed = path.rpartition("/v1/")[0] + "/v1/models"
        server.on("GET", listed, openai_list(models, "someone"))
        server.on("POST", path, lambda r: answer if r.json["model"] in models else lacking)

    return scripted


_NO_SUCH_MISTRAL = {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"}
_NO_SUCH_OPENAI = "The model `x` does not exist or you do not have access to it."
_FIM = "/v1/fim/completions"
_CHAT = "/v1/chat/completions"
HOSTED: dict[str, Callable[..., None]] = {
    "mistral": hosted(_FIM, chat_stream([TEXT]), json_reply(_NO_SUCH_MISTRAL, 400)),
    "codestral": hosted(_FIM, chat_stream([TEXT]), json_reply(_NO_SUCH_MISTRAL, 400)),
    "deepseek": hosted("/beta/completions", completion_stream([TEXT]), openai_error("Model Not Exist", 400)),
    "openai": hosted(_CHAT, chat_stream([TEXT]), openai_error(_NO_SUCH_OPENAI, 404, "", "model_not_found")),
    "openrouter": hosted(
        f"/api{_CHAT}", chat_stream([TEXT]), openai_error("x is not a valid model ID", 400, "", 400)
    ),
    "openai-compatible": hosted(
        "/v1/completions", completion_stream([TEXT]), openai_error("model 'x' not found", 404)
    ),
}
"""Servers of the OpenAI API that are not this machine's own, as their documentation has them."""
