"""How a server's words become an error's kind, and what never becomes part of a message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.asking import endpoint, generation
from twinny_lsp import errors
from twinny_lsp.exchange import ChatPrompt, ContextFile, FimPrompt, Message, Prompt, RawPrompt
from twinny_lsp.providers import failures
from twinny_lsp.providers.answer import Complaint
from twinny_lsp.providers.failures import Evidence, scrub, where

URL = "http://127.0.0.1:9"


def judged(status: int, words: str, preset: str = "vllm") -> errors.ProviderError:
    return failures.from_answer(
        endpoint(URL, preset), Evidence(status, Complaint(words), generation=generation())
    )


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (400, "This model's maximum context length is 8192 tokens. However, you asked for 9000", "overflow"),
        (400, "the prompt is longer than the model's context length: 9000", "overflow"),
        (400, "Prompt is too large for model with 32768 maximum context length", "overflow"),
        (500, "input length exceeds the context length", "overflow"),
        (500, "Post: context deadline exceeded", "server"),
        (499, "context canceled", "interrupted"),
        (404, "The model `m` does not exist or you do not have access to it.", "missing"),
        (404, "File Not Found", "address"),
        (404, "", "address"),
        (405, "Method Not Allowed", "address"),
        (500, "model runner has unexpectedly stopped", "server"),
        (502, "bad gateway", "server"),
        (503, "The model is still loading", "loading"),
        (503, "", "busy"),
        (429, "slow down", "busy"),
        (529, "Overloaded", "busy"),
        (504, "upstream timed out", "late"),
        (401, "", "key"),
        (403, "no", "key"),
        (400, "m does not support thinking", "unsupported"),
        (413, "body too large", "server"),
    ],
)
def test_kinds(status: int, words: str, kind: str) -> None:
    kinds = {
        "overflow": errors.ContextOverflow,
        "server": errors.ServerFailure,
        "interrupted": errors.Interrupted,
        "missing": errors.ModelMissing,
        "address": errors.WrongAddress,
        "loading": errors.Loading,
        "busy": errors.Busy,
        "late": errors.TimedOut,
        "key": errors.Unauthorized,
        "unsupported": errors.Unsupported,
    }
    assert type(judged(status, words)) is kinds[kind]


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        ("request (10801 tokens) exceeds the available context size (1024 tokens), try increasing it", 1024),
        ("maximum context length is 8192 tokens. However", 8192),
        ("context overflows; loaded with context length of only 4096 tokens", 4096),
        ("the prompt exceeds the context", None),
    ],
)
def test_the_limit_is_read_from_the_words(words: str, limit: int | None) -> None:
    error = judged(400, words)
    assert isinstance(error, errors.ContextOverflow)
    assert error.limit == limit


def test_the_limit_in_a_field_comes_first() -> None:
    evidence = Evidence(400, Complaint("too long", "exceed_context_size_error", "400", 512))
    error = failures.from_answer(endpoint(URL, "llamacpp"), evidence)
    assert isinstance(error, errors.ContextOverflow)
    assert error.limit == 512


def test_ollama_cloud_models_want_a_sign_in() -> None:
    assert "`ollama signin`" in str(judged(401, "unauthorized", "ollama"))


def test_a_refused_host_name_is_no_matter_of_keys() -> None:
    assert isinstance(judged(403, "", "ollama"), errors.WrongAddress)


def test_an_address_is_shown_without_its_password() -> None:
    secret = endpoint("http://user:sesame@host.example:8080/base", "vllm")
    assert where(secret) == "vllm at http://host.example:8080/base"
    assert where(replace(secret, base_url="")) == "vllm at no address"


@pytest.mark.parametrize(
    "text",
    [
        "Received API Key = sk-...wxyz1234, Key Hash",
        "Incorrect API key provided: sk-proj-abc***def.",
        "token eyJhbGciOiJIUzI1NiJ9.e30.AAAA is bad",
        "header Bearer abc.def-ghi",
        "you sent my-own-key",
    ],
)
def test_nothing_like_a_key_is_shown(text: str) -> None:
    shown = scrub(text, "my-own-key", None)
    for part in ("wxyz", "abc", "e30", "my-own-key"):
        assert part not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "prompt",
    [
        RawPrompt("a = 1\nlaunch(4711)\n"),
        FimPrompt("a = 1\n", "  launch(4711)\nb"),
        FimPrompt("a", "b", (ContextFile("f", "launch(4711)"),)),
        ChatPrompt((Message("user", "see\r\nlaunch(4711)"),)),
    ],
)
def test_nothing_of_the_prompt_is_shown(prompt: Prompt) -> None:
    asked = replace(generation(), prompt=prompt)
    assert scrub("syntax error near 'launch(4711)' in body", "", asked) == ""
    assert scrub("syntax error", "", asked) == "syntax error"


def test_long_words_are_cut_and_lines_joined() -> None:
    assert scrub("a\n\n b\tc", "", None) == "a b c"
    assert len(scrub("x" * 10_000, "", None)) <= 240


@pytest.mark.parametrize(
    ("preset", "said"),
    [
        ("ollama", "It has: a. Choose one of these, or get the model with `ollama pull nope`."),
        (
            "vllm",
            "It has: a. Choose one of these. It serves the model it was started with: `vllm serve nope`.",
        ),
        ("openai-compatible", "It has: a."),
    ],
)
def test_what_is_there_and_how_to_get_more_is_one_text(preset: str, said: str) -> None:
    evidence = Evidence(404, Complaint("model not found"), model="nope", there=("a",))
    error = failures.from_answer(endpoint(URL, preset), evidence)
    assert str(error).endswith(said)


@pytest.mark.parametrize(
    ("words", "limit", "asked"),
    [
        ("request (10801 tokens) exceeds the available context size (1024 tokens)", 1024, 10801),
        (
            "This model's maximum context length is 8192 tokens. However, you requested 9001 tokens (8745 in "
            "the messages, 256 in the completion).",
            8192,
            9001,
        ),
        (
            "The maximum context length is 4096 tokens. However, your request has 5000 input tokens.",
            4096,
            5000,
        ),
        ("the prompt is longer than the model's context", None, None),
    ],
)
def test_how_much_was_too_much(words: str, limit: int | None, asked: int | None) -> None:
    error = judged(400, words)
    assert isinstance(error, errors.ContextOverflow)
    assert (error.limit, error.asked) == (limit, asked)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("The model mistral-large-latest does not support FIM", errors.Unsupported),
        ("Fill-in-the-middle is not enabled for this model", errors.Unsupported),
        ("Invalid model: x", errors.ModelMissing),
    ],
)
def test_a_vendors_refusal_to_fill_in_the_middle(message: str, kind: type[errors.ProviderError]) -> None:
    prompt = generation(FimPrompt("a", "b"))
    evidence = Evidence(400, Complaint(message), generation=prompt)
    assert isinstance(failures.from_answer(endpoint(URL, "mistral"), evidence), kind)
