"""A stand-in for Ollama in front of a real llama.cpp: its routes, answers, errors, and faults by model tag.

    async with OllamaStandIn(llama.url) as ollama: ...      # ollama.url, ollama.log
    python -m tests.support.servers.ollama --upstream URL   # prints READY URL

`log` has every request in order. With `key` it wants a bearer, as behind a reverse proxy. Tags and what
they break: ollama_model.py. Not Ollama: no pulling, no images, no tools.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Self

from tests.support.servers.ollama_model import OllamaModel
from tests.support.servers.plain_http import (
    Answer,
    HttpProblem,
    LlamaUpstream,
    Made,
    PlainServer,
    Request,
    go_json,
)

VERSION = "0.13.5"
PLAIN_JSON = "application/json"
POSTS = ("/api/generate", "/api/chat", "/api/show", "/v1/completions", "/v1/chat/completions")


class OllamaStandIn:
    """The server; `async with` starts and stops it."""

    def __init__(
        self,
        upstream: str,
        *,
        name: str = "tiny-fim",
        context: int = 2048,
        key: str = "",
        upstream_key: str = "",
    ) -> None:
        self.model = OllamaModel(LlamaUpstream(upstream, upstream_key), name, context)
        self.key = key
        self.log: list[Request] = []
        self._server = PlainServer(self.handle)

    @property
    def url(self) -> str:
        """Where it listens, without a trailing slash."""
        return self._server.url

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    async def serve_for(self, seconds: float, port: int) -> None:
        """Run as a command."""
        await self._server.start(port)
        print(f"READY {self.url}", flush=True)
        try:
            await asyncio.sleep(seconds)
        finally:
            await self._server.stop()

    async def handle(self, request: Request, answer: Answer) -> None:
        """Answer one request, as Ollama's router would."""
        self.log.append(request)
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            await answer.send(401, {"error": "unauthorized"})
        elif (found := self._get(request.path)) is not None:
            if request.method not in ("GET", "HEAD"):
                await answer.send(405, "405 method not allowed", "text/plain")
            else:
                plain = isinstance(found, str)
                kind = "text/plain; charset=utf-8" if plain else "application/json; charset=utf-8"
                await answer.send(200, found, kind)
        elif request.path not in POSTS:
            await answer.send(404, "404 page not found", "text/plain")
        elif request.method != "POST":
            await answer.send(405, "405 method not allowed", "text/plain")
        else:
            await self._post(request, answer)

    def _get(self, path: str) -> object | None:
        if path == "/api/ps":
            return {"models": self.model.loaded()}
        listed = {
            "id": f"{self.model.name}:latest",
            "object": "model",
            "created": 1_795_334_400,
            "owned_by": "library",
        }
        return {
            "/": "Ollama is running",
            "/api/version": {"version": VERSION},
            "/api/tags": {"models": [self.model.listed()]},
            "/v1/models": {"object": "list", "data": [listed]},
        }.get(path)

    async def _post(self, request: Request, answer: Answer) -> None:
        openai = request.path.startswith("/v1")
        try:
            asked = _parse(request, openai)
            if request.path == "/api/show":
                name = asked.get("model") or asked.get("name")
                if not name:
                    raise HttpProblem(400, "model is required")
                await answer.send(200, self.model.shown(self.model.resolve(name)))
            elif openai:
                await _OpenAiFace(self.model, request.path, asked).answer(answer)
            else:
                await self._api(request.path, asked, answer)
        except HttpProblem as problem:
            if openai:
                await answer.send(problem.status, openai_error(problem), PLAIN_JSON)
            else:
                await answer.send(problem.status, {"error": problem.message})

    async def _api(self, path: str, asked: Made, answer: Answer) -> None:
        make = self.model.generate if path == "/api/generate" else self.model.chat
        async with aclosing(make(asked, time.perf_counter_ns())) as objects:
            first = await anext(objects, None)
            if first is not None and first.get("done_reason") in ("load", "unload"):
                await answer.send(200, first)
            elif asked.get("stream") is False:
                await answer.send(200, await _joined(first, objects))
            else:
                await _stream_lines(first, objects, answer)


def _parse(request: Request, openai: bool) -> Made:
    if not request.body:
        raise HttpProblem(400, "EOF" if openai else "missing request body")
    try:
        asked = request.json
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise HttpProblem(400, "invalid character 'n' looking for beginning of object key string")
    return asked


def openai_error(problem: HttpProblem) -> Made:
    """An error in the form of the OpenAI API."""
    kind = {400: "invalid_request_error", 404: "not_found_error"}.get(problem.status, "api_error")
    return {"error": {"message": problem.message, "type": kind, "param": None, "code": None}}


def _text(made: Made) -> str:
    return str(made["response"] if "response" in made else made["message"]["content"])


async def _joined(first: Made | None, objects: AsyncGenerator[Made, None]) -> Made:
    """All objects of a stream as the one of `stream: false`."""
    if first is None:
        return {}
    text, last = _text(first), first
    async for last in objects:
        text += _text(last)
    whole = {"response": text} if "response" in last else {"message": {"role": "assistant", "content": text}}
    return {**last, **whole}


async def _stream_lines(first: Made | None, objects: AsyncGenerator[Made, None], answer: Answer) -> None:
    await answer.begin("application/x-ndjson")
    try:
        made = first
        while made is not None:
            await answer.chunk(go_json(made) + b"\n")
            made = await anext(objects, None)
    except HttpProblem as problem:  # the status is out already: the error is one more line
        await answer.chunk(go_json({"error": problem.message}) + b"\n")
    await answer.end()


