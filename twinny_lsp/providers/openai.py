"""The OpenAI API's shapes, `/v1/completions`, `/v1/chat/completions` and FIM paths like Codestral's.

Pure: bodies out, pieces in. Only fields that every server takes, unless the preset is known to take more:
LiteLLM passes everything on, Mistral refuses what it does not know, Oobabooga glues `suffix` to the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from twinny_lsp.exchange import ChatPrompt, FimPrompt, Finish, Generation, Piece, Prompt, RawPrompt
from twinny_lsp.providers import counts, llamacpp
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.wire import JsonObject, Reader, int_at, object_at, objects_at, text_at

_MANY = 16
"""More answers than anybody looks at; none of the servers that give several refuses as many."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one preset takes beyond the common fields.

    `stream_options`: what is switched on there, so that it tells a stream's usage. `max_stop`: it refuses
    more stop strings than that. `limit`/`seed`: how it calls max_tokens (in chat) and seed. `own_bos`: it
    adds a BOS unless told not to. `several`: how it calls the number of answers wanted of one call, ""
    where it gives one. `switches`: further fields that are switched on. `suffix`: its completions fill in
    the middle when they are given a suffix.
    """

    stream_options: tuple[str, ...] = ("include_usage",)
    max_stop: int = 64
    limit: str = "max_tokens"
    seed: str = "seed"
    own_bos: bool = False
    several: str = ""
    switches: tuple[str, ...] = ()
    suffix: bool = False


# `several`, by the servers' own references and sources: OpenAI documents `n` for chat, vLLM and TabbyAPI
# stream all choices. Oobabooga takes `n`, but not in a stream; some of Mistral's models refuse it, as LiteLLM
# does for some servers behind it; LM Studio, DeepSeek and OpenRouter do not list it.
# `suffix`: OpenAI documents it, DeepSeek for its beta path, and LiteLLM hands it on to servers that may know
# it; what a server of unknown kind does with it the settings must know. Nobody else gets one: Oobabooga glues
# it to the answer, llama.cpp, LM Studio and most others ignore it, vLLM refuses it.
_MISTRAL = Dialect(stream_options=(), seed="random_seed")
_DIALECTS = {
    "openai": Dialect(max_stop=4, limit="max_completion_tokens", several="n", suffix=True),
    "mistral": _MISTRAL,
    "codestral": _MISTRAL,
    "openai-compatible": Dialect(stream_options=(), suffix=True),
    "deepseek": Dialect(max_stop=16, suffix=True),
    "litellm": Dialect(suffix=True),
    "tgi": Dialect(max_stop=4),
    "oobabooga": Dialect(own_bos=True),
    # vLLM's own addition: the usage comes with every event, not only after the last.
    "vllm": Dialect(stream_options=("include_usage", "continuous_usage_stats"), several="n"),
    "tabbyapi": Dialect(several="n"),
    "llamacpp": Dialect(several=llamacpp.SEVERAL, switches=llamacpp.OBSERVED),
    "llama-swap": Dialect(switches=llamacpp.OBSERVED),
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
    made[limit] = 1 if generation.warm else generation.max_tokens  # 0 is refused or means no limit
    made["temperature"] = generation.temperature
    made["stream"] = True
    if generation.stop:
        made["stop"] = list(generation.stop[: dialect.max_stop])
    if generation.seed is not None:
        made[dialect.seed] = generation.seed
    if dialect.stream_options:
        made["stream_options"] = dict.fromkeys(dialect.stream_options, True)
    if generation.n > 1 and dialect.several:
        made[dialect.several] = generation.n
    made.update(dict.fromkeys(dialect.switches, True))
    if dialect.own_bos and isinstance(prompt, RawPrompt) and prompt.text.startswith(_BOS):
        made["add_bos_token"] = False
    return made


def takes_suffix(endpoint: Endpoint) -> bool:
    """Whether `/v1/completions` of this kind of server may be given a suffix."""
    return _DIALECTS.get(endpoint.preset, _PLAIN).suffix


def most_choices(endpoint: Endpoint, prompt: Prompt) -> int:
    """How many answers one call can give. A route that takes a suffix is not documented to give several."""
    dialect = _DIALECTS.get(endpoint.preset, _PLAIN)
    return _MANY if dialect.several and not isinstance(prompt, FimPrompt) else 1


class OpenAiReader(Reader):
    """Reads completions and chats, streamed or whole."""

    def read(self, value: Mapping[str, object]) -> Iterable[Piece]:
        """What one event says of each choice; a choice that was not asked for is left out."""
        if not value.keys() & {"choices", "usage"}:
            return
        self.known = True
        choices = objects_at(value, "choices")
        self._count(value, choices)
        for choice in choices:
            index = choice.get("index")
            if index is None or (isinstance(index, int) and 0 <= index < self.choices):
                yield self._choice(choice, index or 0)

    def _choice(self, choice: Mapping[str, object], index: int) -> Piece:
        whole = object_at(choice, "message")
        message = whole or object_at(choice, "delta")
        text = text_at(choice, "text") or _content(message.get("content"))
        thinking = text_at(message, "reasoning_content") or text_at(message, "reasoning")
        finish = None
        if reason := text_at(choice, "finish_reason"):
            finish = Finish.LENGTH if reason in _TOO_LONG else Finish.STOP
            self.final = self.final or bool(whole)
        return Piece(text, thinking, finish, choice=index)

    def _count(self, value: Mapping[str, object], choices: Sequence[Mapping[str, object]]) -> None:
        """Of several choices an event with one of them counts that one, any other all; but llama.cpp sends a
        count without a choice after each, which repeats what its events have told."""
        usage = counts.from_openai(value)
        if usage is None:
            return
        if self.choices == 1 or len(choices) > 1:
            self.tally.add(usage)
        elif choices:
            self.tally.add(usage, int_at(choices[0], "index") or 0)
        elif "timings" not in value:
            self.tally.add(usage)


def _content(content: object) -> str:
    """A message's text: a string, or parts of which some are text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [p for p in content if isinstance(p, dict) and p.get("type") in ("text", None)]
        return "".join(text_at(part, "text") for part in parts)
    return ""
