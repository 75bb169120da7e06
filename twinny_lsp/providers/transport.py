"""HTTP for the providers: one aiohttp session a server, timeouts in three steps, failures in our words.

It moves bytes and tells how a connection failed. Not for what the bytes mean: http.py and answer.py.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
from types import SimpleNamespace
from typing import TYPE_CHECKING

from twinny_lsp import errors
from twinny_lsp.providers import keys
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.failures import preset_of, where

if TYPE_CHECKING:
    import aiohttp

_log = logging.getLogger(__name__)
_READ_BUFFER = 2**20
NOT_THERE = "nothing listens there"
"""In the message where a connection is refused; the doctor tells other failures to connect apart by it."""
_KEY_REFUSED = (400, 401, 403)
"""Statuses after which the key is looked up again for the next request; LiteLLM says 400."""


class Exchange:
    """An open response. It must be closed: that closes the socket, unless the body was read to its end."""

    def __init__(self, response: aiohttp.ClientResponse, transport: Transport) -> None:
        self._response, self._transport = response, transport
        self.status = response.status
        self.content_type = response.headers.get("Content-Type", "")
        self.server = response.headers.get("Server", "")
        """What the server calls itself: the doctor tells servers that share a port apart by it."""
        transport.exchanges.add(self)

    async def read(self, seconds: float, *, idle: bool) -> bytes:
        """The bytes that are there next, b"" at the end of the body; waits at most `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                return await self._response.content.readany()
        except TimeoutError:
            raise self._transport.late(seconds, "stopped sending" if idle else "sent nothing") from None
        except Exception as error:
            raise self._transport.translate(error) from None

    @property
    def at_end(self) -> bool:
        """True when the whole body has been received and read."""
        return self._response.content.at_eof()

    def close(self) -> None:
        """Let go: the connection goes back to the pool when its body is finished, else it is closed now."""
        self._transport.exchanges.discard(self)
        if self._response.content.is_eof():
            self._response.release()
        else:
            self._response.close()

    def cut(self) -> None:
        """Close the socket under whoever reads: aiohttp alone would let them wait for ever."""
        self._response.content.set_exception(ConnectionAbortedError("closed here"))
        self.close()


class Transport:
    """The connections to one server. Made without I/O; the session is opened with the first request."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.key = ""
        self.exchanges: set[Exchange] = set()
        """The responses that are being read."""
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()
        self._closed = False
        self._keyed = not endpoint.key

    async def open(self, method: str, path: str, body: bytes | None, first_byte: float) -> Exchange:
        """Send a request and wait for the response's head, at most `first_byte` s after connecting.

        Raises ProviderError or, for a key that cannot be had, SettingsError. Cancelling closes the socket.
        """
        headers = (
            {**await self._headers(), "Content-Type": "application/json"} if body else await self._headers()
        )
        url = self.endpoint.base_url + path
        while True:
            trace = SimpleNamespace(reused=False)
            try:
                async with asyncio.timeout(self.endpoint.timeouts.connect + first_byte):
                    session = await self._opened()
                    response = await session.request(
                        method,
                        url,
                        data=body,
                        headers=headers,
                        proxy=self.endpoint.link.proxy or None,
                        allow_redirects=False,
                        trace_request_ctx=trace,
                    )
                if response.status in _KEY_REFUSED:
                    self._keyed = not self.endpoint.key  # it may have been renewed where it is kept
                return Exchange(response, self)
            except TimeoutError as error:
                raise self._timed_out(error, first_byte) from None
            except Exception as error:
                # Servers close idle connections, and one may be closing just as we write to it. Each try
                # takes one such connection out of the pool, so the last one is made on a fresh connection.
                if trace.reused and _broke_off(error):
                    _log.debug("%s: an idle connection was closed; trying again", self.endpoint.name)
                    continue
                raise self.translate(error) from None

    async def close(self) -> None:
        """Close all connections for good; who still waits is told that the stream broke off."""
        self._closed = True
        for exchange in list(self.exchanges):
            exchange.cut()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def translate(self, error: Exception) -> Exception:
        """One of our errors for one of aiohttp's; others come back as they are."""
        import aiohttp

        if isinstance(error, errors.TwinnyError):
            return error
        if self._closed:
            # aiohttp has half a dozen errors for what closing a session does to those who wait.
            return self._left()
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return self._unreachable("the host name does not resolve", "Check baseUrl in the settings.")
        if isinstance(error, aiohttp.ClientSSLError):
            return self._no_tls(error)
        if isinstance(error, aiohttp.ClientProxyConnectionError):
            return self._unreachable("its proxy does not answer", self._proxy_advice())
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return self._unreachable(
                f"its proxy lets nothing through (status {error.status})", self._proxy_advice()
            )
        if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
            return self._interrupted("ended the TLS connection")
        if isinstance(error, aiohttp.ClientConnectorError):
            return self._not_connected(error)
        if isinstance(error, aiohttp.InvalidURL):
            return self._make(
                errors.WrongAddress, "is not a usable address", "Check baseUrl in the settings."
            )
        if isinstance(error, aiohttp.ServerDisconnectedError):
            return self._interrupted("closed the connection without an answer")
        if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientOSError):
            return self._interrupted("broke the answer off")
        if isinstance(error, aiohttp.ClientResponseError):
            cause = "does not speak HTTP: another kind of server"
            return self._make(errors.WrongAddress, cause, "Check the port in the settings.")
        if isinstance(error, aiohttp.ClientError | ConnectionError):
            return self._interrupted("broke the connection off")
        return error

    def late(self, seconds: float, what: str) -> errors.TimedOut:
        """The error for a server that lets us wait."""
        advice = (
            "Loading a model or a long queue can take that long: raise "
            f"providers.{self.endpoint.name}.timeouts, or take a smaller model."
        )
        return errors.TimedOut(
            f"{where(self.endpoint)} {what} for {seconds:g} s. {advice}", provider=self.endpoint.name
        )

    async def _opened(self) -> aiohttp.ClientSession:
        async with self._opening:
            if self._closed:
                raise self._left()  # another session would be closed by nobody
            if self._session is None:
                self._session = await self._new_session()
            return self._session

    async def _new_session(self) -> aiohttp.ClientSession:
        import aiohttp

        from twinny_lsp.providers.connect import connector_for

        async def reused(_: object, context: SimpleNamespace, __: object) -> None:
            context.trace_request_ctx.reused = True

        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(reused)
        return aiohttp.ClientSession(
            connector=await connector_for(self.endpoint),
            # The body's time is bounded read by read; a total would cut long answers off.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.endpoint.timeouts.connect),
            read_bufsize=_READ_BUFFER,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[tracing],
            trust_env=False,  # no proxy from the environment: these servers are this machine's own
        )

    async def _headers(self) -> dict[str, str]:
        if not self._keyed:
            try:
                self.key = await keys.resolve(self.endpoint.key)
            except errors.SettingsError as error:
                raise errors.KeyUnavailable(f"providers.{self.endpoint.name}: {error}") from None
            self._keyed = True
        # Compressed streams come in blocks, and late.
        headers = {"Accept-Encoding": "identity", **self.endpoint.headers}
        if self.key and not any(name.lower() == "authorization" for name in headers):
            headers["Authorization"] = f"Bearer {self.key}"
        return headers

    def _timed_out(self, error: TimeoutError, first_byte: float) -> errors.ProviderError:
        import aiohttp

        if isinstance(error, aiohttp.ServerTimeoutError):
            seconds = self.endpoint.timeouts.connect
            cause = f"does not accept a connection within {seconds:g} s"
            return self._make(errors.TimedOut, cause, f"Check the address and firewalls. {self._start()}")
        return self.late(first_byte, "took the request but sent nothing")

    def _not_connected(self, error: aiohttp.ClientConnectorError) -> errors.ProviderError:
        number = error.os_error.errno
        if self.endpoint.link.socket and number in (errno.ENOENT, errno.EACCES):
            cause = "there is no such socket" if number == errno.ENOENT else "its socket may not be opened"
            return self._unreachable(cause, f"Check providers.{self.endpoint.name}.socket. {self._start()}")
        if number in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            return self._unreachable(
                "there is no way to that address from here", "Check baseUrl in the settings."
            )
        return self._unreachable(f"{NOT_THERE}: it is not running, or on another port", self._start())

    def _no_tls(self, error: aiohttp.ClientSSLError) -> errors.ProviderError:
        import aiohttp

        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            advice = (
                "Use the name the certificate is made for, or name its authority's certificate in "
                f"providers.{self.endpoint.name}.caFile."
            )
            return self._unreachable("its TLS certificate is not trusted here", advice)
        cause = error.os_error
        if isinstance(cause, ssl.SSLError) and cause.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
            return self._make(errors.WrongAddress, "does not speak TLS", "Use http:// instead of https://.")
        return self._unreachable("TLS could not be agreed on", "Check whether it is http:// or https://.")

    def _proxy_advice(self) -> str:
        return f"Check providers.{self.endpoint.name}.proxy in the settings."

    def _start(self) -> str:
        return preset_of(self.endpoint).start or "Start it, or correct baseUrl in the settings."

    def _unreachable(self, cause: str, advice: str) -> errors.ProviderError:
        message = f"{where(self.endpoint)} cannot be reached: {cause}. {advice}"
        return errors.Unreachable(message, provider=self.endpoint.name)

    def _interrupted(self, cause: str) -> errors.ProviderError:
        advice = "See the server's own log; it may have crashed."
        if self.endpoint.preset == "oobabooga":
            advice = "Most often no model is loaded: load one in its Model tab. Else see its log."
        if self.endpoint.base_url.startswith("https:") and not self.endpoint.link.client_certificate:
            advice += (
                " If it wants a certificate from its clients, name it in "
                f"providers.{self.endpoint.name}.clientCertificate."
            )
        return self._make(errors.Interrupted, cause, advice)

    def _left(self) -> errors.ProviderError:
        return self._make(errors.Interrupted, "was left: its settings have changed", "Ask again.")

    def _make(self, kind: type[errors.ProviderError], cause: str, advice: str) -> errors.ProviderError:
        return kind(f"{where(self.endpoint)} {cause}. {advice}", provider=self.endpoint.name)


def _broke_off(error: Exception) -> bool:
    """True when a connection died before a byte of the answer."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorError):
        return False
    return isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | ConnectionError)
