"""llama.cpp's own API: `/completion` and `/infill`. Server-sent events without `[DONE]`.

Pure: bodies out, pieces in. Not for its `/v1` routes (openai.py) nor for `/props` (brands.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from twinny_lsp.exchange import (
    ChatPrompt,
    FimPrompt,
    Finish,
    Generation,
    Message,
    ModelFacts,
    Piece,
    RawPrompt,
)
from twinny_lsp.providers import counts
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.wire import WHOLE, JsonObject, Reader, int_at, text_at

_DEFAULT_BATCH = 2048
"""llama-server's own default of `-b`; `/props` does not tell it."""

OBSERVED = ("return_progress", "timings_per_token")
"""Switched on, on all its routes, `/v1` included; versions that do not know them ignore them.

The first makes it write while it reads the prompt. Only when it writes does it notice that we have hung up:
without that it reads a long prompt to its end for nobody. Both tell what was counted before the end, which
a stream that is closed early never sees.
"""

SEVERAL = "n_cmpl"
"""How many answers one call gives, on all its routes (since the end of 2025): one a slot, at the most.
Older versions ignore this name, but refuse OpenAI's `n`."""


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
        "n_predict": 0 if generation.warm else generation.max_tokens,
        "temperature": generation.temperature,
        "stream": True,
        "cache_prompt": True,
        **dict.fromkeys(OBSERVED, True),
    }
    if generation.stop:
        made["stop"] = list(generation.stop)
    if generation.seed is not None:
        made["seed"] = generation.seed
    if generation.n > 1:
        made[SEVERAL] = generation.n
    for option in ("top_k", "top_p", "min_p", "t_max_predict_ms"):
        if endpoint.options.get(option) is not None:
            made[option] = endpoint.options[option]
    # A slot is named only where the options do. By itself the server finds the one with the longest common
    # prefix; by default it also empties idle slots, and brings their content back only into one that it has
    # chosen itself (benchmarks/kv.py). A chat in the completions' slot would push out what is there.
    slot = endpoint.options.get("id_slot")
    if slot is not None and not isinstance(generation.prompt, ChatPrompt):
        made["id_slot"] = slot
    return made


def plain_chat(messages: Sequence[Message]) -> RawPrompt:
    """A chat as plain text, for servers too old to apply the model's own template."""
    names = {"system": "System", "assistant": "Assistant"}
    parts = [f"{names.get(m.role, 'User')}: {m.content.strip()}\n\n" for m in messages]
    return RawPrompt("".join(parts) + "Assistant:")


class LlamaCppReader(Reader):
    """Reads `/completion` and `/infill`, streamed or whole."""

    def __init__(self, choices: int = 1) -> None:
        super().__init__(choices)
        self.final = True

    def read(self, value: Mapping[str, object]) -> Iterable[Piece]:
        """The text of one event."""
        if not value.keys() & {"content", "stop", "prompt_progress"}:
            return
        self.known = True
        choice = (int_at(value, "index") or 0) if self.choices > 1 else 0
        if (usage := counts.from_llamacpp(value)) is not None:
            self.tally.add(usage, choice if self.choices > 1 else WHOLE)
        finish = None
        if value.get("stop") is True:
            limit = text_at(value, "stop_type") == "limit" or value.get("stopped_limit") is True
            finish = Finish.LENGTH if limit else Finish.STOP
        yield Piece(text_at(value, "content"), finish=finish, choice=choice)
