"""Which file answers to which name, and what the provider says of its models; no child is started."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.servers.llama import TINY_MODEL, write_model_without_fim
from twinny_lsp.errors import ModelMissing, ServerFailure, Unsupported
from twinny_lsp.exchange import Generation, RawPrompt
from twinny_lsp.fim.families import choose
from twinny_lsp.providers.base import State
from twinny_lsp.providers.embedded import provider as embedded_module
from twinny_lsp.providers.embedded.catalogue import KNOWN, KnownModel, known
from twinny_lsp.providers.embedded.provider import EmbeddedProvider
from twinny_lsp.providers.embedded.store import Store, name_of
from twinny_lsp.providers.endpoint import Endpoint

FILES = ("qwen2.5-coder-1.5b-q8_0.gguf", "My-Model.Q4_K_M.gguf", "notes.txt", "half.gguf.part")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(TINY_MODEL, tmp_path / name)
    return tmp_path


@asynccontextmanager
async def opened(**options: object) -> AsyncIterator[EmbeddedProvider]:
    provider = EmbeddedProvider(
        Endpoint("mine", "embedded", "", None, None, options={"share": False, **options})
    )
    try:
        yield provider
    finally:
        await provider.close()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("", TINY_MODEL.name),
        ("tiny-fim", TINY_MODEL.name),
        ("qwen2.5-coder-1.5b", FILES[0]),
        ("qwen2.5-coder:1.5b", FILES[0]),
        ("Qwen2.5-Coder:1.5b-base", FILES[0]),
        ("qwen2.5-coder-1.5b-q8_0", FILES[0]),
        ("my-model.q4_k_m.gguf", FILES[1]),
        ("My-Model.Q4_K_M", FILES[1]),
    ],
)
def test_a_name_finds_its_file(folder: Path, name: str, file: str) -> None:
    assert Store(folder).path(name).name == file


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("qwen2.5-coder-3b", "Get it with `twinny-lsp pull qwen2.5-coder-3b`."),
        ("codellama:7b-code", "There is: My-Model.Q4_K_M, qwen2.5-coder-1.5b, tiny-fim. Get one with"),
        ("half", "has no model half in "),
        ("../notes", "has no model"),
    ],
)
def test_a_name_without_a_file_is_told(folder: Path, name: str, words: str) -> None:
    with pytest.raises(ModelMissing) as caught:
        Store(folder).path(name)
    assert words in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_folder_that_is_not_there_has_no_models(tmp_path: Path) -> None:
    assert [name for name, _ in Store(tmp_path / "none").models()] == ["tiny-fim"]


def test_the_file_of_the_settings_answers_to_every_name(folder: Path) -> None:
    store = Store(folder, folder / FILES[1])
    assert {store.path(name) for name in ("", "tiny-fim", "anything")} == {folder / FILES[1]}
    assert [name for name, _ in store.models()] == ["My-Model.Q4_K_M"]


def test_the_default_folder_is_the_users(isolated_home: Path) -> None:
    store = Store.of(Endpoint("embedded", "embedded", "", None, None, options={"model_path": ""}))
    assert store.folder.is_relative_to(isolated_home)
    assert store.chosen is None


async def test_what_was_pulled_is_listed(folder: Path) -> None:
    write_model_without_fim(folder / "plain.gguf")
    (folder / "broken.gguf").write_bytes(b"PK")
    async with opened(model_directory=str(folder)) as provider:
        listed = {facts.name: facts.insert for facts in await provider.models()}
        assert listed == {
            "My-Model.Q4_K_M": True,
            "broken": None,
            "plain": False,
            "qwen2.5-coder-1.5b": True,
            "tiny-fim": True,
        }
        with pytest.raises(Unsupported, match=r"not a GGUF model: .*broken"):
            await provider.facts("broken")
        assert (await provider.facts("qwen2.5-coder:1.5b")).name == "qwen2.5-coder-1.5b"
        with pytest.raises(ModelMissing):
            await provider.facts("other")
        assert await provider.count_tokens("x", "other") is None
        assert await provider.count_tokens("x", "tiny-fim") is None  # it does not run


async def test_a_model_pulled_meanwhile_is_found(tmp_path: Path) -> None:
    async with opened(model_directory=str(tmp_path)) as provider:
        with pytest.raises(ModelMissing):
            await provider.facts("late")
        shutil.copy(TINY_MODEL, tmp_path / "late.gguf")
        assert (await provider.facts("late")).insert


async def test_health_without_a_model_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened() as provider:
        assert (await provider.health()).state is State.READY
        monkeypatch.setattr(embedded_module.importlib.util, "find_spec", lambda name: None)
        health = await provider.health()
        assert (health.state, "pip install xllamacpp" in health.detail) == (State.DOWN, True)
        monkeypatch.undo()
    async with opened(model_path=str(tmp_path / "none.gguf")) as provider:
        assert "there is no model file" in (await provider.health()).detail
        with pytest.raises(ModelMissing, match="there is no model file"):
            await provider.models()


async def test_nothing_starts_after_close() -> None:
    async with opened() as provider:
        pass
    with pytest.raises(ServerFailure, match="closed"):
        async for _ in provider.stream(Generation("tiny-fim", RawPrompt("x"), 1, 0.0)):
            pass


# --- the table ---


@pytest.mark.parametrize("model", KNOWN, ids=lambda model: model.name)
def test_a_known_model(model: KnownModel) -> None:
    assert known(model.name) is model
    assert model.url.startswith("https://huggingface.co/")
    assert model.url.endswith(".gguf")
    assert model.memory > model.file_bytes
    assert name_of(Path(model.file)) == model.name
    assert choose(model.name, "automatic", None, False).family is not None  # its template is known, too


def test_known_models_stand_by_size() -> None:
    sizes = [model.file_bytes for model in KNOWN]
    assert sizes == sorted(sizes)
    assert len({model.file for model in KNOWN}) == len(KNOWN)
