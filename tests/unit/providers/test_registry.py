"""One provider for equal endpoints, and what a change of settings closes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

from tests.support.asking import collect, endpoint, generation
from tests.support.fake_server import HANG, FakeServer, bounded, ollama_stream
from twinny_lsp.providers.endpoint import Timeouts
from twinny_lsp.providers.registry import Registry

HERE = endpoint("http://127.0.0.1:9", options={"num_ctx": 1})
SAME = endpoint("http://127.0.0.1:9", options={"num_ctx": 1})
OTHER = replace(HERE, timeouts=Timeouts(1.0, 1.0, 1.0))


async def test_equal_endpoints_share_a_provider() -> None:
    registry = Registry()
    provider = registry.provider(HERE)
    assert registry.provider(SAME) is provider
    assert registry.provider(OTHER) is not provider
    await registry.close_all()
    assert registry.provider(HERE) is not provider


async def test_a_change_closes_only_what_is_not_named_any_more() -> None:
    async with FakeServer() as server:
        server.on("POST", "/api/generate", ollama_stream(["a"]))
        kept, gone = endpoint(server.url), endpoint(server.url, options={"num_ctx": 2})
        registry = Registry()
        first, second = registry.provider(kept), registry.provider(gone)
        await collect(first)
        await collect(second)
        await registry.keep([endpoint(server.url)])
        assert registry.provider(kept) is first
        assert registry.provider(gone) is not second
        await bounded(server.requests[1].closed.wait())
        assert not server.requests[0].closed.is_set()
        await registry.close_all()
        await bounded(server.requests[0].closed.wait())


async def test_closing_ends_the_streams_under_way() -> None:
    async with FakeServer() as server:
        server.on("POST", "/api/generate", ollama_stream(["a", HANG]))
        registry = Registry()
        stream = registry.provider(endpoint(server.url)).stream(generation())
        await bounded(anext(stream))
        await registry.close_all()
        await bounded(server.requests[0].closed.wait())
        await stream.aclose()


async def test_refused_native_prompts_are_remembered_per_endpoint_and_model() -> None:
    registry = Registry()
    assert not registry.native_refused(HERE, "m")
    registry.refuse_native(HERE, "m")
    registry.refuse_native(SAME, "m")
    assert registry.native_refused(SAME, "m")
    assert not registry.native_refused(HERE, "other")
    assert not registry.native_refused(OTHER, "m")
    await registry.keep([OTHER])
    assert not registry.native_refused(HERE, "m")


def test_making_a_provider_imports_no_http_library() -> None:
    code = (
        "import sys\n"
        "from twinny_lsp.providers.registry import Registry\n"
        "from twinny_lsp.providers.endpoint import Endpoint\n"
        "assert 'twinny_lsp.providers.http' not in sys.modules\n"
        "Registry().provider(Endpoint('o', 'ollama', 'http://127.0.0.1:9', None, None))\n"
        "assert 'twinny_lsp.providers.http' in sys.modules\n"
        "assert 'aiohttp' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
