"""HttpProvider over real sockets: odd bytes, wrong servers, names of models, routes."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.support.asking import CHAT, GENERATE, RAW, collect, endpoint, generation, text_of
from tests.support.fake_server import (
    HANG,
    FakeServer,
    Reply,
    Step,
    bounded,
    chat_stream,
    completion_stream,
    json_reply,
    ndjson,
    ollama_stream,
    sse,
    text_reply,
)
from twinny_lsp import errors
from twinny_lsp.exchange import (
    FimPrompt,
    Finish,
    Piece,
    Prompt,
)
from twinny_lsp.providers.base import State
from twinny_lsp.providers.endpoint import Endpoint, Route, Wire
from twinny_lsp.providers.http import HttpProvider, Pace

# -- odd bytes --------------------------------------------------------------------------------------


def cut(data: bytes, size: int) -> list[Step]:
    return [data[i : i + size] for i in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
async def test_chunks_may_end_inside_a_character(
    server: FakeServer, provider: HttpProvider, size: int
) -> None:
    text = "é = '😀'\u2028\u2029\x85\x0b\x0c\x1c # ünï\r\n\tend"
    line = json.dumps({"response": text, "done": False}, ensure_ascii=False) + "\n"
    done = json.dumps({"response": "", "done": True, "done_reason": "stop"})
    server.on("POST", GENERATE, Reply(cut((line + done).encode(), size), content_type="application/x-ndjson"))
    assert text_of(await bounded(collect(provider))) == text


async def test_lines_beyond_the_http_library_limit(server: FakeServer, provider: HttpProvider) -> None:
    text = "x" * 700_000
    server.on("POST", GENERATE, ollama_stream([text]))
    assert text_of(await bounded(collect(provider))) == text


@pytest.mark.parametrize("garbage", [b"\x00" * 65536, b"a" * 65536, b'{"a":' + b" " * 65536])
async def test_garbage_without_end_is_left_alone(
    server: FakeServer, provider: HttpProvider, garbage: bytes
) -> None:
    reply = Reply([garbage] * 400, content_type="application/x-ndjson")
    server.on("POST", GENERATE, reply)
    with pytest.raises(errors.BadAnswer):
        await bounded(collect(provider))
    await bounded(server.requests[0].closed.wait())


async def test_an_html_page_without_end_is_left_alone(server: FakeServer, provider: HttpProvider) -> None:
    server.on("POST", GENERATE, Reply([b"<html>" + b"x" * 65536, b"x", HANG], content_type="text/html"))
    with pytest.raises(errors.WrongAddress):
        await bounded(collect(provider))
    await bounded(server.requests[0].closed.wait())


async def test_an_error_page_without_end_is_left_alone(server: FakeServer, provider: HttpProvider) -> None:
    server.on("POST", GENERATE, Reply([b"x" * 65536, b"x", HANG], 500, "text/plain"))
    with pytest.raises(errors.ServerFailure):
        await bounded(collect(provider))
    await bounded(server.requests[0].closed.wait())


async def failure_of(answer: bytes, scheme: str) -> errors.ProviderError:
    """What becomes of a server that says this, whatever it is asked."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    provider = HttpProvider(endpoint(f"{scheme}://127.0.0.1:{port}"))
    with pytest.raises(errors.ProviderError) as caught:
        await bounded(collect(provider))
    await provider.close()
    listening.close()
    return caught.value


async def test_a_server_that_speaks_no_http() -> None:
    error = await failure_of(b"SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n", "http")
    assert isinstance(error, errors.WrongAddress)
    assert "does not speak HTTP" in str(error)


async def test_https_where_there_is_only_http() -> None:
    error = await failure_of(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "https")
    assert isinstance(error, errors.WrongAddress)
    assert "Use http:// instead of https://" in str(error)


async def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nowhere(*_: object, **__: object) -> list[object]:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nowhere)
    provider = HttpProvider(endpoint("http://model.invalid:11434"))
    with pytest.raises(errors.Unreachable, match="does not resolve"):
        await bounded(collect(provider))
    assert (await provider.health()).state is State.DOWN
    await provider.close()


# -- models and routes ------------------------------------------------------------------------------


async def test_a_chat_waits_for_a_llamacpp_as_long_as_for_any_first_byte(server: FakeServer) -> None:
    """A completion gives up before: the next key brings another one."""
    loading = json_reply({"error": {"message": "Loading model", "code": 503}}, 503)
    server.on("GET", "/health", loading, loading, json_reply({"status": "ok"}))
    server.on("GET", "/props", json_reply({}))
    server.on("POST", "/v1/chat/completions", loading, chat_stream(["hi"]))
    server.on("POST", "/completion", loading)
    provider = HttpProvider(endpoint(server.url, "llamacpp"), Pace(loading=0.0, poll=0.01))
    assert text_of(await bounded(collect(provider, generation(CHAT)))) == "hi"
    with pytest.raises(errors.Loading):
        await bounded(collect(provider))
    await provider.close()


