"""One request for a file: redirects within limits, what the server says of the file, and its bytes.

Nothing of the environment is used: no proxy that the settings do not name, no credentials. Not for when to
ask again or where the bytes go: that is transfer.py.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twinny_lsp import __version__
from twinny_lsp.errors import PullError
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.pull.source import next_address, shown

if TYPE_CHECKING:
    import aiohttp
    from multidict import CIMultiDictProxy

MAX_REDIRECTS = 8
CONNECT_SECONDS = 20.0
SILENT_SECONDS = 60.0
"""How long a server may send nothing before the connection counts as broken."""

MAX_WAIT_SECONDS = 60.0
_READ_BYTES = 1 << 20
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_BUSY = (408, 425, 429, 500, 502, 503, 504)


class Broken(Exception):
    """It went wrong in a way that may be over soon; `wait` is how long the server asks to wait, seconds."""

    def __init__(self, what: str, wait: float = 0.0) -> None:
        super().__init__(what)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a file is wanted: all from byte `start`, and if `same` is given, only of the file it names."""

    url: str
    start: int = 0
    same: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes: the bytes from `start` on; `whole` when there are none left to send.

    `total` is the file's size if it was told, `etag` tells one state of the file from another, `sha256` is
    the checksum by the server's word.
    """

    start: int
    total: int | None
    etag: str = ""
    sha256: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """What asks, for one pull."""

    http: aiohttp.ClientSession
    proxy: str = field(repr=False)


@asynccontextmanager
async def client_for(endpoint: Endpoint) -> AsyncIterator[Client]:
    """A client for one pull, by the proxy and with the certificates of `endpoint`. Raises SettingsError."""
    import aiohttp

    from twinny_lsp.providers.connect import connector_for

    async with aiohttp.ClientSession(
        connector=await connector_for(endpoint),
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"twinny-lsp/{__version__}", "Accept-Encoding": "identity"},
        auto_decompress=False,
        trust_env=False,
    ) as http:
        yield Client(http, endpoint.link.proxy)


@asynccontextmanager
async def opened(client: Client, asked: Asked) -> AsyncIterator[tuple[Answer, Body]]:
    """Ask for the file, follow redirects, and give what comes. Raises Broken, PullError."""
    with _as_ours(asked.url):
        response, told = await _ask(client, asked)
        try:
            yield _answer(response, asked, told), Body(response, asked.url)
        finally:
            response.close()


class Body:
    """The bytes of one response."""

    def __init__(self, response: aiohttp.ClientResponse, url: str) -> None:
        self._response, self._url = response, url

    async def blocks(self) -> AsyncIterator[bytes]:
        """As they come, at most a megabyte at a time. Raises Broken when they end too early."""
        with _as_ours(self._url):
            async for block in self._response.content.iter_chunked(_READ_BYTES):
                yield block


@dataclass(frozen=True, slots=True)
class _Told:
    """What a server said of the file while sending us on to another: sites for models do."""

    sha256: str = ""
    size: int | None = None


async def _ask(client: Client, asked: Asked) -> tuple[aiohttp.ClientResponse, _Told]:
    headers = {}
    if asked.start:
        headers["Range"] = f"bytes={asked.start}-"
        if asked.same:
            headers["If-Range"] = asked.same
    url, told = asked.url, _Told()
    for _ in range(MAX_REDIRECTS + 1):
        response = await client.http.get(
            url, headers=headers, allow_redirects=False, proxy=client.proxy or None
        )
        told = _Told(
            told.sha256 or checksum_in(response.headers.get("X-Linked-Etag", "")),
            told.size or _size(response.headers, "X-Linked-Size"),
        )
        if response.status not in (301, 302, 303, 307, 308):
            return response, told
        response.close()
        url = next_address(url, response.headers.get("Location", ""))
    raise PullError(f"{shown(asked.url)} redirects in circles, or more than {MAX_REDIRECTS} times.")


def _answer(response: aiohttp.ClientResponse, asked: Asked, told: _Told) -> Answer:
    headers, status = response.headers, response.status
    etag = headers.get("ETag", "")
    same = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")
    if status == 416 and asked.start:
        there = _RANGE.fullmatch(headers.get("Content-Range", ""))
        total = int(there[3]) if there and there[3].isdigit() else None
        return Answer(asked.start, total, same, told.sha256, whole=True)
    if status == 206:
        there = _RANGE.fullmatch(headers.get("Content-Range", ""))
        if there is None or there[1] is None:
            raise PullError(f"{shown(asked.url)} sends a part of the file, but does not say which.")
        total = int(there[3]) if there[3].isdigit() else told.size
        return Answer(int(there[1]), total, same, told.sha256)
    if status != 200:
        raise _refusal(response, asked.url)
    if "html" in headers.get("Content-Type", ""):
        raise PullError(
            f"{shown(asked.url)} is a web page, not a file. Take the address of the file itself "
            "(on huggingface.co it has `/resolve/` in it)."
        )
    if headers.get("Content-Encoding", "identity") not in ("", "identity"):
        raise PullError(f"{shown(asked.url)} comes compressed; that is not understood here.")
    length = _size(headers, "Content-Length")
    if None not in (length, told.size) and length != told.size:
        raise PullError(f"{shown(asked.url)} announces {told.size} bytes and sends {length}.")
    return Answer(0, length or told.size, same, told.sha256)


def _refusal(response: aiohttp.ClientResponse, url: str) -> Exception:
    status = response.status
    if status in _BUSY:
        asked = response.headers.get("Retry-After", "")
        wait = min(float(asked), MAX_WAIT_SECONDS) if asked.isdigit() else 0.0
        return Broken(f"the server is busy (status {status})", wait)
    if status in (401, 403):
        return PullError(
            f"{shown(url)} is not for everybody (status {status}): it wants a login, or an accepted licence. "
            "Get it with your browser and name the file in `providers.embedded.modelPath`."
        )
    if status in (404, 410):
        return PullError(f"There is no file at {shown(url)} (status {status}).")
    return PullError(f"{shown(url)} refuses to send the file (status {status}).")


def checksum_in(etag: str) -> str:
    """The SHA-256 that an entity tag is, or ""."""
    found = re.fullmatch(r'"?([0-9a-f]{64})"?', etag)
    return found[1] if found else ""


def _size(headers: CIMultiDictProxy[str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isdigit() else None


class _as_ours:  # noqa: N801 (used as a function, in `with`)
    """Turn what aiohttp raises into Broken or PullError."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        import aiohttp

        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            raise PullError(
                f"The TLS certificate of {shown(self._url)} is not trusted here. If it is that of your own "
                "network, name its authority's certificate in `providers.embedded.caFile`."
            ) from error
        if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
            raise PullError("The proxy of `providers.embedded.proxy` does not let us through.") from error
        if isinstance(error, aiohttp.InvalidURL):
            raise PullError(f"{shown(self._url)} is no address.") from error
        if isinstance(error, aiohttp.ClientConnectorError):
            raise Broken(f"{error.host} cannot be reached ({_reason(error)})") from error
        if isinstance(error, aiohttp.ServerTimeoutError | TimeoutError | asyncio.TimeoutError):
            raise Broken("the server sends nothing any more") from error
        if isinstance(error, aiohttp.ClientError | ConnectionError):
            raise Broken("the connection broke") from error


def _reason(error: aiohttp.ClientConnectorError) -> str:
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name does not resolve"
    return error.os_error.strerror or "no connection"
