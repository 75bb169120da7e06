"""Symmetry is switched on, and steered, by the user's own file and by nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from twinny_lsp.config.cleaning import clean
from twinny_lsp.config.owner import OWNER_KEYS
from twinny_lsp.config.resolve import Settings, load
from twinny_lsp.config.schema import ProviderSettings
from twinny_lsp.config.spelling import camel
from twinny_lsp.config.store import SettingsStore, Source
from twinny_lsp.providers.presets import SYMMETRY_NOTICE

KEY, OTHER = "ab" * 32, "cd" * 32
CHAT = '[chat]\nprovider = "symmetry"\nmodel = "m"\n'
OPEN = f"{CHAT}[providers.symmetry]\nopt_in = true\n"
EVERYTHING = {
    "optIn": True,
    "serverKey": OTHER,
    "allowedProviders": [OTHER],
    "bootstrap": ["127.0.0.1:1"],
    "nodePath": "/tmp/evil",
}


def store_of(tmp_path: Path, text: str) -> SettingsStore:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    return SettingsStore(user_file=file)


def own(tmp_path: Path, text: str) -> Settings:
    return store_of(tmp_path, text).global_settings()


def test_it_is_off_and_says_what_it_would_mean(tmp_path: Path) -> None:
    settings = own(tmp_path, CHAT)
    chat = settings.chat()
    assert chat.target is None
    assert SYMMETRY_NOTICE in chat.off_reason
    assert "`opt_in = true` under `[providers.symmetry]`" in chat.off_reason
    assert settings.endpoint("symmetry") is None


def test_the_users_file_switches_it_on(tmp_path: Path) -> None:
    more = f'server_key = "{KEY}"\nallowed_providers = ["{OTHER}"]\nbootstrap = ["127.0.0.1:4000"]\n'
    settings = own(tmp_path, OPEN + more + 'node_path = "~/node"\n[providers.symmetry.timeouts]\nidle = 5\n')
    target = settings.chat().target
    assert target is not None
    assert (target.endpoint.base_url, target.model) == ("", "m")
    assert dict(target.endpoint.options) == {
        "server_key": KEY,
        "allowed_providers": (OTHER,),
        "bootstrap": ("127.0.0.1:4000",),
        "node_path": str(Path.home() / "node"),
    }
    timeouts = target.endpoint.timeouts
    assert (timeouts.connect, timeouts.first_byte, timeouts.idle, timeouts.total) == (15, 60, 5, 600)
    assert not settings.problems


@pytest.mark.parametrize("source", list(Source))
def test_no_editor_can_switch_it_on(tmp_path: Path, source: Source) -> None:
    store = store_of(tmp_path, "")
    chat = {"provider": "symmetry", "model": "m"}
    store.update(source, {"chat": chat, "providers": {"symmetry": EVERYTHING}})
    settings = store.global_settings()
    assert settings.chat().target is None
    told = {problem.path for problem in settings.problems if "only your own file" in problem.message}
    assert told == {f"providers.symmetry.{camel(key)}" for key in OWNER_KEYS}


def test_no_editor_can_steer_it(tmp_path: Path) -> None:
    store = store_of(tmp_path, OPEN + f'server_key = "{KEY}"\n')
    before = store.global_settings().chat().target
    store.update(Source.EDITOR, {"providers": {"symmetry": EVERYTHING}})
    assert store.global_settings().chat().target == before
    # Nor under Twinny's old name, nor by turning another provider into one.
    other = {"x": {"type": "symmetry", "optIn": True}}
    store.update(Source.EDITOR, {"symmetryServerKey": OTHER, "providers": other})
    assert store.global_settings().chat().target == before
    assert store.global_settings().endpoint("x") is None


def test_a_projects_file_can_neither(tmp_path: Path) -> None:
    store = store_of(tmp_path, CHAT)
    root = tmp_path / "project"
    root.mkdir()
    (root / ".twinny.toml").write_text(OPEN, encoding="utf-8")
    store.set_roots([root.as_uri()])
    settings = store.for_document((root / "a.py").as_uri())
    assert settings.chat().target is None
    assert {"chat.model", "providers"} <= {problem.path for problem in settings.problems}


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("server_key = 'xyz'", "serverKey"),
        ("server_key = 7", "serverKey"),
        ("allowed_providers = ['xyz']", "allowedProviders"),
        ("allowed_providers = [7]", "allowedProviders"),
        ("allowed_providers = 'xyz'", "allowedProviders"),
        ("allowed_providers = {}", "allowedProviders"),
        ("bootstrap = ['nowhere']", "bootstrap"),
        ("bootstrap = 7", "bootstrap"),
    ],
)
def test_what_makes_no_sense_does_not_widen_anything(tmp_path: Path, line: str, key: str) -> None:
    """Left out, each of these would send the chat to others than meant."""
    settings = own(tmp_path, f"{OPEN}{line}\n")
    assert settings.chat().target is None
    assert f"`providers.symmetry.{key}` should be" in settings.chat().off_reason


@pytest.mark.parametrize("line", ["proxy = 'http://10.0.0.1:3128'", "socket = '/run/s'"])
def test_a_detour_that_is_not_possible_is_no_direct_way(tmp_path: Path, line: str) -> None:
    chat = own(tmp_path, f"{OPEN}{line}\n").chat()
    assert chat.target is None
    assert "Symmetry goes over UDP" in chat.off_reason


def test_one_id_needs_no_list(tmp_path: Path) -> None:
    endpoint = own(tmp_path, f'{OPEN}allowed_providers = "{OTHER.upper()}"\n').endpoint("symmetry")
    assert endpoint is not None
    assert endpoint.options["allowed_providers"] == (OTHER,)


def test_it_is_no_fallback_and_no_completion(tmp_path: Path) -> None:
    text = f'{OPEN}[completion]\nprovider = "symmetry"\nmodel = "m"\nfallback = ["symmetry"]\n'
    completion = own(tmp_path, text).completion_for("python")
    assert completion.target is None
    assert completion.fallback == ()
    assert "Symmetry carries chat only" in completion.off_reason


def test_an_address_means_nothing_to_it(tmp_path: Path) -> None:
    settings = own(tmp_path, f'{OPEN}base_url = "http://10.0.0.1"\n')
    endpoint = settings.endpoint("symmetry")
    assert endpoint is not None
    assert endpoint.base_url == ""
    assert any("Symmetry has no address" in problem.message for problem in settings.problems)


def test_its_keys_do_nothing_elsewhere() -> None:
    raw: dict[str, Any] = {"providers": {"ollama": {"optIn": True, "serverKey": KEY}}}
    problems = load([clean(raw, "a file")]).problems
    assert {problem.path for problem in problems} == {"providers.ollama.optIn", "providers.ollama.serverKey"}
    assert set(ProviderSettings.model_fields) >= OWNER_KEYS


def test_the_relay_is_an_ordinary_server_with_a_warning(tmp_path: Path) -> None:
    settings = own(tmp_path, '[chat]\nprovider = "symmetry-relay"\n')
    target = settings.chat().target
    assert target is not None
    assert (target.endpoint.base_url, target.model) == ("https://twinny.dev", "llama3.2:latest")
    assert target.endpoint.chat is not None
    assert target.endpoint.chat.path == "/v1/chat/completions"
