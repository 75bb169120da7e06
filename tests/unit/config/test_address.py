"""Every way people write an address, and where it leads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from twinny_lsp.config.address import Address, join_paths, parse_address, wire_of
from twinny_lsp.config.cleaning import clean
from twinny_lsp.config.resolve import Settings, load
from twinny_lsp.errors import SettingsError
from twinny_lsp.providers.endpoint import Endpoint, Wire
from twinny_lsp.providers.presets import PRESETS


def resolved(settings: dict[str, Any]) -> Settings:
    return load([clean(settings, "test")])


def endpoint(settings: dict[str, Any], role: str = "completion") -> Endpoint:
    found = resolved(settings)
    target = found.completion_for("python").target if role == "completion" else found.chat().target
    assert target is not None, found.problems
    return target.endpoint


def short(role: str, provider: str, short_form: dict[str, Any]) -> list[str]:
    """Base URL, wire and path of a short form over a provider."""
    found = endpoint({role: {"provider": provider, "model": "m", **short_form}}, role)
    route = found.completion if role == "completion" else found.chat
    assert route is not None
    return [found.base_url, route.wire.value, route.path]


TABLES = (Path(__file__).parent / "addresses.txt").read_text(encoding="utf-8")


def table(name: str) -> list[list[str]]:
    """The rows of one of the tables; columns are two blanks apart."""
    rows = TABLES.partition(f"[{name}]")[2].split("\n\n")[0].strip().split("\n")[1:]
    return [re.split(r"  +", row) for row in rows]


def said(text: str) -> dict[str, Any]:
    """`hostname=gpu port=9` as settings."""
    pairs = [pair.partition("=") for pair in text.split() if pair != "-"]
    return {key: int(value) if key == "port" else value for key, _, value in pairs}


@pytest.mark.parametrize("row", table("completion"), ids=" ".join)
def test_short_form_of_completion(row: list[str]) -> None:
    provider, short_form, *leads_to = row
    assert short("completion", provider, said(short_form)) == leads_to


@pytest.mark.parametrize("row", table("chat"), ids=" ".join)
def test_short_form_of_chat(row: list[str]) -> None:
    provider, short_form, *leads_to = row
    assert short("chat", provider, said(short_form)) == leads_to


@pytest.mark.parametrize("row", table("baseUrl"), ids=" ".join)
def test_base_url(row: list[str]) -> None:
    kind, url, *leads_to = row
    found = resolved({"providers": {"box": {"type": kind, "baseUrl": url}}}).endpoint("box")
    assert found is not None
    assert found.completion is not None
    assert found.chat is not None
    assert [found.base_url, found.completion.path, found.chat.path] == leads_to


@pytest.mark.parametrize(
    "bad",
    [
        "ftp://h", "h:x", "h:0", "h:65536", "h:99999999999999999999", "a:b:c", "[::1", "[::1]x", "[h]", "h h",
        "http://", "http://user:hunter2@h", "h?key=hunter2", "h#hunter2", "h\x07", "h\\x", "h..x",
    ],
)  # fmt: skip
def test_bad_addresses_are_refused_without_being_repeated(bad: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_address(bad)
    assert "hunter2" not in str(caught.value)


def test_blanks_around_an_address_are_no_mistake() -> None:
    assert parse_address(" h:1/v1 \n") == Address("", "h", 1, "/v1")


@pytest.mark.parametrize("key", ["hostname", "baseUrl"])
def test_a_bad_address_sends_code_nowhere_else(key: str) -> None:
    """Not to the preset's own address: that may be a vendor's."""
    chat = {"provider": "openai", "model": "m"}
    if key == "hostname":
        settings = resolved({"chat": {**chat, "hostname": "my host"}})
    else:
        settings = resolved({"chat": chat, "providers": {"openai": {"baseUrl": "h h"}}})
    assert settings.chat().target is None
    assert "blanks" in settings.chat().off_reason
    assert any(problem.path.endswith(key) for problem in settings.problems)


@pytest.mark.parametrize(
    ("said", "path", "part"),
    [
        ({"hostname": "https://h", "protocol": "http"}, "completion.protocol", "holds"),
        ({"hostname": "h:1", "port": 2}, "completion.port", "holds"),
        ({"path": "/v1?x"}, "completion.path", "without blanks"),
    ],
)
def test_what_disagrees_is_reported(said: dict[str, Any], path: str, part: str) -> None:
    settings = resolved({"completion": said})
    assert [problem.path for problem in settings.problems] == [path]
    assert part in settings.problems[0].message
    assert settings.completion_for("go").enabled


def test_a_chat_path_for_completion_serves_both() -> None:
    found = endpoint({"completion": {"path": "/v1/chat/completions"}})
    assert found.completion == found.chat
    assert found.infill is None


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
@pytest.mark.parametrize(
    ("provider", "said", "template"),
    [
        ("ollama", "", "chat"),
        ("ollama", "automatic", "chat"),
        ("litellm", "", "chat"),
        ("ollama", "qwen", "qwen"),
        ("ollama", "custom-template", "custom-template"),
    ],
)
def test_a_chat_path_for_completion_is_asked_as_a_chat(
    path: str, provider: str, said: str, template: str
) -> None:
    settings = resolved({"completion": {"provider": provider, "path": path, "fimTemplate": said}})
    target = settings.completion_for("c").target
    assert target is not None
    assert target.template == template


def test_infill_is_native_and_completion_is_not() -> None:
    settings = resolved({"completion": {"provider": "llamacpp", "path": "/infill"}})
    target = settings.completion_for("c").target
    assert target is not None
    assert target.template == "native"
    assert target.endpoint.infill is not None
    assert target.endpoint.infill.wire is Wire.LLAMACPP_INFILL
    assert endpoint({"completion": {"provider": "llamacpp"}}).infill == PRESETS["llamacpp"].infill
    # The path that is said is the path that is used: a proxy may let no other through.
    assert endpoint({"completion": {"provider": "llamacpp", "path": "/completion"}}).infill is None


def test_the_short_form_keeps_what_it_does_not_say() -> None:
    ollama = {"apiKeyEnv": "K", "headers": {"X-A": "b"}, "timeouts": {"idle": 7}, "numCtx": 8192}
    found = endpoint({"providers": {"ollama": ollama}, "completion": {"port": 9}})
    assert (found.name, found.preset, found.key.env) == ("ollama (completion)", "ollama", "K")
    assert (found.headers["X-A"], found.timeouts.idle, found.options["num_ctx"]) == ("b", 7, 8192)
    assert endpoint({"completion": {"apiKey": "k"}}).key.value == "k"


def test_the_embedded_provider_has_no_address() -> None:
    settings = resolved({"completion": {"provider": "embedded", "port": 9}})
    assert [problem.path for problem in settings.problems] == ["completion.hostname"]
    target = settings.completion_for("c").target
    assert target is not None
    assert target.endpoint.base_url == ""


@pytest.mark.parametrize(
    ("base", "path", "joined"),
    [
        ("", "/v1", "/v1"),
        ("/ollama", "", "/ollama"),
        ("/ollama/v1", "/v1/completions", "/ollama/v1/completions"),
        ("/ollama", "/ollama/v1", "/ollama/v1"),
        ("/v1/chat/completions", "/v1/completions", "/v1/completions"),
        ("/a", "/b", "/a/b"),
    ],
)
def test_join_paths(base: str, path: str, joined: str) -> None:
    assert join_paths(base, path) == joined


def test_wires() -> None:
    said = [
        "/api/generate",
        "/x/v1/completions",
        "/chat/completions",
        "/api/chat",
        "/completion",
        "/infill",
        "/v1",
    ]
    assert [wire_of(path) for path in said] == [
        Wire.OLLAMA_GENERATE,
        Wire.OPENAI_COMPLETIONS,
        Wire.OPENAI_CHAT,
        Wire.OLLAMA_CHAT,
        Wire.LLAMACPP_COMPLETION,
        Wire.LLAMACPP_INFILL,
        None,
    ]
