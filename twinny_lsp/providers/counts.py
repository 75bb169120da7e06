"""What servers count, as `Usage`: tokens of the prompt, of these known before, generated ones, and times.

Pure. What each field means, and since when, is said at the function that reads it. Not for asking a server
how many tokens a text has (tokens.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from twinny_lsp.exchange import Usage
from twinny_lsp.providers.wire import int_at, merged, number_at, object_at


def from_llamacpp(value: Mapping[str, object], prompt: int | None = None) -> Usage | None:
    """From an event of llama.cpp, of its own routes or of `/v1`; None where it counts nothing.

    `tokens_evaluated` is the whole prompt, in every event of its own routes; `prompt` is that of `/v1`'s
    usage. `timings` (with `timings_per_token` in every event, else in the last): `prompt_n` are the tokens
    computed now, `cache_n` (since autumn 2025) those that were in the cache. `prompt_progress` (with
    `return_progress`, since autumn 2025) comes before the first token: `total` and `cache` are prompt
    tokens, `time_ms` is what reading them took so far.
    """
    prompt = _first(int_at(value, "tokens_evaluated"), prompt)
    generated = int_at(value, "tokens_predicted")
    progress, timings = object_at(value, "prompt_progress"), object_at(value, "timings")
    if progress:
        total, cached = _first(int_at(progress, "total"), prompt), int_at(progress, "cache")
        return Usage(total, generated, cached, number_at(progress, "time_ms"))
    if not timings:
        return None if prompt is None and generated is None else Usage(prompt, generated)
    computed, cached = int_at(timings, "prompt_n"), int_at(timings, "cache_n")
    if prompt is None and computed is not None and cached is not None:
        prompt = computed + cached
    if cached is None and computed is not None and prompt is not None:
        cached = max(0, prompt - computed)
    generated = _first(int_at(timings, "predicted_n"), generated)
    times = number_at(timings, "prompt_ms"), number_at(timings, "predicted_ms")
    return Usage(prompt, generated, cached, *times)


def from_openai(value: Mapping[str, object]) -> Usage | None:
    """From an event of the OpenAI API: `usage`, and llama.cpp's `timings` where that is what answers.

    `prompt_tokens` is the whole prompt; `prompt_tokens_details.cached_tokens` (OpenAI, llama.cpp, vLLM when
    it is told to) and DeepSeek's `prompt_cache_hit_tokens` are part of it. No server of this API tells
    times.
    """
    usage = object_at(value, "usage")
    prompt, generated = int_at(usage, "prompt_tokens"), int_at(usage, "completion_tokens")
    if not (prompt or generated):  # LiteLLM and Ollama put zeros into every chunk
        prompt = generated = None
    cached = int_at(object_at(usage, "prompt_tokens_details"), "cached_tokens")
    cached = _first(cached, int_at(usage, "prompt_cache_hit_tokens"))
    told = None if prompt is None and generated is None else Usage(prompt, generated, cached)
    if not value.keys() & {"timings", "prompt_progress"}:
        return told
    own = from_llamacpp(value, prompt)
    return merged(told, own) if told is not None and own is not None else own or told


def from_ollama(value: Mapping[str, object]) -> Usage | None:
    """From a line of Ollama's own API; in practice only the last one counts. Its times are nanoseconds.

    `prompt_eval_count` is the whole prompt, cached tokens included, since the server is written in Go (the
    end of 2024); before, it was what was computed now, and left out when that was nothing.
    `prompt_eval_cached_count` (since September 2026) are the cached ones of it.
    """
    prompt, generated = int_at(value, "prompt_eval_count"), int_at(value, "eval_count")
    if prompt is None and generated is None:
        return None
    return Usage(
        prompt,
        generated,
        int_at(value, "prompt_eval_cached_count"),
        _milliseconds(value, "prompt_eval_duration"),
        _milliseconds(value, "eval_duration"),
    )


def _milliseconds(value: Mapping[str, object], key: str) -> float | None:
    nanoseconds = number_at(value, key)
    return None if nanoseconds is None else nanoseconds / 1e6


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
