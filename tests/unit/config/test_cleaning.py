"""What people write, in any spelling, with mistakes: what holds of it and what they are told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twinny_lsp.config.cleaning import Layer, clean, is_ours
from twinny_lsp.config.oldnames import OLD_NAMES
from twinny_lsp.config.resolve import load


def said(raw: object) -> tuple[dict[str, Any], dict[str, str]]:
    """What holds, and the problems by path."""
    layer = clean(raw, "test")
    return layer.values, {problem.path: problem.message for problem in layer.problems if not problem.hint}


def test_both_spellings_are_the_same() -> None:
    camel = {
        "schemaVersion": 1,
        "completion": {"maxTokens": 1, "languages": {"objectiveC": {"fimTemplate": "x"}}},
        "providers": {"myBox": {"baseUrl": "u", "headers": {"xFoo": "1"}, "timeouts": {"firstByte": 2}}},
    }
    snake = {
        "schema_version": 1,
        "completion": {"max_tokens": 1, "languages": {"objectiveC": {"fim_template": "x"}}},
        "providers": {"myBox": {"base_url": "u", "headers": {"xFoo": "1"}, "timeouts": {"first_byte": 2}}},
    }
    assert said(camel) == said(snake)
    values, problems = said(camel)
    assert not problems
    assert list(values["providers"]) == ["myBox"]
    assert list(values["providers"]["myBox"]["headers"]) == ["xFoo"]
    assert list(values["completion"]["languages"]) == ["objectiveC"]


def test_said_twice_the_first_holds() -> None:
    values, problems = said({"completion": {"maxTokens": 1, "max_tokens": 2}})
    assert values == {"completion": {"max_tokens": 1}}
    assert list(problems) == ["completion.max_tokens"]


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {},
        {"completion": None},
        {"completion": {"maxTokens": None, "languages": {"go": None}}, "providers": {"x": None}},
    ],
)
def test_null_is_unset(raw: object) -> None:
    values, problems = said(raw)
    assert not problems
    assert values.get("completion", {}) in ({}, {"languages": {}})


def test_a_number_is_a_number() -> None:
    assert said({"completion": {"maxTokens": 12.0, "temperature": 0}}) == (
        {"completion": {"max_tokens": 12, "temperature": 0}},
        {},
    )


def test_dotted_keys() -> None:
    values, problems = said(
        {"completion.model": "m", "completion.languages.go": False, "completion": {"provider": "p"}}
    )
    assert not problems
    assert values == {"completion": {"provider": "p", "model": "m", "languages": {"go": {"enabled": False}}}}


BAD = [
    ({"completion": {"modell": "x"}}, "completion.modell", "did you mean `model`?"),
    ({"complletion": {}}, "complletion", "did you mean `completion`?"),
    ({"model": "x"}, "model", "did you mean `completion.model` or `chat.model`?"),
    ({"completion": {"debounceWait": 1}}, "completion.debounceWait", "`completion.debounce`"),
    ({"completion": {"zzz": 1}}, "completion.zzz", "known here: `provider`, `model`"),
    ({"completion": {"enabled": "yes"}}, "completion.enabled", "should be true or false"),
    ({"completion": {"maxTokens": "many"}}, "completion.maxTokens", "should be a whole number"),
    ({"completion": {"maxTokens": True}}, "completion.maxTokens", "should be a whole number"),
    ({"completion": {"maxTokens": 0}}, "completion.maxTokens", "should be at least 1"),
    ({"completion": {"max_tokens": 1.5}}, "completion.max_tokens", "should be a whole number"),
    ({"completion": {"port": 70000}}, "completion.port", "should be at most 65535"),
    ({"completion": {"temperature": float("nan")}}, "completion.temperature", "should be"),
    ({"completion": {"temperature": 3}}, "completion.temperature", "should be at most 2"),
    ({"completion": {"debounce": "x"}}, "completion.debounce", "should be 'auto' or a whole number"),
    ({"completion": {"surface": "x"}}, "completion.surface", "'auto', 'inline', 'menu' or 'both'"),
    ({"completion": {"languages": ["go"]}}, "completion.languages", "should be a table"),
    ({"completion": {"languages": {"go": 3}}}, "completion.languages.go", "should be"),
    ({"completion": {"languages": {"go": {"x": 1}}}}, "completion.languages.go.x", "unknown"),
    ({"completion": {"fallback": ["a", 3]}}, "completion.fallback", "should be"),
    ({"completion": {"path": "a\0b"}}, "completion.path", "NUL"),
    ({"completion": 3}, "completion", "should be a table"),
    ({"providers": {"x": 3}}, "providers.x", "should be a table"),
    ({"providers": {"x": {"headers": {"a b": "c"}}}}, "providers.x.headers.a b", "the name of a header"),
    ({"providers": {"x": {"headers": {"a": "b\nc"}}}}, "providers.x.headers.a", "line breaks"),
    ({"providers": {"x": {"headers": {"a": 3}}}}, "providers.x.headers.a", "should be text"),
    ({"providers": {"x": {"timeouts": {"idle": 0}}}}, "providers.x.timeouts.idle", "more than 0"),
    ({"providers": {"x": {"apiKeyCommand": "pass"}}}, "providers.x.apiKeyCommand", "should be a list"),
    ({"providers": {"x": {"apiKey": 3}}}, "providers.x.apiKey", "should be text"),
    ({"log": {"level": "loud"}}, "log.level", "'debug', 'info', 'warning' or 'error'"),
    ({"context": {"token": 1}}, "context.token", "did you mean `tokens`?"),
    ({"context": {"tokens": -1}}, "context.tokens", "should be at least 0"),
    ({"context": {"imports": "no"}}, "context.imports", "should be true or false"),
    ({"privacy": {"deny": "*.sql"}}, "privacy.deny", "should be a list"),
    ({"privacy": {"allow": [3]}}, "privacy.allow", "should be"),
    ({"schemaVersion": 2}, "schemaVersion", "newer version"),
    ({3: 4}, "", "every key should be text"),
    ([1], "", "should be a table"),
    ("text", "", "should be a table"),
]


@pytest.mark.parametrize(("raw", "path", "part"), BAD, ids=lambda value: value if type(value) is str else "")
def test_a_bad_key_is_reported_and_the_rest_holds(raw: Any, path: str, part: str) -> None:
    good = {"chat": {"model": "kept"}} if isinstance(raw, dict) else None
    values, problems = said({**raw, **good} if good else raw)
    assert list(problems) == [path]
    assert part in problems[path]
    assert values.get("chat") == (good or {}).get("chat")
    load([clean(raw, "test")])


SECRET = "sk-hunter2"


@pytest.mark.parametrize(
    "raw",
    [
        {"providers": {"x": {"apiKey": [SECRET], "baseUrl": f"http://a:{SECRET}@h"}}},
        {"providers": {"x": {"headers": {"a": f"{SECRET}\n"}, "timeouts": SECRET, "apiKeyCommand": SECRET}}},
        {"completion": {"provider": SECRET, "fimTemplate": SECRET, "hostname": f"h?k={SECRET}"}},
        {"completion": {"surface": SECRET, "port": SECRET, "maxTokens": SECRET, "unknown": SECRET}},
        {"apiBearerToken": SECRET, "githubToken": SECRET, "fallback": SECRET, "languages": {"a": SECRET}},
        {"completion": SECRET, "log": SECRET},
    ],
)
def test_no_problem_repeats_a_value(raw: dict[str, Any]) -> None:
    settings = load([clean(raw, "test")], templates={"codellama"})
    assert settings.problems
    told = "".join(map(str, settings.problems)) + settings.completion_for("c").off_reason
    everything = f"{told} {settings!r} {settings.as_json()['providers']}"
    assert "hunter2" not in everything


def test_secrets_are_never_shown() -> None:
    raw = {
        "providers": {
            "a": {
                "baseUrl": "http://h",
                "apiKey": SECRET,
                "apiKeyCommand": ["print", SECRET],
                "headers": {"Authorization": SECRET},
            }
        },
        "completion": {"provider": "a", "model": "m", "apiKey": SECRET},
    }
    layer = clean(raw, "test")
    settings = load([layer])
    assert not settings.problems
    target = settings.completion_for("c").target
    assert target is not None
    assert target.endpoint.key.value == SECRET
    found = settings.endpoint("a")
    assert found is not None
    assert found.headers["Authorization"] == SECRET
    shown = settings.as_json()
    assert shown["providers"]["a"]["apiKey"] == "(set)"
    assert shown["providers"]["a"]["headers"] == {"Authorization": "(set)"}
    assert "hunter2" not in f"{layer!r} {settings!r} {settings!s} {target!r} {found!s} {shown}"


@pytest.mark.parametrize(
    ("old", "section", "key", "value"),
    [
        ({"enabled": False}, "completion", "enabled", False),
        ({"fileContextEnabled": False}, "context", "open_files", False),
        ({"enabledLanguages": {"go": False}}, "completion", "languages", {"go": {"enabled": False}}),
        ({"debounceWait": 300}, "completion", "debounce", 300),
        ({"temperature": 0.5}, "completion", "temperature", 0.5),
        ({"contextLength": 100}, "completion", "context_tokens", 1000),
        ({"numPredictFim": 99}, "completion", "max_tokens", 99),
        ({"numPredictChat": 99}, "chat", "max_tokens", 99),
        ({"multilineCompletionsEnabled": False}, "completion", "multiline", "never"),
        ({"useMultiLineCompletions": True}, "completion", "multiline", "auto"),
        ({"completionCacheEnabled": False}, "completion", "cache", False),
        ({"enableCompletionCache": True}, "completion", "cache", True),
        ({"autoSuggestEnabled": False}, "completion", "automatic", False),
        ({"disableAutoSuggest": True}, "completion", "automatic", False),
        ({"fimModelName": "m"}, "completion", "model", "m"),
        ({"chatModelName": "m"}, "chat", "model", "m"),
        ({"fimApiPath": "/v1"}, "completion", "path", "/v1"),
        ({"fimApiPort": 1}, "completion", "port", 1),
        ({"chatApiPath": "/v1"}, "chat", "path", "/v1"),
        ({"chatApiPort": 1}, "chat", "port", 1),
        ({"apiHostname": "h"}, "chat", "hostname", "h"),
        ({"apiUrl": "h"}, "completion", "hostname", "h"),
        ({"useTls": True}, "completion", "protocol", "https"),
        ({"apiProvider": "ollamawebui"}, "completion", "provider", "openwebui"),
        ({"apiProvider": "LMStudio"}, "chat", "provider", "lmstudio"),
        ({"fimTemplateFormat": "codellama"}, "completion", "fim_template", "codellama"),
        ({"keepAlive": "-1"}, "providers", "ollama", {"keep_alive": -1}),
        ({"ollamaHostname": "h", "ollamaApiPort": 2}, "providers", "ollama", {"base_url": "http://h:2"}),
        ({"ollamaUseTls": True}, "providers", "ollama", {"base_url": "https://127.0.0.1:11434"}),
    ],
    ids=str,
)
def test_old_names(old: dict[str, Any], section: str, key: str, value: object) -> None:
    layer = clean(old, "test")
    assert layer.values[section][key] == value
    assert {problem.path for problem in layer.problems} == set(old)
    assert all(problem.hint and "is called `" in problem.message for problem in layer.problems)


def test_every_old_name_is_told_and_none_stops_anything() -> None:
    for name, meaning in OLD_NAMES.items():
        layer = clean({name: 5}, "test")
        assert name in {problem.path for problem in layer.problems}
        assert all(problem.hint for problem in layer.problems) or meaning.paths
        load([layer])


def test_a_new_name_wins_over_an_old_one() -> None:
    assert clean({"debounceWait": 300, "completion": {"debounce": 100}}, "t").values["completion"] == {
        "debounce": 100
    }


def test_an_unlimited_number_is_left_out() -> None:
    assert clean({"numPredictFim": -1}, "test").values == {"completion": {}}


@pytest.mark.parametrize(
    ("raw", "ours"),
    [
        ({"completion": {}}, True),
        ({"completoin": {}}, True),
        ({"fimModelName": ""}, True),
        ({"completion.model": ""}, True),
        ({"clientFeatures": {}}, True),
        ({"python": {}, "editor.tabSize": 4}, False),
        ({}, False),
    ],
)
def test_is_ours(raw: dict[str, Any], ours: bool) -> None:
    assert is_ours(raw) is ours


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = """
completion chat providers ollama languages * go headers baseUrl apiKey path hostname port provider model
timeouts fallback debounce apiUrl ollamaApiPort
"""
KEYS = st.sampled_from(NAMES.split())
SETTINGS = st.recursive(
    JSON, lambda inner: st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=5), max_leaves=20
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SETTINGS, max_size=3))
def test_nothing_anybody_writes_stops_anything(raws: list[object]) -> None:
    layers = [clean(raw, str(number)) for number, raw in enumerate(raws)]
    found = load(layers)
    completion = found.completion_for("go")
    assert completion.enabled == (completion.off_reason == "")
    assert (found.chat().target is None) == bool(found.chat().off_reason)
    for layer in layers:
        # What was found good is good: cleaning it again changes nothing.
        assert clean(layer.values, layer.source) == Layer(layer.source, layer.values)
