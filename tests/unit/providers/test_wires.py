"""The exact request bodies: what each server gets, and what it must never get."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.asking import endpoint
from twinny_lsp.exchange import (
    ChatPrompt,
    ContextFile,
    FimPrompt,
    Generation,
    Message,
    ModelFacts,
    Prompt,
    RawPrompt,
)
from twinny_lsp.providers import llamacpp, ollama, openai, routes

URL = "http://127.0.0.1:9"
RAW = RawPrompt("<PRE> a <SUF>b <MID>")
FIM = FimPrompt("a", "b", (ContextFile("util.py", "x = 1\n"),))
CHAT = ChatPrompt((Message("system", "s"), Message("user", "u")))


def asked(prompt: Prompt, stop: tuple[str, ...] = ("<EOT>", "\n\n"), seed: int | None = None) -> Generation:
    return Generation("m", prompt, 16, 0.2, stop, seed)


def test_ollama_raw() -> None:
    made = ollama.body(asked(RAW, seed=3), endpoint(URL, options={"num_ctx": 4096, "keep_alive": "-1"}), None)
    assert made == {
        "model": "m",
        "prompt": RAW.text,
        "raw": True,
        "stream": True,
        "keep_alive": -1,
        "options": {
            "num_ctx": 4096,
            "num_predict": 16,
            "temperature": 0.2,
            "stop": ["<EOT>", "\n\n"],
            "seed": 3,
        },
    }


@pytest.mark.parametrize(("suffix", "sent"), [("b", "b"), ("", "\n")])
def test_ollama_suffix_is_never_raw_and_never_empty(suffix: str, sent: str) -> None:
    made = ollama.body(asked(FimPrompt("a", suffix), stop=()), endpoint(URL), None)
    assert made["prompt"] == "a"
    assert made["suffix"] == sent
    assert "raw" not in made
    assert made["options"] == {"num_predict": 16, "temperature": 0.2}


@pytest.mark.parametrize(("value", "sent"), [("5m", "5m"), ("300", 300), (0, 0), ("-1", -1)])
def test_ollama_keep_alive(value: object, sent: object) -> None:
    made = ollama.body(asked(RAW), endpoint(URL, options={"keep_alive": value}), None)
    assert made["keep_alive"] == sent


def test_ollama_thinking_is_off_for_code_where_the_model_can() -> None:
    thinks = ModelFacts("m", capabilities=("completion", "thinking"))
    assert ollama.body(asked(RAW), endpoint(URL), thinks)["think"] is False
    assert "think" not in ollama.body(asked(CHAT), endpoint(URL), thinks)
    assert "think" not in ollama.body(asked(RAW), endpoint(URL), ModelFacts("m"))


def test_ollama_chat() -> None:
    made = ollama.body(asked(CHAT), endpoint(URL), None)
    assert made["messages"] == [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    assert "prompt" not in made


def test_openai_completion_has_only_common_fields() -> None:
    made = openai.body(asked(RAW), endpoint(URL, "openai-compatible"))
    assert made == {
        "model": "m",
        "prompt": RAW.text,
        "max_tokens": 16,
        "temperature": 0.2,
        "stream": True,
        "stop": ["<EOT>", "\n\n"],
    }


@pytest.mark.parametrize("preset", ["lmstudio", "litellm", "oobabooga", "vllm", "llamacpp", "tabbyapi"])
def test_a_raw_prompt_never_has_a_suffix(preset: str) -> None:
    assert "suffix" not in openai.body(asked(RAW), endpoint(URL, preset))


@pytest.mark.parametrize(
    ("preset", "prompt", "field", "value"),
    [
        ("mistral", CHAT, "random_seed", 3),
        ("openai", CHAT, "max_completion_tokens", 16),
        ("openai", CHAT, "stop", ["0", "1", "2", "3"]),
        ("vllm", CHAT, "stop", [str(n) for n in range(6)]),
        ("litellm", RAW, "stream_options", {"include_usage": True}),
        ("vllm", RAW, "stream_options", {"include_usage": True, "continuous_usage_stats": True}),
        ("llamacpp", CHAT, "return_progress", True),
        ("oobabooga", RawPrompt("<s>x"), "add_bos_token", False),
        ("deepseek", FIM, "suffix", "b"),
        ("mistral", FIM, "suffix", "b"),
        ("mistral", FIM, "prompt", "a"),
        ("codestral", FIM, "random_seed", 3),
        ("codestral", FIM, "max_tokens", 16),
        ("openai-compatible", FIM, "suffix", "b"),
        ("tgi", RAW, "stop", ["0", "1", "2", "3"]),
    ],
)
def test_dialects(preset: str, prompt: Prompt, field: str, value: object) -> None:
    generation = asked(prompt, stop=tuple(str(n) for n in range(6)), seed=3)
    assert openai.body(generation, endpoint(URL, preset))[field] == value


@pytest.mark.parametrize(
    ("preset", "prompt", "absent"),
    [
        ("mistral", CHAT, "stream_options"),
        ("openai", CHAT, "max_tokens"),
        ("oobabooga", RAW, "add_bos_token"),
        ("vllm", RawPrompt("<s>x"), "add_bos_token"),
        ("openai-compatible", RAW, "return_progress"),
        ("codestral", FIM, "stream_options"),
        ("mistral", FIM, "seed"),
    ],
)
def test_what_a_dialect_leaves_out(preset: str, prompt: Prompt, absent: str) -> None:
    assert absent not in openai.body(asked(prompt), endpoint(URL, preset))


def test_llamacpp_completion() -> None:
    assert llamacpp.completion_body(asked(RAW), RAW.text, endpoint(URL, "llamacpp")) == {
        "prompt": RAW.text,
        "model": "m",
        "n_predict": 16,
        "temperature": 0.2,
        "stream": True,
        "cache_prompt": True,
        "return_progress": True,
        "timings_per_token": True,
        "stop": ["<EOT>", "\n\n"],
    }


WARM = replace(asked(RAW), warm=True)


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        (llamacpp.completion_body(WARM, RAW.text, endpoint(URL, "llamacpp")), {"n_predict": 0}),
        (llamacpp.infill_body(WARM, FIM, endpoint(URL, "llamacpp"), None), {"n_predict": 0}),
        (openai.body(WARM, endpoint(URL, "vllm")), {"max_tokens": 1}),
        (ollama.body(WARM, endpoint(URL), None)["options"], {"num_predict": 1}),
    ],
)
def test_a_prompt_that_is_only_to_be_read(body: dict[str, Any], limit: dict[str, int]) -> None:
    assert limit.items() <= body.items()


def test_a_slot_is_named_where_the_settings_do_and_not_for_chat() -> None:
    pinned = endpoint(URL, "llamacpp", options={"id_slot": 0})
    assert llamacpp.completion_body(asked(RAW), RAW.text, pinned)["id_slot"] == 0
    assert "id_slot" not in llamacpp.completion_body(asked(CHAT), RAW.text, pinned)
    assert "id_slot" not in llamacpp.completion_body(asked(RAW), RAW.text, endpoint(URL, "llamacpp"))


@pytest.mark.parametrize(
    ("preset", "prompt", "field"),
    [
        ("vllm", RAW, "n"),
        ("tabbyapi", RAW, "n"),
        ("openai", CHAT, "n"),
        ("llamacpp", RAW, "n_cmpl"),
        ("lmstudio", RAW, None),
        ("litellm", RAW, None),
        ("oobabooga", RAW, None),
        ("openai-compatible", RAW, None),
    ],
)
def test_several_answers_are_asked_where_they_come(preset: str, prompt: Prompt, field: str | None) -> None:
    one = openai.body(asked(prompt), endpoint(URL, preset))
    several = openai.body(replace(asked(prompt), n=3), endpoint(URL, preset))
    assert several == one | ({field: 3} if field else {})


def test_several_answers_of_llamacpp() -> None:
    generation = replace(asked(FIM), n=2)
    assert llamacpp.infill_body(generation, FIM, endpoint(URL, "llamacpp"), None)["n_cmpl"] == 2


@pytest.mark.parametrize(
    ("preset", "prompt", "slots", "most"),
    [
        ("llamacpp", RAW, 4, 4),
        ("llamacpp", FIM, 2, 2),
        ("llamacpp", CHAT, None, 1),
        ("vllm", RAW, None, 16),
        ("vllm", FIM, None, 1),
        ("openai", CHAT, None, 16),
        ("mistral", CHAT, None, 1),
        ("lmstudio", RAW, 4, 1),
        ("ollama", RAW, None, 1),
        ("symmetry", RAW, None, 1),
    ],
)
def test_how_many_answers_one_call_gives(preset: str, prompt: Prompt, slots: int | None, most: int) -> None:
    assert routes.most_choices(endpoint(URL, preset), prompt, ModelFacts("m", slots=slots)) == most


@pytest.mark.parametrize(
    ("facts", "sent"),
    [
        (None, False),
        (ModelFacts("m"), False),
        (ModelFacts("m", context_tokens=2048), False),
        (ModelFacts("m", context_tokens=8192), True),
        (ModelFacts("m", context_tokens=2048, batch_tokens=512), True),
        (ModelFacts("m", context_tokens=2048, batch_tokens=2048), False),
    ],
)
def test_llamacpp_other_files_only_where_they_are_kept(facts: ModelFacts | None, sent: bool) -> None:
    made: dict[str, Any] = llamacpp.infill_body(asked(FIM), FIM, endpoint(URL, "llamacpp"), facts)
    assert (made["input_prefix"], made["input_suffix"], made["prompt"]) == ("a", "b", "")
    assert made.get("input_extra") == ([{"filename": "util.py", "text": "x = 1\n"}] if sent else None)
