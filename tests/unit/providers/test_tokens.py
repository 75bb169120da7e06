"""Counting tokens by the server: what each brand is asked, and what is made of every answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from tests.support.asking import endpoint
from twinny_lsp import errors
from twinny_lsp.providers import tokens
from twinny_lsp.providers.endpoint import Route, Wire
from twinny_lsp.providers.tokens import TokenCounter
from twinny_lsp.providers.wire import JsonObject

URL = "http://127.0.0.1:9"


class Server:
    """Answers each question with the next of `answers`, or fails with it; the last one for ever."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Any]] = []

    def __call__(self, method: str, path: str, body: JsonObject | None = None) -> Awaitable[object]:
        self.asked.append((method, path, body))
        return self._answer(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    async def _answer(self, answer: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, asyncio.Event):
            await answer.wait()
        return answer


@pytest.mark.parametrize(
    ("preset", "answer", "asked"),
    [
        (
            "llamacpp",
            {"tokens": [4, 5, 6]},
            ("/tokenize", {"content": "a b", "model": "m", "parse_special": True}),
        ),
        (
            "vllm",
            {"count": 3, "max_model_len": 4096, "tokens": [4, 5, 6]},
            ("/tokenize", {"prompt": "a b", "add_special_tokens": False}),
        ),
        (
            "tabbyapi",
            {"tokens": [4, 5, 6], "length": 3},
            ("/v1/token/encode", {"text": "a b", "add_bos_token": False}),
        ),
        ("oobabooga", {"length": 3}, ("/v1/internal/token-count", {"text": "a b"})),
    ],
)
async def test_who_is_asked_how(preset: str, answer: object, asked: tuple[str, object]) -> None:
    server = Server(answer)
    assert await TokenCounter(endpoint(URL, preset)).count(server, "a b", "m") == 3
    assert server.asked == [("POST", *asked)]


@pytest.mark.parametrize("preset", ["ollama", "lmstudio", "litellm", "openai-compatible", "mistral"])
async def test_who_is_never_asked(preset: str) -> None:
    server = Server({"count": 3})
    assert await TokenCounter(endpoint(URL, preset)).count(server, "a b", "m") is None
    assert server.asked == []


async def test_a_path_before_the_usual_one_is_kept() -> None:
    server = Server({"tokens": []})
    behind = endpoint(URL, "llamacpp")
    counter = TokenCounter(
        type(behind)("x", "llamacpp", URL, Route(Wire.LLAMACPP_COMPLETION, "/llm/completion"), None)
    )
    assert await counter.count(server, "", "m") == 0
    assert server.asked[0][1] == "/llm/tokenize"


@pytest.mark.parametrize(
    "failure",
    [
        errors.WrongAddress("404"),
        errors.Unsupported("501"),
        errors.BadAnswer("rubbish"),
        errors.ServerFailure("refused"),
        {"error_of_a_new_kind": 1},
        {"tokens": "three"},
        ["tokens"],
        None,
    ],
)
async def test_a_server_that_cannot_is_asked_once(failure: object) -> None:
    server = Server(failure, {"tokens": [1]})
    counter = TokenCounter(endpoint(URL, "llamacpp"))
    assert await counter.count(server, "a", "m") is None
    assert await counter.count(server, "a", "m") is None
    assert len(server.asked) == 1
    counter.forget()
    assert await counter.count(server, "a", "m") == 1


@pytest.mark.parametrize(
    "failure", [errors.Unreachable("down"), errors.Busy("busy"), errors.SettingsError("no key")]
)
async def test_a_server_that_does_not_just_now_is_asked_again(failure: Exception) -> None:
    server = Server(failure, {"tokens": [1]})
    counter = TokenCounter(endpoint(URL, "llamacpp"))
    assert await counter.count(server, "a", "m") is None
    assert await counter.count(server, "a", "m") == 1


async def test_it_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_SECONDS", 0.01)
    counter = TokenCounter(endpoint(URL, "llamacpp"))
    assert await counter.count(Server(asyncio.Event()), "a", "m") is None
