"""The OpenAI API's shapes, `/v1/completions`, `/v1/chat/completions` and FIM paths like Codestral's.

Pure: bodies out, pieces in. Only fields that every server takes, unless the preset is known to take more:
LiteLLM passes everything on, Mistral refuses what it does not know, Oobabooga glues `suffix` to the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twinny_lsp.exchange import ChatPrompt, FimPrompt, Finish, Generation, Piece, RawPrompt, Usage
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.wire import JsonObject, Reader, int_at, object_at, objects_at, text_at


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one preset takes beyond the common fields.

    `usage`: stream_options.include_usage. `max_stop`: it refuses more stop strings than that.
    `limit`/`seed`: how it calls max_tokens (in chat) and seed. `own_bos`: it adds a BOS unless told not to.
    """

    usage: bool = True
    max_stop: int = 64
    limit: str = "max_tokens"
    seed: str = "seed"
    own_bos: bool = False


_DIALECTS = {
    "openai": Dialect(max_stop=4, limit="max_completion_tokens"),
    "mistral": Dialect(usage=False, seed="random_seed"),
    "openai-compatible": Dialect(usage=False),
    "deepseek": Dialect(max_stop=16),
    "oobabooga": Dialect(own_bos=True),
}
_PLAIN = Dialect()
_BOS = (
    "<s>",
    "<bos>",
    "<|begin_of_text|>",
    "<｜begin▁of▁sentence｜>",
    "<|begin_of_sentence|>",
    "<|startoftext|>",
)
_TOO_LONG = ("length", "max_tokens", "model_length", "max_output_tokens")


def body(generation: Generation, endpoint: Endpoint) -> JsonObject:
    """The request body for a completion, a chat or, from a FIM prompt, a route that takes a suffix."""
    dialect = _DIALECTS.get(endpoint.preset, _PLAIN)
    made: JsonObject = {"model": generation.model}
    prompt = generation.prompt
    limit = "max_tokens"
    if isinstance(prompt, ChatPrompt):
        made["messages"] = [{"role": m.role, "content": m.content} for m in prompt.messages]
        limit = dialect.limit
    elif isinstance(prompt, FimPrompt):
        made["prompt"], made["suffix"] = prompt.prefix, prompt.suffix
    else:
        made["prompt"] = prompt.text
    made[limit] = generation.max_tokens
    made["temperature"] = generation.temperature
    made["stream"] = True
    if generation.stop:
        made["stop"] = list(generation.stop[: dialect.max_stop])
    if generation.seed is not None:
        made[dialect.seed] = generation.seed
    if dialect.usage:
        made["stream_options"] = {"include_usage": True}
    if dialect.own_bos and isinstance(prompt, RawPrompt) and prompt.text.startswith(_BOS):
        made["add_bos_token"] = False
    return made


class OpenAiReader(Reader):
    """Reads completions and chats, streamed or whole; only the first choice."""

    def read(self, value: Mapping[str, object]) -> Piece | None:
        """The text of one event."""
        if not value.keys() & {"choices", "usage"}:
            return None
        self.known = True
        self._count(value)
        for choice in objects_at(value, "choices"):
            if choice.get("index") in (0, None):
                return self._choice(choice)
        return None

    def _choice(self, choice: Mapping[str, object]) -> Piece | None:
        whole = object_at(choice, "message")
        message = whole or object_at(choice, "delta")
        text = text_at(choice, "text") or _content(message.get("content"))
        thinking = text_at(message, "reasoning_content") or text_at(message, "reasoning")
        if reason := text_at(choice, "finish_reason"):
            self.finish = Finish.LENGTH if reason in _TOO_LONG else Finish.STOP
            self.done = self.done or bool(whole)
        return Piece(text, thinking) if text or thinking else None

    def _count(self, value: Mapping[str, object]) -> None:
        usage, timings = object_at(value, "usage"), object_at(value, "timings")
        prompt, generated = int_at(usage, "prompt_tokens"), int_at(usage, "completion_tokens")
        cached = int_at(object_at(usage, "prompt_tokens_details"), "cached_tokens")
        if cached is None:
            cached = int_at(usage, "prompt_cache_hit_tokens")
        if not prompt and timings:
            cached = int_at(timings, "cache_n")
            computed = int_at(timings, "prompt_n")
            prompt = None if computed is None else computed + (cached or 0)
            generated = int_at(timings, "predicted_n")
        if prompt or generated:  # LiteLLM and Ollama put zeros into every chunk
            self.usage = Usage(prompt, generated, cached)


def _content(content: object) -> str:
    """A message's text: a string, or parts of which some are text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [p for p in content if isinstance(p, dict) and p.get("type") in ("text", None)]
        return "".join(text_at(part, "text") for part in parts)
    return ""
