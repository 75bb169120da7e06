"""llama.cpp's own API: `/completion` and `/infill`. Server-sent events without `[DONE]`.

Pure: bodies out, pieces in. Not for its `/v1` routes (openai.py) nor for `/props` (brands.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twinny_lsp.exchange import FimPrompt, Finish, Generation, Message, ModelFacts, Piece, RawPrompt, Usage
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.wire import JsonObject, Reader, int_at, object_at, text_at

_DEFAULT_BATCH = 2048
"""llama-server's own default of `-b`; `/props` does not tell it."""


def completion_body(generation: Generation, prompt: str, endpoint: Endpoint) -> JsonObject:
    """The body for `/completion`."""
    return {"prompt": prompt, **_common(generation, endpoint)}


def infill_body(
    generation: Generation, prompt: FimPrompt, endpoint: Endpoint, facts: ModelFacts | None
) -> JsonObject:
    """The body for `/infill`. Other files go along only where the server keeps them."""
    made: JsonObject = {
        "input_prefix": prompt.prefix,
        "input_suffix": prompt.suffix,
        "prompt": "",
        **_common(generation, endpoint),
    }
    if prompt.extra and _takes_extra(facts):
        made["input_extra"] = [{"filename": f.path, "text": f.text} for f in prompt.extra]
    return made


def _takes_extra(facts: ModelFacts | None) -> bool:
    """input_extra is dropped, but for its last file name, unless a slot's context exceeds n_batch."""
    if facts is None or facts.context_tokens is None:
        return False
    return facts.context_tokens > (facts.batch_tokens or _DEFAULT_BATCH)


def _common(generation: Generation, endpoint: Endpoint) -> JsonObject:
    made: JsonObject = {
        "model": generation.model,  # needed in router mode, ignored elsewhere
        "n_predict": generation.max_tokens,
        "temperature": generation.temperature,
        "stream": True,
        "cache_prompt": True,
    }
    if generation.stop:
        made["stop"] = list(generation.stop)
    if generation.seed is not None:
        made["seed"] = generation.seed
    for option in ("top_k", "top_p", "min_p", "id_slot", "t_max_predict_ms"):
        if endpoint.options.get(option) is not None:
            made[option] = endpoint.options[option]
    return made


def plain_chat(messages: Sequence[Message]) -> RawPrompt:
    """A chat as plain text, for servers too old to apply the model's own template."""
    names = {"system": "System", "assistant": "Assistant"}
    parts = [f"{names.get(m.role, 'User')}: {m.content.strip()}\n\n" for m in messages]
    return RawPrompt("".join(parts) + "Assistant:")


class LlamaCppReader(Reader):
    """Reads `/completion` and `/infill`, streamed or whole."""

    def read(self, value: Mapping[str, object]) -> Piece | None:
        """The text of one event."""
        if not value.keys() & {"content", "stop", "prompt_progress"}:
            return None
        self.known = True
        text = text_at(value, "content")
        if value.get("stop") is True:
            self._end(value)
        return Piece(text) if text else None

    def _end(self, value: Mapping[str, object]) -> None:
        limit = text_at(value, "stop_type") == "limit" or value.get("stopped_limit") is True
        self.finish = Finish.LENGTH if limit else Finish.STOP
        timings = object_at(value, "timings")
        self.usage = Usage(
            int_at(value, "tokens_evaluated"), int_at(value, "tokens_predicted"), int_at(timings, "cache_n")
        )
        self.done = True
