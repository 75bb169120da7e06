"""The model that knows the files, over HTTP in a process of its own, as the servers it stands for would
speak.

    python -m benchmarks.typing.server < {"files": [...], "stops": true, "speed": [60, 0.3, 12]}

prints its port. It speaks enough of Ollama (`/api/generate`), llama.cpp (`/completion`, `/infill`), the
OpenAI API (`/v1/completions`) and Tabby (`/v1/completions` with `segments`) to be asked for completions;
`/counts` tells what each request cost. One slot: a request waits for the one before it, and ends when its
client goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import web

from benchmarks.typing.knower import Counted, Knower, Speed, pieces

Json = dict[str, Any]
TABBY_TOKENS = 64
"""What a Tabby server generates at most for one request."""

QWEN = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


class ModelServer:
    """One knower behind all the routes."""

    def __init__(self, knower: Knower) -> None:
        self.knower = knower
        self.counted: list[Counted] = []
        self._slot = asyncio.Lock()

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/api/generate", self.ollama)
        app.router.add_post("/api/show", _json({"capabilities": ["completion", "insert"], "model_info": {}}))
        app.router.add_get("/api/ps", _json({"models": [{"name": "knower:latest"}]}))
        app.router.add_get("/api/tags", _json({"models": [{"name": "knower:latest"}]}))
        app.router.add_post("/completion", self.llamacpp)
        app.router.add_post("/infill", self.infill)
        props = {"default_generation_settings": {"n_ctx": 8192}, "total_slots": 1}
        app.router.add_get("/props", _json(props))
        app.router.add_get("/health", _json({"status": "ok"}))
        app.router.add_post("/v1/completions", self.openai)
        app.router.add_get("/v1/models", _json({"data": [{"id": "knower"}]}))
        app.router.add_route("*", "/v1/health", _json({"model": "knower", "device": "cpu", "version": {}}))
        app.router.add_get("/v1beta/server_setting", _json({"disable_client_side_telemetry": True}))
        app.router.add_post("/v1/events", _json({}))
        app.router.add_get("/counts", self.counts)
        return app

    async def counts(self, request: web.Request) -> web.Response:
        """What every request cost so far."""
        return web.json_response([dataclasses.asdict(each) for each in self.counted])

    async def ollama(self, request: web.Request) -> web.StreamResponse:
        """`/api/generate`, raw: a line of JSON a token."""
        asked = await request.json()
        if not asked.get("prompt"):
            return web.json_response({"response": "", "done": True, "done_reason": "load"})
        most = asked.get("options", {}).get("num_predict", 256)
        prompt = asked["prompt"] if asked.get("raw") else _rendered(asked["prompt"], asked.get("suffix", ""))

        def line(text: str, last: Counted | None) -> str:
            made: Json = {"model": asked["model"], "response": text, "done": last is not None}
            if last is not None:
                made |= {"done_reason": "stop", "prompt_eval_count": last.prompt}
                made["eval_count"] = last.generated
            return json.dumps(made) + "\n"

        if asked.get("stream") is False:
            return await _whole(self._generate(prompt, most), lambda text, last: json.loads(line(text, last)))
        return await self._stream(request, self._generate(prompt, most), line, "application/x-ndjson")

    async def llamacpp(self, request: web.Request) -> web.StreamResponse:
        """`/completion`."""
        asked = await request.json()
        return await self._llamacpp(request, asked, asked["prompt"])

    async def infill(self, request: web.Request) -> web.StreamResponse:
        """`/infill`: the middle's beginning goes before the suffix."""
        asked = await request.json()
        extra = "".join(f"<|file_sep|>{e['filename']}\n{e['text']}" for e in asked.get("input_extra") or ())
        prefix = asked["input_prefix"] + asked.get("prompt", "")
        return await self._llamacpp(request, asked, extra + _rendered(prefix, asked["input_suffix"]))

    async def _llamacpp(self, request: web.Request, asked: Json, prompt: str) -> web.StreamResponse:
        def event(text: str, last: Counted | None) -> str:
            made: Json = {"content": text, "stop": last is not None}
            if last is not None:
                timings = {"prompt_n": last.anew, "cache_n": last.prompt - last.anew}
                made |= {"stop_type": "eos", "tokens_evaluated": last.prompt, "timings": timings}
                made["tokens_predicted"] = last.generated
            return f"data: {json.dumps(made)}\n\n"

        steps = self._generate(prompt, asked.get("n_predict", 128))
        if not asked.get("stream"):
            return await _whole(steps, lambda text, _: {"content": text, "stop": True, "timings": {}})
        return await self._stream(request, steps, event, "text/event-stream")

    async def openai(self, request: web.Request) -> web.StreamResponse:
        """`/v1/completions`, also with Tabby's `segments`."""
        asked = await request.json()
        segments = asked.get("segments")
        if segments is not None:
            more = segments.get("relevant_snippets_from_changed_files") or ()
            context = "".join(f"{each['body']}\n" for each in more)
            prompt = _rendered(context + segments["prefix"], segments.get("suffix") or "")
            return await _whole(self._generate(prompt, TABBY_TOKENS), _tabby)

        def event(text: str, last: Counted | None) -> str:
            choice = {"index": 0, "text": text, "finish_reason": "stop" if last else None}
            made: Json = {"choices": [choice]}
            if last is not None:
                made["usage"] = {"prompt_tokens": last.prompt, "completion_tokens": last.generated}
            return f"data: {json.dumps(made)}\n\n" + ("data: [DONE]\n\n" if last else "")

        prompt = asked["prompt"]
        if asked.get("suffix"):
            prompt = _rendered(prompt, asked["suffix"])
        steps = self._generate(prompt, asked.get("max_tokens", 256))
        if not asked.get("stream"):
            return await _whole(steps, lambda text, _: {"choices": [{"index": 0, "text": text}]})
        return await self._stream(request, steps, event, "text/event-stream")

    async def _stream(
        self,
        request: web.Request,
        steps: AsyncIterator[tuple[str, Counted | None]],
        write: Callable[[str, Counted | None], str],
        kind: str,
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": kind})
        with contextlib.suppress(ConnectionResetError):  # the client has gone
            await response.prepare(request)
            async for text, last in steps:
                await response.write(write(text, last).encode())
        return response

    async def _generate(self, prompt: str, most: int) -> AsyncIterator[tuple[str, Counted | None]]:
        """Token by token at the model's speed, then ("", what it cost); ends with its handler."""
        async with self._slot:
            clock = asyncio.get_running_loop().time
            answer, first_ms, counted = self.knower.read(prompt)
            counted.at = time.perf_counter()
            self.counted.append(counted)
            due = clock() + first_ms / 1000
            for number, text in enumerate(pieces(answer)):
                if number >= most:
                    break
                due += self.knower.speed.token / 1000
                await asyncio.sleep(max(due - clock(), 0))
                counted.generated += 1
                yield text, None
            await asyncio.sleep(max(due - clock(), 0))
            yield "", counted


async def _whole(
    steps: AsyncIterator[tuple[str, Counted | None]], made: Callable[[str, Counted], Json]
) -> web.Response:
    text = ""
    async for piece, last in steps:
        text += piece
        if last is not None:
            return web.json_response(made(text, last))
    return web.json_response({})


def _tabby(text: str, _: Counted) -> Json:
    return {"id": "cmpl-1", "choices": [{"index": 0, "text": text}]}


def _rendered(prefix: str, suffix: str) -> str:
    before, between, behind = QWEN
    return f"{before}{prefix}{between}{suffix}{behind}"


def _json(value: Json) -> Callable[[web.Request], Any]:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(value)

    return handler


async def serve(asked: Json) -> None:
    """Serve until standard input ends."""
    knower = Knower(asked["files"], Speed(*asked["speed"]), stops=asked["stops"])
    runner = web.AppRunner(ModelServer(knower).app(), handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.stdin.readline())))
