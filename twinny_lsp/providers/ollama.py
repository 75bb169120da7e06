"""Ollama's own API: `/api/generate` and `/api/chat`, also behind Open WebUI. Lines of JSON.

Pure: bodies out, pieces in. Not for Ollama's `/v1` routes (openai.py) nor for its lists (brands.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from twinny_lsp.exchange import ChatPrompt, FimPrompt, Finish, Generation, ModelFacts, Piece
from twinny_lsp.providers import counts
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.wire import JsonObject, Reader, object_at, text_at

_RUNNER_OPTIONS = ("num_ctx", "num_batch", "num_gpu", "num_thread", "num_keep", "top_k", "top_p", "min_p")


def body(generation: Generation, endpoint: Endpoint, facts: ModelFacts | None) -> JsonObject:
    """The request body. A raw prompt goes past the model's template, a FIM prompt through it.

    `facts` are what is already known of the model (None: nothing); thinking is switched off for code.
    """
    made: JsonObject = {"model": generation.model, "stream": True}
    prompt = generation.prompt
    if isinstance(prompt, ChatPrompt):
        made["messages"] = [{"role": m.role, "content": m.content} for m in prompt.messages]
    elif isinstance(prompt, FimPrompt):
        # The templates test `{{ if .Suffix }}`: with an empty one the prompt would become a chat message.
        made["prompt"], made["suffix"] = prompt.prefix, prompt.suffix or "\n"
    else:
        made["prompt"], made["raw"] = prompt.text, True
    if not isinstance(prompt, ChatPrompt) and facts is not None and "thinking" in facts.capabilities:
        made["think"] = False
    if (kept := keep_alive(endpoint)) is not None:
        made["keep_alive"] = kept
    made["options"] = _options(generation, endpoint)
    return made


def _options(generation: Generation, endpoint: Endpoint) -> JsonObject:
    # num_ctx is the endpoint's and never the request's: a changed one makes Ollama load the model anew.
    options = {k: endpoint.options[k] for k in _RUNNER_OPTIONS if endpoint.options.get(k) is not None}
    # Not 0 for a prompt that is only to be read: many versions take that for no limit.
    options["num_predict"] = 1 if generation.warm else generation.max_tokens
    options["temperature"] = generation.temperature
    if generation.stop:
        options["stop"] = list(generation.stop)  # a bare string is a 500 here
    if generation.seed is not None:
        options["seed"] = generation.seed
    return options


def keep_alive(endpoint: Endpoint) -> object:
    """How long the settings want a model to stay loaded, None for nothing said.

    Ollama wants seconds as a number ("-1" is refused) and units as a string ("5m").
    """
    value = endpoint.options.get("keep_alive")
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return value
    return value


class OllamaReader(Reader):
    """Reads `/api/generate` and `/api/chat`, streamed or whole. There is one choice."""

    def __init__(self) -> None:
        super().__init__()
        self.final = True

    def read(self, value: Mapping[str, object]) -> Iterable[Piece]:
        """The text of one line."""
        if not value.keys() & {"response", "message", "done"}:
            return
        self.known = True
        if (usage := counts.from_ollama(value)) is not None:
            self.tally.add(usage)
        message = object_at(value, "message")
        text = text_at(value, "response") or text_at(message, "content")
        thinking = text_at(value, "thinking") or text_at(message, "thinking")
        finish = None
        if value.get("done") is True:
            finish = Finish.LENGTH if text_at(value, "done_reason") == "length" else Finish.STOP
        yield Piece(text, thinking, finish)
