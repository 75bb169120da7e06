"""A model server over HTTP: requests of any known wire shape, the answer as a stream of pieces.

Not for prompts, templates or cutting the text. Closing a stream, or cancelling who reads it, closes its
socket at once; that is what makes model servers stop.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import quote

from twinny_lsp import errors
from twinny_lsp.exchange import (
    ChatPrompt,
    FimPrompt,
    Generation,
    ModelFacts,
    Piece,
    Prompt,
    RawPrompt,
    Vector,
)
from twinny_lsp.providers import brands, embeddings, failures, llamacpp, ollama, openai, routes
from twinny_lsp.providers.answer import Answer, Complaint, ErrorBody, Refusal, complaint_in
from twinny_lsp.providers.base import Health, State
from twinny_lsp.providers.brand import match_name
from twinny_lsp.providers.endpoint import Endpoint, Route, Wire
from twinny_lsp.providers.failures import Evidence
from twinny_lsp.providers.framing import Form
from twinny_lsp.providers.tokens import TokenCounter
from twinny_lsp.providers.transport import Exchange, Transport
from twinny_lsp.providers.wire import JsonObject

_ASK_SECONDS = 10.0
_GRACE_SECONDS = 0.25
_GRACE_BYTES = 65536
_LOADING_SECONDS = 20.0
_POLL_SECONDS = 0.5
_LIST_BYTES = 16 * 2**20
_RESTARTED = (errors.Unreachable, errors.Interrupted, errors.ModelMissing)
"""After these, what was learned of a server's models is learned anew."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. `loading`: how long a completion waits for a llama.cpp that loads its model (a chat waits as
    for any first byte); `poll`: how often we ask."""

    grace: float = _GRACE_SECONDS
    loading: float = _LOADING_SECONDS
    poll: float = _POLL_SECONDS
    ask: float = _ASK_SECONDS


class HttpProvider:
    """One server over HTTP; see `base.Provider`. Nothing is opened before the first request."""

    def __init__(self, endpoint: Endpoint, pace: Pace | None = None) -> None:
        self.endpoint = endpoint
        self._pace = pace or Pace()
        self._transport = Transport(endpoint)
        self._brand = brands.brand_of(endpoint)
        self._facts: dict[str, ModelFacts] = {}
        self._names: dict[str, str] = {}
        self._counter = TokenCounter(endpoint)

    async def stream(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        """See `base.Provider.stream`."""
        route = routes.route_for(self.endpoint, generation.prompt)
        exchange: Exchange | None = None
        try:
            if generation.n > 1:
                generation = replace(generation, n=min(generation.n, await self._possible(generation)))
            exchange = await self._begin(generation, route)
            answer = Answer(
                routes.reader_for(route.wire, generation.n),
                exchange.content_type,
                chat=isinstance(generation.prompt, ChatPrompt),
            )
            while not answer.done:
                data = await self._next(exchange, answer)
                for piece in answer.feed(data) if data else answer.close():
                    yield piece
                if answer.refusal is not None:
                    raise self._refusal(answer.refusal, generation, route.path)
                if not data:
                    break
            if not answer.any_text and generation.max_tokens > 1 and not generation.warm:
                self._check_empty(answer)
            yield answer.last()
            await self._drain(exchange)
        except _RESTARTED:
            # What comes back at that address may have other models, or the same with another context.
            self._facts.clear()
            self._names.clear()
            self._counter.forget()
            raise
        finally:
            if exchange is not None:
                exchange.close()

    async def health(self) -> Health:
        """See `base.Provider.health`."""
        try:
            return await self._brand.health(self._ask)
        except errors.ProviderError as error:
            states = {
                errors.FailureKind.UNREACHABLE: State.DOWN,
                errors.FailureKind.TIMED_OUT: State.DOWN,
                errors.FailureKind.LOADING: State.LOADING,
                errors.FailureKind.BUSY: State.READY,
            }
            return Health(states.get(error.kind, State.REFUSING), str(error), error=error)
        except errors.SettingsError as error:
            return Health(State.REFUSING, str(error), error=error)

    async def models(self) -> list[ModelFacts]:
        """See `base.Provider.models`."""
        return await self._brand.models(self._ask)

    async def facts(self, model: str) -> ModelFacts:
        """See `base.Provider.facts`. Failures are not remembered."""
        known = self._facts.get(model)
        if known is None:
            known = await self._brand.facts(self._ask, model)
            self._facts[model] = known
        return known

    def most_choices(self, prompt: Prompt, facts: ModelFacts) -> int:
        """See `base.Provider.most_choices`."""
        return routes.most_choices(self.endpoint, prompt, facts)

    async def count_tokens(self, text: str, model: str) -> int | None:
        """See `base.Provider.count_tokens`."""
        return await self._counter.count(self._ask, text, model)

    async def embed(self, texts: Sequence[str], model: str) -> list[Vector]:
        """See `base.Provider.embed`."""
        route = self.endpoint.embeddings
        if route is None:
            raise embeddings.unsupported(self.endpoint)
        body = embeddings.body(route, self._brand.name_for(model), texts, self.endpoint)
        # Only for the words of an error: no line of these texts may stand in them.
        about = Generation(model, RawPrompt("\n".join(texts)), 0, 0.0)
        answer = await self._ask("POST", route.path, body, about)
        try:
            return embeddings.vectors(route, answer, len(texts))
        except ValueError as error:
            raise self._refusal(Refusal(Form.JSON, what=str(error)), about, route.path) from None

    async def close(self) -> None:
        """See `base.Provider.close`."""
        await self._transport.close()

    # -- one request ------------------------------------------------------------------------------

    async def _possible(self, generation: Generation) -> int:
        """How many answers this server gives of one call, as far as it tells."""
        try:
            facts = await self.facts(generation.model)
        except errors.ProviderError:
            facts = ModelFacts(generation.model)
        return self.most_choices(generation.prompt, facts)

    async def _begin(self, generation: Generation, route: Route) -> Exchange:
        """Send the request; wait for loading models and try a model's other name. Raises ProviderError."""
        chat = isinstance(generation.prompt, ChatPrompt)  # somebody waits for that one answer
        patience = self.endpoint.timeouts.first_byte if chat else self._pace.loading
        loading_until = asyncio.get_running_loop().time() + patience
        asked = generation.model
        facts = self._facts.get(asked)
        first = self._names.get(asked) or self._brand.name_for(asked)
        generation = replace(generation, model=first)
        while True:
            made = await self._body(generation, route, facts)
            body = json.dumps(made, ensure_ascii=False).encode("utf-8", "replace")
            exchange = await self._transport.open("POST", route.path, body, self.endpoint.timeouts.first_byte)
            if exchange.status == 200:
                return exchange
            evidence = await self._evidence(exchange, route.path, generation)
            error = self._error(evidence)
            if isinstance(error, errors.Loading) and await self._loaded(loading_until):
                continue
            if isinstance(error, errors.ModelMissing):
                there = await self._there()
                other = match_name(asked, there)
                if other is not None and other != generation.model and generation.model == first:
                    self._names[asked] = other
                    generation = replace(generation, model=other)
                    continue
                error = self._error(replace(evidence, there=there))
            raise error

    async def _body(self, generation: Generation, route: Route, facts: ModelFacts | None) -> JsonObject:
        prompt = generation.prompt
        if route.wire in (Wire.OLLAMA_GENERATE, Wire.OLLAMA_CHAT):
            return ollama.body(generation, self.endpoint, facts)
        if route.wire in (Wire.OPENAI_COMPLETIONS, Wire.OPENAI_CHAT, Wire.OPENAI_FIM):
            return openai.body(generation, self.endpoint)
        if route.wire is Wire.LLAMACPP_INFILL and isinstance(prompt, FimPrompt):
            return llamacpp.infill_body(generation, prompt, self.endpoint, facts)
        if isinstance(prompt, ChatPrompt):
            text = await self._chat_as_text(prompt, route)
        else:
            text = prompt.text if not isinstance(prompt, FimPrompt) else prompt.prefix
        return llamacpp.completion_body(generation, text, self.endpoint)

    async def _chat_as_text(self, prompt: ChatPrompt, route: Route) -> str:
        """A chat for `/completion`: by the model's own template, or plainly on servers without that route."""
        messages = [{"role": m.role, "content": m.content} for m in prompt.messages]
        path = route.path.removesuffix("/completion") + "/apply-template"
        try:
            made = await self._ask("POST", path, {"messages": messages})
        except errors.WrongAddress:
            made = None
        text = made.get("prompt") if isinstance(made, dict) else None
        return text if isinstance(text, str) else llamacpp.plain_chat(prompt.messages).text

    async def _next(self, exchange: Exchange, answer: Answer) -> bytes:
        """The next bytes. After the finish only a little is waited for: usage and `[DONE]` may follow."""
        if answer.finish is None:
            timeouts = self.endpoint.timeouts
            seconds = timeouts.idle if answer.any_text else timeouts.first_byte
            return await exchange.read(seconds, idle=answer.any_text)
        with suppress(errors.ProviderError):
            return await exchange.read(self._pace.grace, idle=True)
        return b""

    async def _drain(self, exchange: Exchange) -> None:
        """Read a finished answer's end, so that its connection can be used again."""
        taken = 0
        with suppress(errors.ProviderError):
            while not exchange.at_end and taken < _GRACE_BYTES:
                data = await exchange.read(self._pace.grace, idle=True)
                taken += len(data)
                if not data:
                    break

    # -- failures ---------------------------------------------------------------------------------

    def _refusal(
        self, refusal: Refusal, generation: Generation | None = None, path: str = ""
    ) -> errors.ProviderError:
        """The error in a 200 response that is no answer."""
        complaint = refusal.complaint or Complaint("")
        return self._error(Evidence(200, complaint, refusal.form, refusal.what, path, generation))

    async def _evidence(
        self, exchange: Exchange, path: str, generation: Generation | None = None
    ) -> Evidence:
        """What a response that is not 200 tells. The exchange is closed."""
        try:
            form, complaint = await self._complaint(exchange)
        finally:
            exchange.close()
        return Evidence(exchange.status, complaint, form, path=path, generation=generation)

    def _check_empty(self, answer: Answer) -> None:
        if (overflow := failures.silent_overflow(self.endpoint, answer.finish)) is not None:
            raise overflow

    def _error(self, evidence: Evidence) -> errors.ProviderError:
        return failures.from_answer(self.endpoint, replace(evidence, key=self._transport.key))

    async def _complaint(self, exchange: Exchange) -> tuple[Form, Complaint]:
        body = ErrorBody(exchange.content_type)
        with suppress(errors.ProviderError):  # an error answer without an end is an error answer
            while (data := await exchange.read(self._pace.ask, idle=True)) and body.feed(data):
                pass
        return body.close()

    async def _loaded(self, until: float) -> bool:
        """Poll a llama.cpp until its model is loaded; False when it is not by then, or for other servers."""
        if not isinstance(self._brand, brands.LlamaCpp):
            return False
        clock = asyncio.get_running_loop().time
        while clock() < until:
            await asyncio.sleep(self._pace.poll)
            if (await self.health()).state is not State.LOADING:
                return True
        return False

    async def _there(self) -> tuple[str, ...]:
        """The names of the models the server has, as far as it tells."""
        try:
            return tuple(model.name for model in await self.models())
        except errors.TwinnyError:
            return ()

    # -- questions --------------------------------------------------------------------------------

    async def _ask(
        self, method: str, path: str, body: JsonObject | None = None, about: Generation | None = None
    ) -> object:
        """One question and its decoded JSON answer. Raises ProviderError.

        It is a small one, unless it is `about` something that a model computes.
        """
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        seconds = self.endpoint.timeouts.first_byte
        if about is None:
            seconds = min(self._pace.ask, seconds)
        exchange = await self._transport.open(method, quote(path, safe="/?=&:%"), data, seconds)
        if exchange.status != 200:
            model = str(body.get("model", "")) if body else ""
            raise self._error(replace(await self._evidence(exchange, path, about), model=model))
        try:
            raw = bytearray()
            while chunk := await exchange.read(seconds, idle=True):
                raw += chunk
                if len(raw) > _LIST_BYTES:
                    raise self._refusal(Refusal(Form.JSON, what="it sent a list without an end"), path=path)
        finally:
            exchange.close()
        return self._decoded(bytes(raw), exchange.content_type, path, about)

    def _decoded(self, raw: bytes, content_type: str, path: str, about: Generation | None) -> object:
        if raw.lstrip()[:1] == b"<" or content_type.startswith("text/html"):
            raise self._refusal(Refusal(Form.HTML), about, path)
        try:
            value: object = json.loads(raw)
        except (ValueError, RecursionError):
            raise self._refusal(Refusal(Form.TEXT), about, path) from None
        complaint = complaint_in(value)
        if complaint is not None:
            raise self._refusal(Refusal(Form.JSON, complaint), about, path)
        return value
