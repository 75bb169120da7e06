"""Merging sources, and choosing providers, models and templates."""

from __future__ import annotations

import os
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from twinny_lsp.config.cleaning import clean
from twinny_lsp.config.resolve import OFF, Settings, load
from twinny_lsp.config.resolved import CompletionSettings, Multiline, Target
from twinny_lsp.providers.endpoint import Link, Wire
from twinny_lsp.providers.presets import PRESETS

FAMILIES = {"codellama", "qwen"}


def resolved(*raws: dict[str, Any]) -> Settings:
    """Settings of several sources, weakest first."""
    return load([clean(raw, f"source {i}") for i, raw in enumerate(raws)], templates=FAMILIES)


def target_of(settings: CompletionSettings) -> Target:
    assert settings.target is not None, settings.off_reason
    return settings.target


def test_defaults_are_those_of_the_contract() -> None:
    settings = resolved()
    completion = settings.completion_for("python")
    target = target_of(completion)
    assert completion == CompletionSettings(True, target)
    assert (target.endpoint.name, target.model, target.template) == (
        "ollama",
        "codellama:7b-code",
        "codellama",
    )
    assert settings.chat().target == Target(target.endpoint, "codellama:7b-instruct")
    assert settings.template_directory == Path.home() / ".twinny/templates"
    assert (settings.log_level, settings.problems) == ("warning", ())


PRESETS_THAT_MUST_BE_EXACT = """
ollama 127.0.0.1:11434 /api/generate codellama:7b-code codellama /v1 codellama:7b-instruct
openwebui 127.0.0.1:8080 /ollama/api/generate codellama:7b-code automatic /ollama/v1 codellama:7b-instruct
lmstudio 127.0.0.1:1234 /v1/completions codellama-7b.Q5_K_M.gguf automatic /v1 codellama:7b-instruct
litellm 127.0.0.1:4000 /v1/completions gpt-4-turbo custom-template /v1 gpt-4-turbo
llamacpp 127.0.0.1:8080 /completion CodeLlama-7B-GGUF automatic /v1 CodeLlama-7B-GGUF
oobabooga 127.0.0.1:5000 /v1/completions CodeLlama-7B-GGUF automatic /v1 CodeLlama-7B-GGUF
"""


@pytest.mark.parametrize("row", PRESETS_THAT_MUST_BE_EXACT.strip().split("\n"))
def test_the_presets_that_must_be_exact(row: str) -> None:
    provider, host, path, model, template, chat, chat_model = row.split()
    settings = resolved({"completion": {"provider": provider}, "chat": {"provider": provider}})
    target, talk = target_of(settings.completion_for("c")), settings.chat().target
    assert talk is not None
    assert target.endpoint.completion is not None
    assert talk.endpoint.chat is not None
    assert (target.endpoint.base_url, target.endpoint.completion.path) == (f"http://{host}", path)
    assert (target.model, target.template) == (model, template)
    assert (talk.endpoint.chat.path, talk.model) == (f"{chat}/chat/completions", chat_model)
    assert not settings.problems


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_a_preset_without_a_route_says_why(preset: Any) -> None:
    settings = resolved(
        {
            "completion": {"provider": preset.name, "model": "m"},
            "chat": {"provider": preset.name, "model": "m"},
        }
    )
    completion, chat = settings.completion_for("c"), settings.chat()
    if completion.target is None:
        assert not completion.enabled
        assert (preset.no_completion or "no address yet") in completion.off_reason
    if chat.target is None:
        assert (preset.notice or "no address yet") in chat.off_reason
    assert (preset.completion is None) == bool(preset.no_completion)
    assert preset.chat is not None
    assert ("http://127.0.0.1" in preset.base_url) == (bool(preset.start) and preset.has_address)


@pytest.mark.parametrize(
    ("provider", "said", "template"),
    [
        ("openai", "", "chat"),
        ("openrouter", "automatic", "chat"),
        ("mistral", "", "native"),
        ("codestral", "automatic", "native"),
        ("deepseek", "", "native"),
        ("deepseek", "chat", "chat"),
        ("ollama", "chat", "chat"),
        ("openai-compatible", "native", "native"),
        ("openai-compatible", "", "automatic"),
    ],
)
def test_how_a_hosted_model_is_asked(provider: str, said: str, template: str) -> None:
    """Where there is only chat, or only a path for the middle, nothing else can be asked."""
    given = {"completion": {"provider": provider, "model": "m", "fimTemplate": said}}
    at = {"providers": {"openai-compatible": {"baseUrl": "http://127.0.0.1:1"}}}
    target = resolved(given | at).completion_for("c").target
    assert target is not None
    assert target.template == template


