"""The way to a server: TCP or a Unix socket, and the certificates. Not for requests (transport.py).

Imports aiohttp, so it is imported with the first request.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from twinny_lsp.errors import SettingsError
from twinny_lsp.providers.endpoint import Endpoint, Link

KEEP_ALIVE_SECONDS = 4.0
"""Below the five seconds after which llama.cpp and uvicorn close an idle connection."""


async def connector_for(endpoint: Endpoint) -> aiohttp.BaseConnector:
    """The way to that server. Raises SettingsError where a certificate cannot be read."""
    link = endpoint.link
    if link.socket:
        if not hasattr(socket, "AF_UNIX"):
            raise SettingsError(f"providers.{endpoint.name}.socket: this system has no Unix sockets.")
        return aiohttp.UnixConnector(link.socket, keepalive_timeout=KEEP_ALIVE_SECONDS)
    context: ssl.SSLContext | bool = True
    if link.ca_file or link.client_certificate:
        context = await asyncio.to_thread(_context, link, f"providers.{endpoint.name}")
    return aiohttp.TCPConnector(ssl=context, resolver=LoopbackFirst(), keepalive_timeout=KEEP_ALIVE_SECONDS)


def _context(link: Link, where: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        if link.ca_file:
            context.load_verify_locations(link.ca_file)
    except (OSError, ValueError) as error:
        raise SettingsError(_unreadable(f"{where}.caFile", link.ca_file, error)) from None
    try:
        if link.client_certificate:
            # A key with a password would ask for it on the terminal, which is the editor's pipe.
            context.load_cert_chain(link.client_certificate, link.client_key or None, password=str)
    except (OSError, ValueError) as error:
        files = " and ".join(filter(None, (link.client_certificate, link.client_key)))
        raise SettingsError(_unreadable(f"{where}.clientCertificate", files, error)) from None
    return context


def _unreadable(key: str, files: str, error: Exception) -> str:
    if isinstance(error, ssl.SSLError) or not isinstance(error, OSError):
        reason = "no certificate and key in PEM form that fit together, without a password"
        return f"{key}: {files} holds {reason if 'client' in key else 'no certificate in PEM form'}."
    missing = next((name for name in files.split(" and ") if not Path(name).is_file()), files)
    return f"{key}: {missing} cannot be read ({error.strerror or 'not a file'})."


class LoopbackFirst(AbstractResolver):
    """`localhost` is 127.0.0.1, then ::1: model servers listen on the first, and a silent second must not be
    waited for. Other names are the system's to resolve."""

    def __init__(self) -> None:
        self._system = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses, in the order in which they are tried."""
        if host != "localhost" and not host.endswith(".localhost"):
            return await self._system.resolve(host, port, family)
        found = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST
            )
            for kind, address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""