class _OpenAiFace:
    """One request to `/v1/completions` or `/v1/chat/completions`, as middleware over the same model."""

    def __init__(self, model: OllamaModel, path: str, asked: Made) -> None:
        self._chat = path == "/v1/chat/completions"
        self._model, self._asked = model, asked
        self._usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        self._base = {
            "id": f"{'chatcmpl' if self._chat else 'cmpl'}-{random.randrange(999)}",
            "object": "chat.completion" if self._chat else "text_completion",
            "created": int(time.time()),
            "model": asked.get("model", ""),
            "system_fingerprint": "fp_ollama",
        }

    async def answer(self, answer: Answer) -> None:
        make = self._model.chat if self._chat else self._model.generate
        async with aclosing(make(self._inner(), time.perf_counter_ns())) as objects:
            first = await anext(objects, None)
            if self._asked.get("stream"):
                await self._stream(first, objects, answer)
            else:
                whole = await _joined(first, objects)
                text, reason = (_text(whole), whole.get("done_reason")) if whole else ("", None)
                content = (
                    {"message": {"role": "assistant", "content": text}} if self._chat else {"text": text}
                )
                choice = {"index": 0, **content, "finish_reason": reason}
                await answer.send(
                    200, {**self._base, "choices": [choice], "usage": _usage(whole)}, PLAIN_JSON
                )

    def _inner(self) -> Made:
        asked = self._asked
        temperature = asked.get("temperature")
        options: Made = {"temperature": 1.0 if temperature is None else temperature}
        options["top_p"] = asked.get("top_p") or 1.0
        options["num_predict"] = asked.get("max_tokens")
        options["seed"] = asked.get("seed")
        if asked.get("stop"):
            options["stop"] = [asked["stop"]] if isinstance(asked["stop"], str) else asked["stop"]
        inner: Made = {"model": asked.get("model", ""), "options": options}
        if self._chat:
            if not asked.get("messages"):
                raise HttpProblem(400, "[] is too short - 'messages'")
            return inner | {"messages": [_flat(message) for message in asked["messages"]]}
        prompt = asked.get("prompt", "")
        if not isinstance(prompt, str):
            field = "CompletionRequest.prompt"
            raise HttpProblem(
                400, f"json: cannot unmarshal array into Go struct field {field} of type string"
            )
        return inner | {"prompt": prompt, "suffix": asked.get("suffix", "")}

    async def _stream(self, first: Made | None, objects: AsyncGenerator[Made, None], answer: Answer) -> None:
        await answer.begin("text/event-stream")
        base = {**self._base, "object": "chat.completion.chunk"} if self._chat else self._base
        begun, made = False, first
        try:
            while made is not None:
                for choice in self._choices(made, begun):
                    event: Made = {**base, "choices": [choice]}
                    if self._usage and not self._chat:
                        event["usage"] = _usage({})
                    await _event(answer, event)
                begun = True
                if made["done"]:
                    if self._usage:
                        await _event(answer, {**base, "choices": [], "usage": _usage(made)})
                    await answer.chunk(b"data: [DONE]\n\n")
                made = await anext(objects, None)
        except HttpProblem:  # Ollama's writer turns it into an empty piece, and no [DONE] follows
            content = {"delta": {"content": ""}} if self._chat else {"text": ""}
            lost = {"index": 0, **content, "finish_reason": None}
            await _event(answer, {**base, "model": "", "choices": [lost]})
        await answer.end()

    def _choices(self, made: Made, begun: bool) -> list[Made]:
        """The choices that one object becomes; a chat's end is one of its own."""
        text, reason = _text(made), made.get("done_reason")
        if not self._chat:
            return [{"text": text, "index": 0, "finish_reason": reason}]
        choices = []
        if text or not begun or not made["done"]:
            delta = {"content": text} if begun else {"role": "assistant", "content": text}
            choices.append({"index": 0, "delta": delta, "finish_reason": None})
        if made["done"]:
            choices.append({"index": 0, "delta": {}, "finish_reason": reason})
        return choices


def _flat(message: Made) -> Made:
    content = message.get("content", "")
    if not isinstance(content, str):
        content = "".join(part.get("text", "") for part in content)
    return {"role": message["role"], "content": content}


def _usage(made: Made) -> Made:
    prompt, generated = made.get("prompt_eval_count", 0), made.get("eval_count", 0)
    return {"prompt_tokens": prompt, "completion_tokens": generated, "total_tokens": prompt + generated}


async def _event(answer: Answer, event: Made) -> None:
    await answer.chunk(b"data: " + go_json(event) + b"\n\n")


def main() -> None:
    """Run the stand-in in front of a llama.cpp that is up already."""
    parser = argparse.ArgumentParser(description="a stand-in for Ollama over llama.cpp")
    parser.add_argument("--upstream", required=True, help="llama.cpp's address")
    parser.add_argument("--upstream-key", default="")
    parser.add_argument("--name", default="tiny-fim", help="the model's name")
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--key", default="", help="the bearer to demand")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=600.0, help="stop after this long")
    asked = vars(parser.parse_args())
    port, seconds = asked.pop("port"), asked.pop("seconds")
    asyncio.run(OllamaStandIn(**asked).serve_for(seconds, port))


if __name__ == "__main__":
    main()