@pytest.mark.parametrize(
    ("provider", "options", "path"),
    [
        ("ollama", {}, "/v1/chat/completions"),
        ("ollama", {"numCtx": 8192}, "/api/chat"),
        ("ollama", {"keepAlive": "1h"}, "/api/chat"),
        ("openwebui", {"numCtx": 8192}, "/ollama/api/chat"),
        ("ollama", {"numCtx": 8192, "baseUrl": "http://gpu/llm"}, "/llm/api/chat"),
        ("ollama", {"numCtx": 8192, "baseUrl": "http://gpu/api/generate"}, "/api/chat"),
    ],
)
def test_what_ollama_loads_a_model_with_is_the_same_for_chat(
    provider: str, options: dict[str, Any], path: str
) -> None:
    """Its /v1 can set neither: a chat would load the model anew, and the next completion again."""
    settings = resolved({"providers": {provider: options}, "chat": {"provider": provider, "model": "m"}})
    target = settings.chat().target
    assert target is not None
    assert target.endpoint.chat is not None
    assert target.endpoint.chat.path == path
    assert not settings.problems


def test_ways_to_reach_a_server() -> None:
    given = {
        "caFile": "~/ca.pem",
        "clientCertificate": "/c.pem",
        "clientKey": "/k.pem",
        "socket": "~/s",
        "proxy": "http://me:very-secret@proxy:3128",
    }
    settings = resolved({"providers": {"ollama": given}})
    found = settings.endpoint("ollama")
    assert found is not None
    home = os.path.expanduser("~")
    assert found.link == Link(f"{home}/ca.pem", "/c.pem", "/k.pem", f"{home}/s", given["proxy"])
    assert found.address == f"unix:{home}/s"
    assert "very-secret" not in repr(found) + repr(settings) + str(settings.as_json())


def test_a_proxy_that_is_none_is_told_and_not_gone_around() -> None:
    settings = resolved({"providers": {"ollama": {"proxy": "socks5://secret-host"}}})
    assert settings.endpoint("ollama") is None
    assert "providers.ollama.proxy" in [problem.path for problem in settings.problems]
    assert "secret-host" not in str(settings.problems) + settings.why_no_endpoint("ollama")


def test_a_pattern_that_is_none_is_told_and_the_others_hold() -> None:
    settings = resolved({"privacy": {"deny": ["*.sql", "[z-a]"], "allow": ["!"]}})
    assert settings.privacy().deny == ("*.sql", "[z-a]")
    told = [(problem.path, problem.message) for problem in settings.problems]
    assert [path for path, _ in told] == ["privacy.deny", "privacy.allow"]
    assert "entry 2 is no pattern" in told[0][1]


def test_stronger_sources_win_key_by_key() -> None:
    settings = resolved(
        {
            "completion": {"temperature": 1, "maxTokens": 1, "languages": {"go": False, "c": False}},
            "log": {"level": "info"},
        },
        {"completion": {"maxTokens": 2, "languages": {"go": True}}},
        {"completion": {"max_tokens": 3, "temperature": None}},
    )
    completion = settings.completion_for("go")
    assert (completion.temperature, completion.max_tokens, completion.enabled) == (1, 3, True)
    assert not settings.completion_for("c").enabled
    assert settings.log_level == "info"


def test_lists_are_replaced() -> None:
    settings = resolved(
        {"completion": {"fallback": ["llamacpp"]}}, {"completion": {"fallback": ["lmstudio"]}}
    )
    assert [target.endpoint.name for target in settings.completion_for("c").fallback] == ["lmstudio"]


def test_a_key_given_another_way_is_not_shadowed() -> None:
    settings = resolved(
        {"providers": {"openai": {"apiKey": "old", "headers": {"a": "b"}}}},
        {"providers": {"openai": {"apiKeyEnv": "NEW"}}},
    )
    found = settings.endpoint("openai")
    assert found is not None
    assert (found.key.value, found.key.env, dict(found.headers)) == ("", "NEW", {"a": "b"})


def test_the_vendors_variable_is_only_for_the_vendor() -> None:
    def key(provider: dict[str, Any]) -> str:
        found = resolved({"providers": {"openai": provider}}).endpoint("openai")
        assert found is not None
        return found.key.env

    assert key({}) == "OPENAI_API_KEY"
    assert key({"baseUrl": "https://api.openai.com/v1"}) == "OPENAI_API_KEY"
    assert key({"baseUrl": "https://example.com/v1"}) == ""
    assert key({"apiKey": ""}) == ""


