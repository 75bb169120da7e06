"""What each server's counts mean: from transcripts of real ones, and from events that no transcript has."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.support.captures import Capture, generating, named
from twinny_lsp.exchange import Piece, Usage
from twinny_lsp.providers import counts
from twinny_lsp.providers.answer import Answer
from twinny_lsp.providers.routes import reader_for


def read(capture: Capture) -> tuple[list[Piece], Usage | None]:
    """The pieces, and what the last one tells."""
    wire = capture.wire
    assert wire is not None
    answer = Answer(reader_for(wire), capture.content_type)
    pieces = [piece for data in capture.pieces for piece in answer.feed(data)]
    if not answer.done:
        pieces += answer.close()
    return pieces, answer.last().usage


@pytest.mark.parametrize(
    ("identity", "usage"),
    [
        ("llamacpp_gemma/completion_again_cached", Usage(12, 12, 7, 53.64, 334.326)),
        ("llamacpp_tiny/completion_nocache", Usage(9, 7, 0, 1.522, 3.015)),
        ("llamacpp_tiny/completion_n_predict_0", Usage(9, 1, 8, 0.502, 0.001)),
        ("llamacpp_tiny/infill_stream", Usage(32, 10, 31, 0.645, 7.225)),
        ("llamacpp_tiny/v1_completions_stream", Usage(9, 6, 8, 0.82, 3.879)),
        ("llamacpp_tiny/v1_chat_stream_usage", Usage(12, 4, 11, 0.7, 2.153)),
        ("ollama_standin/generate_raw_stream", Usage(20, 5, None, 3.04, 5.106)),
        ("openwebui/ollama_generate_stream", Usage(12, 5, None, 52.895, 115.73)),
        ("oobabooga/completions_stream_usage", Usage(12, 4)),
        ("litellm/chat_stream_usage", Usage(25, 3, 20)),
        ("litellm/completions_textmodel", Usage(12, 12, 7, 49.293, 305.825)),
        ("litellm/completions_textmodel_stream", None),
    ],
)
def test_what_real_servers_count(identity: str, usage: Usage | None) -> None:
    assert read(named(identity))[1] == usage


def test_no_count_of_a_real_server_contradicts_itself() -> None:
    counted = 0
    for capture in generating():
        pieces, last = read(capture) if capture.status == 200 else ([], None)
        told = [piece.usage for piece in pieces if piece.usage] + [last] * bool(last)
        for usage in told:
            assert usage is not None
            assert 0 <= (usage.cached or 0) <= (usage.prompt or 0), capture.id
            assert (usage.prompt_ms or 0.0) >= 0.0
        assert [usage.generated or 0 for usage in told] == sorted(usage.generated or 0 for usage in told)
        counted += len(told)
    assert counted > 150


PROGRESS = {"tokens_evaluated": 1391, "tokens_predicted": 0}
OPENAI = {"prompt_tokens": 9, "completion_tokens": 2}


@pytest.mark.parametrize(
    ("reads", "event", "usage"),
    [
        (
            counts.from_llamacpp,
            PROGRESS | {"prompt_progress": {"total": 1391, "cache": 1000, "processed": 1024, "time_ms": 71}},
            Usage(1391, 0, 1000, 71.0),
        ),
        (  # with timings_per_token these are zeros while the prompt is being read
            counts.from_llamacpp,
            {
                "prompt_progress": {"total": 7, "cache": 3, "processed": 3, "time_ms": 0},
                "timings": {"cache_n": 0, "prompt_n": 0, "predicted_n": 0},
            },
            Usage(7, None, 3, 0.0),
        ),
        (  # before autumn 2025
            counts.from_llamacpp,
            {"tokens_evaluated": 12, "timings": {"prompt_n": 5, "prompt_ms": 50.0, "predicted_n": 4}},
            Usage(12, 4, 7, 50.0),
        ),
        (counts.from_llamacpp, {"content": "x", "tokens_evaluated": 12, "tokens_predicted": 1}, Usage(12, 1)),
        (counts.from_llamacpp, {"content": "x"}, None),
        (counts.from_llamacpp, {"timings": "soon", "tokens_evaluated": "many"}, None),
        (counts.from_openai, {"usage": OPENAI}, Usage(9, 2)),
        (counts.from_openai, {"usage": OPENAI | {"prompt_cache_hit_tokens": 8}}, Usage(9, 2, 8)),
        (
            counts.from_openai,
            {"usage": OPENAI | {"prompt_tokens_details": {"cached_tokens": 0}}},
            Usage(9, 2, 0),
        ),
        (counts.from_openai, {"usage": {"prompt_tokens": 0, "completion_tokens": 0}}, None),
        (counts.from_openai, {"usage": None}, None),
        (
            counts.from_openai,
            {"usage": OPENAI, "timings": {"prompt_n": 4, "prompt_ms": 1.5, "predicted_ms": 2.5}},
            Usage(9, 2, 5, 1.5, 2.5),
        ),
        (
            counts.from_ollama,
            {"prompt_eval_count": 900, "prompt_eval_cached_count": 850, "prompt_eval_duration": 2_500_000},
            Usage(900, None, 850, 2.5),
        ),
        (counts.from_ollama, {"eval_count": 3, "eval_duration": 1_000_000}, Usage(None, 3, None, None, 1.0)),
        (counts.from_ollama, {"done": True}, None),
    ],
)
def test_what_events_count(
    reads: Callable[[Mapping[str, Any]], Usage | None], event: Mapping[str, Any], usage: Usage | None
) -> None:
    assert reads(event) == usage


def test_llamacpp_tells_what_it_found_in_its_cache_before_the_first_text() -> None:
    pieces, _ = read(named("llamacpp_gemma/completion_stream_fields"))
    first = next(piece for piece in pieces if piece.usage)
    assert first == Piece(usage=Usage(12, 0, 7, 0.0))
    assert pieces.index(first) < next(i for i, piece in enumerate(pieces) if piece.text)


def test_what_is_counted_once_is_kept() -> None:
    """A stream that is closed after its first text has told all that was known then."""
    events = [
        {"content": "", "prompt_progress": {"total": 9, "cache": 4, "time_ms": 3}, "tokens_evaluated": 9},
        {"content": "a", "tokens_evaluated": 9, "tokens_predicted": 1},
    ]
    answer = Answer(reader_for(named("llamacpp_tiny/completion").wire), "text/event-stream")  # type: ignore[arg-type]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    assert answer.feed(body) == [
        Piece(usage=Usage(9, None, 4, 3.0)),
        Piece("a", usage=Usage(9, 1, 4, 3.0)),
    ]