async def test_a_loading_llamacpp_is_waited_for(server: FakeServer) -> None:
    loading = json_reply(
        {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}, 503
    )
    server.on(
        "POST", "/completion", loading, sse({"content": "a", "stop": True, "stop_type": "eos"}, done=False)
    )
    server.on("GET", "/health", loading, loading, json_reply({"status": "ok"}))
    server.on("GET", "/props", json_reply({"build_info": "b1"}))
    provider = HttpProvider(endpoint(server.url, "llamacpp"), Pace(poll=0.001, loading=5.0))
    assert text_of(await bounded(collect(provider))) == "a"
    assert sum(request.path == "/health" for request in server.requests) == 3
    await provider.close()


async def test_a_model_is_found_by_its_other_name(server: FakeServer) -> None:
    missing = json_reply({"error": {"message": "model 'm:latest' not found"}}, 404)
    server.on("POST", "/v1/completions", missing, completion_stream(["a"]))
    server.on("GET", "/v1/models", json_reply({"data": [{"id": "m"}]}))
    provider = HttpProvider(endpoint(server.url, "vllm"))
    for _ in range(2):
        assert text_of(await collect(provider, generation(model="m:latest"))) == "a"
    asked = [request.json["model"] for request in server.requests if request.method == "POST"]
    assert asked == ["m:latest", "m", "m"]
    await provider.close()


async def test_openwebui_gets_the_full_name(server: FakeServer) -> None:
    server.on("POST", "/ollama/api/generate", ollama_stream(["a"]))
    provider = HttpProvider(endpoint(server.url, "openwebui"))
    await collect(provider, generation(model="org/m"))
    await collect(provider, generation(model="m:7b"))
    assert [request.json["model"] for request in server.requests] == ["org/m:latest", "m:7b"]
    await provider.close()


async def test_thinking_is_no_text(server: FakeServer, provider: HttpProvider) -> None:
    server.on("POST", "/v1/chat/completions", chat_stream(["<th", "ink>hm</thi", "nk>\n\nHel", "lo"]))
    pieces = await collect(provider, generation(CHAT))
    assert text_of(pieces) == "Hello"
    assert "".join(piece.thinking for piece in pieces) == "hm"


async def test_chat_over_the_old_completion_route(server: FakeServer) -> None:
    route = Route(Wire.LLAMACPP_COMPLETION, "/completion")
    end = {"content": "hi", "stop": True, "stop_type": "eos"}
    server.on("POST", "/completion", sse(end, done=False))
    old = Endpoint("llamacpp", "llamacpp", server.url, route, route)
    provider = HttpProvider(old)
    assert text_of(await collect(provider, generation(CHAT))) == "hi"
    server.on("POST", "/apply-template", json_reply({"prompt": "<user>hi<model>"}))
    assert text_of(await collect(provider, generation(CHAT))) == "hi"
    prompts = [request.json["prompt"] for request in server.requests if request.path == "/completion"]
    assert prompts == ["User: hi\n\nAssistant:", "<user>hi<model>"]
    await provider.close()


@pytest.mark.parametrize(
    ("preset", "prompt"),
    [
        *((preset, FimPrompt("a", "b")) for preset in ("lmstudio", "oobabooga", "vllm", "koboldcpp", "tgi")),
        *((preset, FimPrompt("a", "b")) for preset in ("openai", "openrouter")),
        *((preset, RAW) for preset in ("openai", "openrouter", "mistral", "codestral", "deepseek")),
    ],
)
async def test_a_prompt_without_a_route_is_refused_before_any_request(
    server: FakeServer, preset: str, prompt: Prompt
) -> None:
    provider = HttpProvider(endpoint(server.url, preset))
    with pytest.raises(errors.Unsupported):
        await collect(provider, generation(prompt))
    assert not server.requests
    await provider.close()


async def test_a_whole_json_answer_to_a_stream_request(server: FakeServer, provider: HttpProvider) -> None:
    server.on("POST", GENERATE, json_reply({"response": "a", "done": True, "done_reason": "length"}))
    assert await collect(provider) == [Piece("a"), Piece(finish=Finish.LENGTH)]


async def test_a_stream_without_an_end_is_incomplete(server: FakeServer, provider: HttpProvider) -> None:
    server.on("POST", GENERATE, ndjson({"response": "a", "done": False}))
    assert (await collect(provider))[-1].finish is Finish.INCOMPLETE


async def test_text_before_an_error_in_the_same_chunk_is_given(
    server: FakeServer, provider: HttpProvider
) -> None:
    server.on("POST", GENERATE, Reply(['{"response":"a","done":false}\n{"error":"gone"}\n']))
    stream = provider.stream(generation())
    assert await anext(stream) == Piece("a")
    with pytest.raises(errors.ServerFailure, match="gone"):
        await anext(stream)


async def test_facts_are_asked_once_and_failures_are_not_kept(
    server: FakeServer, provider: HttpProvider
) -> None:
    shown = json_reply({"template": "{{ .Suffix }}", "capabilities": ["insert", "thinking"]})
    server.on("POST", "/api/show", text_reply("oops", 500), shown)
    with pytest.raises(errors.ServerFailure):
        await provider.facts("m")
    facts = await provider.facts("m")
    assert facts.insert is True
    assert await provider.facts("m") is facts
    server.on("POST", GENERATE, ollama_stream(["a"]))
    await collect(provider)
    assert server.requests[-1].json["think"] is False