def test_another_provider_makes_model_and_address_of_the_weaker_source_void() -> None:
    mine = {
        "completion": {"model": "qwen", "fimTemplate": "qwen", "hostname": "gpu", "apiKey": "k"},
        "chat": {"model": "m", "temperature": 1},
    }
    settings = resolved(mine, {"completion": {"provider": "lmstudio"}, "chat": {"provider": "lmstudio"}})
    target = target_of(settings.completion_for("c"))
    assert (target.endpoint.base_url, bool(target.endpoint.key)) == ("http://127.0.0.1:1234", False)
    assert (target.model, target.template) == ("codellama-7b.Q5_K_M.gguf", "automatic")
    assert settings.chat().target == Target(target.endpoint, "codellama:7b-instruct")
    assert settings.chat().temperature == 1
    same = resolved(mine, {"completion": {"provider": "ollama"}})
    assert target_of(same.completion_for("c")).model == "qwen"
    custom = resolved(
        {"completion": {"fimTemplate": "custom-template"}}, {"completion": {"provider": "lmstudio"}}
    )
    assert target_of(custom.completion_for("c")).template == "custom-template"


@pytest.mark.parametrize(
    ("said", "template"),
    [
        ({}, "codellama"),
        ({"model": "codellama:7b-code"}, "codellama"),
        ({"model": "qwen2.5-coder"}, "automatic"),
        ({"model": "x", "fimTemplate": "CodeLlama"}, "codellama"),
        ({"fimTemplate": "automatic"}, "automatic"),
        ({"fimTemplate": "native"}, "native"),
        ({"provider": "litellm", "model": "x"}, "custom-template"),
        ({"fimTemplate": "codelama"}, "automatic"),
    ],
)
def test_templates(said: dict[str, Any], template: str) -> None:
    settings = resolved({"completion": said})
    assert target_of(settings.completion_for("c")).template == template
    if said.get("fimTemplate") == "codelama":
        assert [problem.path for problem in settings.problems] == ["completion.fimTemplate"]
        assert "did you mean `codellama`?" in settings.problems[0].message
    else:
        assert not settings.problems


def test_no_template_is_questioned_when_none_are_known() -> None:
    settings = load([clean({"completion": {"fimTemplate": "new"}}, "test")])
    assert target_of(settings.completion_for("c")).template == "new"
    assert not settings.problems


def test_an_unknown_provider_is_off_and_the_rest_goes_on() -> None:
    settings = resolved({"completion": {"provider": "olama"}, "providers": {"box": {"baseUrl": "http://h"}}})
    completion = settings.completion_for("c")
    assert not completion.enabled
    assert "did you mean `ollama`?" in completion.off_reason
    assert [(problem.source, problem.path) for problem in settings.problems] == [
        ("source 0", "completion.provider")
    ]
    assert settings.chat().target is not None


def test_an_unknown_type_only_makes_that_provider_unusable() -> None:
    settings = resolved({"providers": {"box": {"type": "olama"}, "ok": {"type": "llamacpp"}}})
    assert settings.endpoint("box") is None
    assert "is unknown" in settings.why_no_endpoint("box")
    assert settings.endpoint("ok") is not None
    assert settings.why_no_endpoint("ok") == ""
    assert "no provider has this name" in settings.why_no_endpoint("nobody")
    assert [problem.path for problem in settings.problems] == ["providers.box.type"]
    assert {"box", "ok", *PRESETS} == set(settings.providers())


def test_a_model_must_be_chosen_where_there_is_no_usual_one() -> None:
    settings = resolved({"completion": {"provider": "vllm"}})
    assert "`completion.model`: no model is chosen" in settings.completion_for("c").off_reason
    assert [problem.path for problem in settings.problems] == ["completion.model"]
    named = resolved({"completion": {"provider": "vllm", "languages": {"go": {"model": "m"}}}})
    assert target_of(named.completion_for("go")).model == "m"


