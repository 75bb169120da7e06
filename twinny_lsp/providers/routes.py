"""Which route of an endpoint a prompt takes, who reads its answer, and how many answers one call can give.

Pure. Not for what is sent: ollama.py, openai.py and llamacpp.py make the bodies.
"""

from __future__ import annotations

from twinny_lsp import errors
from twinny_lsp.exchange import ChatPrompt, FimPrompt, ModelFacts, Prompt
from twinny_lsp.providers import failures, llamacpp, ollama, openai
from twinny_lsp.providers.endpoint import Endpoint, Route, Wire
from twinny_lsp.providers.wire import Reader

_CHATS = (Wire.OPENAI_CHAT, Wire.OLLAMA_CHAT, Wire.LLAMACPP_COMPLETION)
_COMPLETES = (Wire.OLLAMA_GENERATE, Wire.OPENAI_COMPLETIONS, Wire.LLAMACPP_COMPLETION)
_OPENAI = (Wire.OPENAI_COMPLETIONS, Wire.OPENAI_CHAT, Wire.OPENAI_FIM)
_OLLAMA = (Wire.OLLAMA_GENERATE, Wire.OLLAMA_CHAT)


def route_for(endpoint: Endpoint, prompt: Prompt) -> Route:
    """The route for a prompt's kind. Raises Unsupported where this server has none."""
    route = endpoint.completion
    if isinstance(prompt, ChatPrompt):
        what, route = "chat", endpoint.chat
        fits = route is not None and route.wire in _CHATS
    elif isinstance(prompt, FimPrompt):
        what, route = "native fill-in-the-middle", endpoint.infill or route
        fits = route is not None and (endpoint.infill is not None or _takes_suffix(endpoint, route))
    else:
        what = "raw completion prompts"
        fits = route is not None and route.wire in _COMPLETES
    if route is None or not fits:
        raise errors.Unsupported(
            f"{failures.where(endpoint)} has no route for {what}. Choose another provider for it.",
            provider=endpoint.name,
        )
    return route


def _takes_suffix(endpoint: Endpoint, route: Route) -> bool:
    """Whether a route for completion does something with `suffix`: several glue it on, or ignore it."""
    by_preset = route.wire is Wire.OPENAI_COMPLETIONS and openai.takes_suffix(endpoint)
    return by_preset or route.wire in (Wire.OLLAMA_GENERATE, Wire.OPENAI_FIM)


def reader_for(wire: Wire, choices: int = 1) -> Reader:
    """A fresh reader for one answer of that shape with that many choices."""
    if wire in _OLLAMA:
        return ollama.OllamaReader()
    if wire in _OPENAI:
        return openai.OpenAiReader(choices)
    return llamacpp.LlamaCppReader(choices)


def most_choices(endpoint: Endpoint, prompt: Prompt, facts: ModelFacts) -> int:
    """See `base.Provider.most_choices`; 1 where there is no route."""
    try:
        wire = route_for(endpoint, prompt).wire
    except errors.Unsupported:
        return 1
    if wire in _OLLAMA:
        return 1
    if endpoint.preset == "llamacpp":
        return facts.slots or 1  # each answer takes a slot
    return openai.most_choices(endpoint, prompt) if wire in _OPENAI else 1
