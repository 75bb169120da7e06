"""The ways to a server: its certificates, a Unix socket, a proxy, `localhost`."""

from __future__ import annotations

import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from socket import AF_INET, AF_INET6, create_server, has_dualstack_ipv6
from typing import Any

import pytest

from tests.support.asking import GENERATE, collect, endpoint, text_of
from tests.support.fake_server import FakeServer, bounded, ollama_stream, text_reply
from twinny_lsp import errors
from twinny_lsp.providers.connect import LoopbackFirst
from twinny_lsp.providers.endpoint import KeySource, Link
from twinny_lsp.providers.http import HttpProvider

TLS = Path(__file__).parent.parent / "fixtures" / "tls"
AUTHORITY, CLIENT = str(TLS / "authority.pem"), str(TLS / "client.pem")
KEY = "sk-very-secret-0123456789"


async def answer(url: str, **link: str) -> str:
    """The text that comes over that way."""
    provider = HttpProvider(endpoint(url, link=Link(**link), key=KeySource(value=KEY)))
    try:
        return text_of(await bounded(collect(provider)))
    finally:
        await provider.close()


async def failure(kind: type[errors.TwinnyError], url: str, **link: str) -> str:
    """What is said where it fails; never the key."""
    with pytest.raises(kind) as caught:
        await answer(url, **link)
    assert KEY not in str(caught.value) + repr(caught.value)
    return str(caught.value)


def tls(*, client: bool = False) -> ssl.SSLContext:
    """A server's side; `client`: it wants a certificate of its clients."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "server.pem")
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(AUTHORITY)
    return context


@pytest.fixture
async def secure() -> AsyncIterator[FakeServer]:
    async with FakeServer(tls=tls()) as server:
        yield server.on("POST", GENERATE, ollama_stream(["a"]))


@pytest.fixture
async def strict() -> AsyncIterator[FakeServer]:
    async with FakeServer(tls=tls(client=True)) as server:
        yield server.on("POST", GENERATE, ollama_stream(["a"]))


async def test_an_authority_of_ones_own_is_trusted_where_it_is_named(secure: FakeServer) -> None:
    assert await answer(secure.url, ca_file=AUTHORITY) == "a"
    said = await failure(errors.Unreachable, secure.url)
    assert "certificate is not trusted" in said
    assert "providers.ollama.caFile" in said
    assert len(secure.requests) == 1, "no key went to who is not trusted"


async def test_a_client_shows_its_certificate(strict: FakeServer) -> None:
    assert await answer(strict.url, ca_file=AUTHORITY, client_certificate=CLIENT) == "a"
    said = await failure(errors.Interrupted, strict.url, ca_file=AUTHORITY)
    assert "providers.ollama.clientCertificate" in said


@pytest.mark.parametrize(
    ("link", "part"),
    [
        ({"ca_file": "/nowhere/ca.pem"}, "caFile: /nowhere/ca.pem cannot be read (No such file"),
        ({"ca_file": __file__}, "holds no certificate in PEM form"),
        ({"client_certificate": "/nowhere/c.pem"}, "clientCertificate: /nowhere/c.pem cannot be read"),
        ({"client_certificate": CLIENT, "client_key": "/nowhere/k.pem"}, "/nowhere/k.pem cannot be read"),
        ({"client_certificate": AUTHORITY}, "clientCertificate"),
        (
            {
                "client_certificate": str(TLS / "client-certificate.pem"),
                "client_key": str(TLS / "client-locked-key.pem"),
            },
            "without a password",
        ),
    ],
)
async def test_a_certificate_that_cannot_be_used_is_said(
    secure: FakeServer, link: dict[str, str], part: str
) -> None:
    said = await failure(errors.SettingsError, secure.url, **link)
    assert said.startswith("providers.ollama.")
    assert part in said
    assert not secure.requests


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sockets here")
async def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    said = await failure(errors.Unreachable, "http://127.0.0.1:9", socket=path)
    assert said.startswith(f"ollama at unix:{path} cannot be reached: there is no such socket.")
    async with FakeServer(socket=path) as server:
        server.on("POST", GENERATE, ollama_stream(["a"]))
        assert await answer("http://127.0.0.1:9", socket=path) == "a"
        assert server.requests[0].headers["host"] == "127.0.0.1:9"


async def test_a_proxy_where_the_settings_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeServer() as proxy, FakeServer() as server:
        target = f"{server.url}{GENERATE}"
        proxy.on("POST", target, ollama_stream(["over the proxy"]))
        server.on("POST", GENERATE, ollama_stream(["directly"]))
        assert await answer(server.url, proxy=proxy.url) == "over the proxy"
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert await answer(server.url) == "directly"
        assert len(proxy.requests) == 1


async def test_a_proxy_that_fails_is_told_without_its_password(secure: FakeServer) -> None:
    async with FakeServer() as proxy:
        proxy.on("CONNECT", secure.url.removeprefix("https://"), text_reply("no", 407))
        named = proxy.url.replace("//", "//me:hunter2@")
        said = await failure(errors.Unreachable, secure.url, proxy=named)
        assert "lets nothing through (status 407)" in said
        await proxy.stop_listening()
    said += await failure(errors.Unreachable, secure.url, proxy=named)
    assert "its proxy does not answer" in said
    assert said.count("Check providers.ollama.proxy") == 2
    assert "hunter2" not in said


@pytest.mark.parametrize("host", ["localhost", "llm.localhost"])
async def test_localhost_is_127_0_0_1_first(host: str) -> None:
    found = await LoopbackFirst().resolve(host, 9)
    assert [(each["family"], each["host"], each["port"]) for each in found] == [
        (AF_INET, "127.0.0.1", 9),
        (AF_INET6, "::1", 9),
    ]


async def test_other_names_are_the_systems_to_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def resolve(self: Any, host: str, port: int = 0, family: Any = AF_INET) -> list[Any]:
        asked.append(host)
        return []

    monkeypatch.setattr("aiohttp.ThreadedResolver.resolve", resolve)
    assert await LoopbackFirst().resolve("gpu.lan", 9) == []
    assert asked == ["gpu.lan"]


def ipv6() -> bool:
    """Whether this machine has `::1`."""
    try:
        create_server(("::1", 0), family=AF_INET6).close()
    except OSError:
        return False
    return has_dualstack_ipv6()


async def test_a_silent_ipv6_loopback_is_not_even_tried() -> None:
    async with FakeServer() as server:
        server.on("POST", GENERATE, ollama_stream(["a"]))
        if ipv6():
            with create_server(("::1", server.port), family=AF_INET6) as silent:
                silent.setblocking(False)
                assert await answer(f"http://localhost:{server.port}") == "a"
                with pytest.raises(BlockingIOError):
                    silent.accept()
        else:
            assert await answer(f"http://localhost:{server.port}") == "a"


async def test_a_server_on_ipv6_loopback_only_is_found() -> None:
    if not ipv6():
        return
    async with FakeServer(host="::1") as server:
        server.on("POST", GENERATE, ollama_stream(["a"]))
        assert await answer(f"http://localhost:{server.port}") == "a"