def test_languages() -> None:
    settings = resolved(
        {
            "completion": {
                "model": "base",
                "fimTemplate": "codellama",
                "port": 9,
                "languages": {
                    "*": {"temperature": 0.5},
                    "markdown": False,
                    "sh": {"multiline": "never"},
                    "go": {"provider": "lmstudio", "maxTokens": 7, "temperature": 0},
                    "c": {"model": "other"},
                    "rust": {"provider": "nope"},
                },
            }
        }
    )
    python, go = settings.completion_for("python"), settings.completion_for("go")
    assert (python.temperature, python.multiline) == (0.5, Multiline.AUTO)
    assert target_of(python).endpoint.base_url == "http://127.0.0.1:9"
    assert (
        settings.completion_for("markdown").off_reason
        == "completion is off for this language (`completion.languages`)"
    )
    assert settings.completion_for("shellscript").multiline is Multiline.NEVER
    assert (go.max_tokens, go.temperature, target_of(go).model) == (7, 0, "codellama-7b.Q5_K_M.gguf")
    assert target_of(go).endpoint.base_url == "http://127.0.0.1:1234"
    # Another model at the same server: its address stays, the other model's template does not.
    c = target_of(settings.completion_for("c"))
    assert (c.endpoint.base_url, c.model, c.template) == ("http://127.0.0.1:9", "other", "automatic")
    assert not settings.completion_for("rust").enabled
    assert [problem.path for problem in settings.problems] == ["completion.languages.rust.provider"]


def test_only_some_languages() -> None:
    settings = resolved({"completion": {"languages": {"*": False, "tsx": True}}})
    assert not settings.completion_for("go").enabled
    assert settings.completion_for("typescriptreact").enabled
    off = resolved({"completion": {"enabled": False, "languages": {"go": True}}})
    assert off.completion_for("go").off_reason == OFF
    assert off.completion_for("go").target is not None


def test_fallback() -> None:
    settings = resolved(
        {"completion": {"fallback": ["embedded", "symmetry", {"provider": "llamacpp", "model": "m"}, "nope"]}}
    )
    fallback = settings.completion_for("c").fallback
    assert [(target.endpoint.name, target.model) for target in fallback] == [
        ("embedded", "tiny-fim"),
        ("llamacpp", "m"),
    ]
    assert [problem.path for problem in settings.problems] == ["completion.fallback"] * 2


def test_options_reach_the_server_that_knows_them() -> None:
    settings = resolved(
        {
            "providers": {
                "ollama": {"numCtx": 4096, "keepAlive": "5m"},
                "embedded": {"modelPath": "~/m.gguf", "idleMinutes": 2, "threads": 3, "share": False},
                "llamacpp": {"numCtx": 4096, "batchTokens": 512},
            }
        }
    )
    ollama, embedded = settings.endpoint("ollama"), settings.endpoint("embedded")
    assert ollama is not None
    assert embedded is not None
    assert embedded.completion is not None
    assert dict(ollama.options) == {"num_ctx": 4096, "keep_alive": "5m"}
    assert dict(embedded.options) == {
        "model_path": str(Path.home() / "m.gguf"),
        "idle_seconds": 120.0,
        "threads": 3,
        "share": False,
    }
    assert embedded.completion.wire is Wire.EMBEDDED
    llamacpp = settings.endpoint("llamacpp")
    assert llamacpp is not None
    assert dict(llamacpp.options) == {"batch_tokens": 512}
    assert [problem.path for problem in settings.problems] == ["providers.llamacpp.numCtx"]
    assert "only Ollama knows this" in settings.problems[0].message


def test_equal_settings_are_equal_and_nothing_changes_them() -> None:
    raw = {
        "completion": {"port": 9, "apiKey": "k"},
        "providers": {"a": {"baseUrl": "h", "headers": {"x": "y"}}},
    }
    settings = resolved(raw)
    assert settings == resolved(raw)
    assert settings != resolved(raw, {"completion": {"apiKey": "other"}})
    with pytest.raises(FrozenInstanceError):
        settings.log_level = "debug"  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.completion["go"] = settings.completion["*"]  # type: ignore[index]


def test_a_gguf_file_is_named_by_itself_and_not_by_the_tiny_model() -> None:
    file = {"providers": {"embedded": {"modelPath": "/m/deepseek-coder-1.3b.Q4_K_M.gguf"}}}
    settings = resolved({**file, "completion": {"provider": "embedded"}, "chat": {"provider": "embedded"}})
    assert target_of(settings.completion_for("python")).model == "deepseek-coder-1.3b.Q4_K_M"
    chat = settings.chat().target
    assert chat is not None
    assert chat.model == "deepseek-coder-1.3b.Q4_K_M"


def test_a_near_miss_is_answered_with_one_word_and_anything_else_with_the_list() -> None:
    near = resolved({"completion": {"provider": "olama"}}).completion_for("python").off_reason
    assert near == "`completion.provider`: no provider has this name; did you mean `ollama`?"
    unknown = resolved({"completion": {"provider": "zzz"}, "providers": {"box": {"baseUrl": "http://h"}}})
    far = unknown.completion_for("python").off_reason
    assert "known: `ollama`, `openwebui`" in far
    assert "`box`" in far
