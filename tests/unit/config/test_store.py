"""All sources together as they change: per folder, narrowed by project files, each problem once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from twinny_lsp.config.resolved import CompletionSettings
from twinny_lsp.config.restrict import FILE_NAME, TRUST
from twinny_lsp.config.store import NOTHING, RECHECK_SECONDS, Change, Part, SettingsStore, Source


class Clock:
    """Time that passes when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Place:
    """A user file, a workspace folder, and a store over both."""

    def __init__(self, folder: Path) -> None:
        self.user_file = folder / "config.toml"
        self.root = folder / "root"
        self.root.mkdir()
        self.clock = Clock()
        self._writes = 0

    def store(self, *roots: Path) -> SettingsStore:
        uris = [root.as_uri() for root in roots or (self.root,)]
        return SettingsStore(user_file=self.user_file, roots=uris, clock=self.clock)

    def write(self, path: Path, text: str) -> None:
        """Write a file whose stamp differs from that of the last one, however fast the test is."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self._writes += 1
        os.utime(path, ns=(self._writes, self._writes))

    def uri(self, name: str = "a.py") -> str:
        return (self.root / name).as_uri()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def completion(
    store: SettingsStore, uri: str = "file:///elsewhere/a.py", language: str = "python"
) -> CompletionSettings:
    return store.completion_for(uri, language)


def test_the_order_of_the_sources(place: Place) -> None:
    place.write(
        place.user_file, "[completion]\nmax_tokens = 1\nsuffix_tokens = 1\ncandidates = 1\ncache = false\n"
    )
    store = place.store()
    store.update(Source.EDITOR, {"completion": {"suffixTokens": 3, "candidates": 3}})
    store.update(Source.INITIALIZATION, {"completion": {"maxTokens": 2, "suffixTokens": 2}})
    store.update(Source.SESSION, {"completion": {"candidates": 4}})
    found = completion(store)
    assert (found.max_tokens, found.suffix_tokens, found.candidates, found.cache) == (2, 3, 4, False)


def test_null_takes_back_what_a_source_said(place: Place) -> None:
    store = place.store()
    store.update(Source.INITIALIZATION, {"completion": {"maxTokens": 1}})
    store.update(Source.EDITOR, {"twinny-lsp": {"completion": {"maxTokens": 2}}})
    assert completion(store).max_tokens == 2
    store.update(Source.EDITOR, {"completion": {"maxTokens": None}})
    assert completion(store).max_tokens == 1
    store.update(Source.EDITOR, {"completion": {"maxTokens": 2}})
    store.update(Source.EDITOR, {"twinny-lsp": None})
    assert completion(store).max_tokens == 1
    store.update(Source.EDITOR, {"completion": {"maxTokens": 2}})
    store.update(Source.EDITOR, None)
    assert completion(store).max_tokens == 1


def test_folders_have_their_own_values(place: Place, tmp_path: Path) -> None:
    inner, other = place.root / "inner", tmp_path / "other"
    store = place.store(place.root, inner, other)
    store.update(Source.EDITOR, {"completion": {"maxTokens": 1, "candidates": 1}})
    store.update(Source.EDITOR, {"completion": {"maxTokens": 2}}, scope=place.root.as_uri() + "/")
    store.update(Source.EDITOR, {"completion": {"maxTokens": 3}}, scope=inner.as_uri())
    assert completion(store, place.uri()).max_tokens == 2
    assert completion(store, place.uri()).candidates == 1
    assert completion(store, place.uri("inner/a.py")).max_tokens == 3
    assert completion(store, (other / "a.py").as_uri()).max_tokens == 1
    assert completion(store, "untitled:Untitled-1").max_tokens == 1
    store.set_roots([place.root.as_uri()])
    assert completion(store, place.uri("inner/a.py")).max_tokens == 2
    assert completion(store, "untitled:Untitled-1").max_tokens == 2
    assert store.global_settings().completion_for("c").max_tokens == 1


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ({}, NOTHING),
        ({"completion": {"maxTokens": 256}}, NOTHING),
        ({"completion": {"maxTokens": 5}}, {Part.COMPLETION}),
        ({"chat": {"temperature": 1}}, {Part.CHAT}),
        ({"context": {"tokens": 1}}, {Part.CONTEXT}),
        ({"privacy": {"deny": ["*.sql"]}}, {Part.PRIVACY}),
        ({"log": {"level": "debug"}}, {Part.LOG}),
        ({"templates": {"directory": "/t"}}, {Part.TEMPLATES}),
        ({"providers": {"new": {"baseUrl": "http://h"}}}, {Part.PROVIDERS}),
        ({"providers": {"ollama": {"apiKey": "k"}}}, {Part.PROVIDERS, Part.COMPLETION, Part.CHAT}),
        ({"completion": {"port": 9}}, {Part.PROVIDERS, Part.COMPLETION}),
        ({"completion": {"unknown": 9}}, NOTHING),
    ],
    ids=str,
)
def test_what_changed(place: Place, said: dict[str, Any], parts: Change) -> None:
    store = place.store()
    heard: list[Change] = []
    store.subscribe(heard.append)
    assert store.update(Source.EDITOR, said) == parts
    assert heard == ([parts] if parts else [])
    assert store.update(Source.EDITOR, dict(said)) == NOTHING
    assert len(heard) == bool(parts)


def test_a_change_in_one_folder_is_heard_until_unsubscribed(place: Place) -> None:
    store = place.store()
    heard: list[Change] = []
    unsubscribe = store.subscribe(heard.append)
    store.update(Source.EDITOR, {"log": {"level": "debug"}}, scope=place.root.as_uri())
    unsubscribe()
    store.update(Source.EDITOR, {"log": {"level": "info"}}, scope=place.root.as_uri())
    assert heard == [{Part.LOG}]


def test_an_unchanged_endpoint_stays_equal(place: Place) -> None:
    store = place.store()
    before = completion(store).target
    store.update(
        Source.EDITOR, {"completion": {"maxTokens": 5}, "providers": {"new": {"baseUrl": "http://h"}}}
    )
    assert completion(store).target == before


def test_live_reload_of_the_users_file(place: Place) -> None:
    store = place.store()
    assert store.user_file_changed() == NOTHING
    place.write(place.user_file, "[completion]\nenabled = false\n")
    assert store.user_file_changed() == {Part.COMPLETION}
    assert store.user_file_changed() == NOTHING
    assert not completion(store).enabled
    # Half-written: what held holds, and above all nothing that was off comes on.
    place.write(place.user_file, "[completion]\nenabled = fal")
    assert store.user_file_changed() == NOTHING
    assert not completion(store).enabled
    assert [problem.source for problem in store.take_problems()] == [f"{place.user_file}:2:11"]
    place.user_file.unlink()
    assert store.user_file_changed() == {Part.COMPLETION}
    assert store.take_problems() == ()


@pytest.mark.parametrize("head", ["[completion]", "[twinny-lsp.completion]"])
def test_the_users_file_may_name_the_section(place: Place, head: str) -> None:
    place.write(place.user_file, f'{head}\nmodel = "mine"\n')
    store = place.store()
    assert store.problems() == ()
    target = store.completion_for(place.uri(), "python").target
    assert target is not None
    assert target.model == "mine"


def test_a_broken_file_at_the_start_leaves_the_rest(place: Place) -> None:
    place.write(place.user_file, "completion = [")
    store = place.store()
    store.update(Source.INITIALIZATION, {"completion": {"maxTokens": 7}})
    assert completion(store).enabled
    assert completion(store).max_tokens == 7
    assert len(store.take_problems()) == 1


def test_each_problem_is_told_once(place: Place) -> None:
    store = place.store()
    bad = {"completion": {"maxToken": 1}}
    store.update(Source.EDITOR, bad)
    store.update(Source.EDITOR, bad, scope=place.root.as_uri())
    assert [problem.path for problem in store.take_problems()] == ["completion.maxToken"]
    assert store.take_problems() == ()
    assert len(store.problems()) == 1
    store.update(Source.EDITOR, {})
    store.update(Source.EDITOR, {}, scope=place.root.as_uri())
    assert store.take_problems() == ()
    store.update(Source.EDITOR, bad)
    assert len(store.take_problems()) == 1


NARROW = """
[completion]
max_tokens = 9
contextTokens = 100
suffix_tokens = 500
cache = false
speculate = false
languages = { markdown = false, sh = { enabled = false } }
[context]
imports = false
tokens = 100
maxFileBytes = 10000000
[privacy]
deny = ["*.sql", "[z-a]"]
mask_secrets = true
"""


def test_a_project_file_narrows(place: Place) -> None:
    place.write(place.root / FILE_NAME, NARROW)
    place.write(place.root / "off" / FILE_NAME, "[completion]\nenabled = false\n")
    place.write(place.root / "only" / FILE_NAME, '[completion.languages]\n"*" = false\npy = true\n')
    store = place.store()
    found = completion(store, place.uri())
    assert (found.max_tokens, found.context_tokens, found.suffix_tokens) == (9, 100, 100)
    assert (found.cache, found.speculate, found.enabled) == (False, False, True)
    assert FILE_NAME in completion(store, place.uri(), "md").off_reason
    assert not completion(store, place.uri(), "shellscript").enabled
    assert "switched off by" in completion(store, place.uri("off/a.py")).off_reason
    assert completion(store, place.uri("only/a.py")).enabled
    assert not completion(store, place.uri("only/a.go"), "go").enabled
    assert completion(store).max_tokens == 256
    # Larger than the user's own: theirs hold, and it is said.
    told = [problem.path for problem in store.take_problems()]
    assert told == ["privacy.deny", "completion.suffix_tokens", "context.max_file_bytes"]


def test_a_project_file_narrows_what_is_seen(place: Place) -> None:
    place.write(place.root / FILE_NAME, NARROW)
    place.write(place.user_file, '[privacy]\ndeny = ["*.csv"]\nmask_secrets = false\n')
    store = place.store()
    inside, outside = store.for_document(place.uri()), store.global_settings()
    assert (inside.context().imports, inside.context().tokens) == (False, 100)
    assert inside.context().max_file_bytes == outside.context().max_file_bytes
    assert (outside.context().imports, outside.context().tokens) == (True, 512)
    assert inside.privacy().deny == ("*.csv", "*.sql")
    assert (inside.privacy().mask_secrets, outside.privacy().mask_secrets) == (True, False)
    assert (inside.completion_for("c"), inside.chat()) == (
        inside.restrictions.applied(outside.completion_for("c"), "c"),
        outside.chat(),
    )


ATTACKS = """
schema_version = 1
chat = { hostname = "evil.example", embeddings = { provider = "openai", model = "m" } }
log = { level = "debug" }
templates = { directory = "/evil" }
[providers.ollama]
base_url = "http://evil.example"
api_key_command = ["sh", "-c", "evil"]
headers = { X-Evil = "1" }
[completion]
enabled = true
automatic = true
provider = "openai"
hostname = "evil.example"
path = "/evil"
api_key = "evil"
api_key_file = "/evil"
fim_template = "custom-template"
fallback = ["openai"]
max_file_bytes = 1
debounce = 0
surface = "both"
max_tokens = 100000
context_tokens = 100000
suffix_tokens = -1
cache = true
speculate = "yes"
[completion.languages]
python = true
go = { provider = "openai", enabled = true }
[context]
enabled = true
tokens = 100000
max_file_bytes = 0
[privacy]
allow = [".env"]
deny = ["!*.sql"]
ignore_files = []
mask_secrets = false
"""


REFUSED = """
chat.hostname chat.embeddings log templates providers
completion.enabled completion.automatic completion.provider completion.hostname
completion.path completion.api_key completion.api_key_file completion.fim_template completion.fallback
completion.max_file_bytes completion.debounce completion.surface completion.max_tokens
completion.context_tokens completion.suffix_tokens completion.cache completion.speculate
completion.languages.python completion.languages.go
context.enabled context.tokens context.max_file_bytes
privacy.allow privacy.deny privacy.ignore_files privacy.mask_secrets
"""


def test_a_project_file_can_do_nothing_else(place: Place) -> None:
    place.write(place.user_file, "[completion]\nenabled = false\ncache = false\nmax_tokens = 5\n")
    place.write(place.root / FILE_NAME, ATTACKS)
    store = place.store()
    uri = place.uri()
    inside, outside = store.for_document(uri), store.global_settings()
    for language in ("python", "go", "*"):
        assert inside.completion_for(language) == outside.completion_for(language)
    assert (inside.chat(), inside.endpoints) == (outside.chat(), outside.endpoints)
    assert (inside.context(), inside.privacy()) == (outside.context(), outside.privacy())
    assert (inside.template_directory, inside.log_level) == (outside.template_directory, outside.log_level)
    problems = store.take_problems()
    paths = [problem.path for problem in problems]
    assert len(paths) == len(set(paths))
    assert set(paths) == set(REFUSED.split())
    assert "evil" not in "".join(problem.message for problem in problems)
    assert sum(problem.message.startswith(TRUST) for problem in problems) > 15
    assert store.take_problems() == ()


def test_a_project_file_that_changes(place: Place) -> None:
    store = place.store()
    uri, path = place.uri(), place.root / FILE_NAME
    assert completion(store, uri).enabled
    place.write(path, "[completion]\nenabled = false\n")
    assert completion(store, uri).enabled  # looked at not long ago
    place.clock.now += RECHECK_SECONDS
    assert not completion(store, uri).enabled
    place.write(path, "[completion]\nenabled = fal")
    place.clock.now += RECHECK_SECONDS
    assert not completion(store, uri).enabled
    assert [problem.source for problem in store.take_problems()] == [f"{path}:2:11"]
    path.unlink()
    store.project_files_changed()
    assert completion(store, uri).enabled
    assert store.take_problems() == ()


def test_a_project_file_and_a_change_of_settings(place: Place) -> None:
    place.write(place.root / FILE_NAME, "[completion]\nmax_tokens = 9\n")
    store = place.store()
    assert completion(store, place.uri()).max_tokens == 9
    store.update(Source.EDITOR, {"completion": {"maxTokens": 5, "candidates": 7}})
    found = completion(store, place.uri())
    assert (found.max_tokens, found.candidates) == (5, 7)


def test_many_folders_are_not_kept_for_ever(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinny_lsp.config.store.MAX_FOLDERS", 3)
    place.write(place.root / FILE_NAME, "[completion]\nenabled = false\n")
    store = place.store()
    for number in range(10):
        assert not completion(store, place.uri(f"{number}/a.py")).enabled
    assert len(store._projects) <= 3
