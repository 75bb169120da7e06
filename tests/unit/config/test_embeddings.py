"""`chat.embeddings`: off unless a model is named, and only where the user's own settings say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from twinny_lsp.config.cleaning import clean
from twinny_lsp.config.resolve import Settings, load
from twinny_lsp.config.sources import PATH_VARIABLE
from twinny_lsp.config.store import SettingsStore, Source
from twinny_lsp.providers.endpoint import Route, Wire
from twinny_lsp.providers.presets import PRESETS


def resolved(*layers: dict[str, Any]) -> Settings:
    return load([clean(layer, "test") for layer in layers])


def test_it_is_off_until_a_model_is_named() -> None:
    chat = resolved({"chat": {"provider": "llamacpp", "model": "m"}}).chat()
    assert (chat.embeddings, chat.embeddings_off) == (None, "")


@pytest.mark.parametrize(
    ("provider", "said", "wire", "path"),
    [
        ("ollama", {}, Wire.OLLAMA_EMBED, "/api/embed"),
        ("ollama", {"baseUrl": "http://gpu:1/api"}, Wire.OLLAMA_EMBED, "/api/embed"),
        ("ollama", {"baseUrl": "http://gpu:1/api/generate"}, Wire.OLLAMA_EMBED, "/api/embed"),
        ("ollama", {"baseUrl": "http://gpu:1/v1/embeddings"}, Wire.OPENAI_EMBEDDINGS, "/v1/embeddings"),
        ("openwebui", {}, Wire.OLLAMA_EMBED, "/ollama/api/embed"),
        ("openwebui", {"baseUrl": "http://gpu:1/ai/ollama"}, Wire.OLLAMA_EMBED, "/ai/ollama/api/embed"),
        ("openwebui", {"baseUrl": "http://gpu:1/api/embeddings"}, Wire.OPENAI_EMBEDDINGS, "/api/embeddings"),
        ("llamacpp", {}, Wire.OPENAI_EMBEDDINGS, "/v1/embeddings"),
        ("llamacpp", {"baseUrl": "http://gpu:1/box/infill"}, Wire.OPENAI_EMBEDDINGS, "/box/v1/embeddings"),
        ("lmstudio", {"baseUrl": "http://gpu:1/v1"}, Wire.OPENAI_EMBEDDINGS, "/v1/embeddings"),
        ("openrouter", {}, Wire.OPENAI_EMBEDDINGS, "/api/v1/embeddings"),
        ("mistral", {}, Wire.OPENAI_EMBEDDINGS, "/v1/embeddings"),
        (
            "openai-compatible",
            {"baseUrl": "https://h/openai/v3"},
            Wire.OPENAI_EMBEDDINGS,
            "/openai/v3/embeddings",
        ),
    ],
)
def test_where_it_is_asked(provider: str, said: dict[str, Any], wire: Wire, path: str) -> None:
    settings = {"providers": {provider: said}, "chat": {"embeddings": {"provider": provider, "model": "m"}}}
    target = resolved(settings).chat().embeddings
    assert target is not None
    assert (target.model, target.endpoint.embeddings) == ("m", Route(wire, path))
    assert target.endpoint == resolved(settings).endpoint(provider), "it shares the chat's connections"


@pytest.mark.parametrize(
    "provider", ["symmetry", "symmetry-relay", "embedded", "codestral", "deepseek", "tgi"]
)
def test_who_computes_none_is_refused(provider: str) -> None:
    settings = resolved(
        {
            "providers": {provider: {"optIn": True} if provider == "symmetry" else {}},
            "chat": {"embeddings": {"provider": provider, "model": "m"}},
        }
    )
    chat = settings.chat()
    assert chat.embeddings is None
    assert f"{PRESETS[provider].title} computes no embeddings" in chat.embeddings_off
    assert [one.path for one in settings.problems if "no embeddings" in one.message] == [
        "chat.embeddings.provider"
    ]


def test_no_path_leads_to_strangers() -> None:
    relay = {"x": {"type": "symmetry-relay", "baseUrl": "https://twinny.dev/v1/embeddings"}}
    settings = resolved({"providers": relay, "chat": {"embeddings": {"provider": "x", "model": "m"}}})
    assert settings.chat().embeddings is None


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"provider": "nowhere", "model": "m"}, "no provider has this name"),
        ({"provider": "llamacpp"}, "no model is chosen"),
        ({"provider": "openai-compatible", "model": "m"}, "it has no address yet"),
    ],
)
def test_what_is_missing_is_told(said: dict[str, Any], word: str) -> None:
    settings = resolved({"chat": {"embeddings": said}})
    assert settings.chat().embeddings is None
    assert word in settings.chat().embeddings_off
    assert word in " ".join(problem.message for problem in settings.problems)


def test_a_path_for_embeddings_is_none_for_chat() -> None:
    settings = resolved({"chat": {"model": "m", "path": "/v1/embeddings"}})
    assert "is a path for embeddings" in settings.problems[0].message


def test_another_provider_makes_the_weaker_ones_model_void() -> None:
    weak = {"chat": {"embeddings": {"provider": "llamacpp", "model": "old"}}}
    found = resolved(weak, {"chat": {"embeddings": {"provider": "ollama", "model": "new"}}}).chat().embeddings
    assert found is not None
    assert (found.endpoint.name, found.model) == ("ollama", "new")
    assert resolved(weak, {"chat": {"embeddings": {"provider": "lmstudio"}}}).chat().embeddings is None


def test_twinnys_name_is_understood() -> None:
    found = resolved({"embeddingModel": "all-minilm"}).chat().embeddings
    assert found is not None
    assert (found.endpoint.name, found.model) == ("ollama", "all-minilm")


@pytest.mark.parametrize(
    ("own", "file", "on"),
    [
        (True, "[chat]\nembeddings = false\n", False),
        (True, "[chat]\nembeddings = true\n", True),
        (True, '[chat.embeddings]\nmodel = "other"\n', True),
        (True, "", True),
        (False, '[chat.embeddings]\nprovider = "openai"\nmodel = "m"\n', False),
        (False, "[chat]\nembeddings = true\n", False),
    ],
)
def test_a_projects_file_can_only_switch_it_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool, file: str, on: bool
) -> None:
    monkeypatch.setenv(PATH_VARIABLE, str(tmp_path / "none.toml"))
    root = tmp_path / "project"
    root.mkdir()
    (root / ".twinny.toml").write_text(file, encoding="utf-8")
    store = SettingsStore(roots=[root.as_uri()], templates=())
    if own:
        store.update(Source.EDITOR, {"chat": {"embeddings": {"model": "mine"}}})
    settings = store.for_document((root / "a.py").as_uri())
    target = settings.chat().embeddings
    assert (target is not None) is on
    assert target is None or (target.model, target.endpoint.name) == ("mine", "ollama")
    assert "switched off by" in settings.chat().embeddings_off or on or not own
    assert bool(settings.problems) is bool(file and "false" not in file), "what it cannot say is reported"
