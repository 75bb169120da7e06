"""A stand-in for Open WebUI in front of our Ollama stand-in: the paths, keys and errors it adds.

Everything of Ollama is below `/ollama`; a key is needed; models want their full name; errors are
`{"detail": …}`; an unknown GET is a web page with status 200. After Open WebUI 0.12.4, see its
transcripts. Not for: its accounts, its own chat API.
"""

from __future__ import annotations

from typing import Self

from tests.support.servers.ollama import POSTS, OllamaStandIn
from tests.support.servers.plain_http import Answer, PlainServer, Request

PREFIX = "/ollama"
KEY = "sk-webui-key"
"""A key for tests, of the form Open WebUI gives out."""
FORMS = ("/api/generate", "/api/chat")
PAGE = '<!doctype html>\n<html lang="en"><head><title>Open WebUI</title></head><body></body></html>\n'
JSON = "application/json"


class _Detail(Answer):
    """Passes Ollama's answers on, but its errors in Open WebUI's form."""

    def __init__(self, outer: Answer) -> None:
        self._outer = outer

    async def send(self, status: int, content: object, content_type: str = JSON) -> None:
        if status >= 400:
            error = content.get("error") if isinstance(content, dict) else content
            words = error.get("message") if isinstance(error, dict) else error
            content, content_type = {"detail": words}, JSON
        await self._outer.send(status, content, content_type)

    async def begin(self, content_type: str) -> None:
        await self._outer.begin(content_type)

    async def chunk(self, data: bytes) -> None:
        await self._outer.chunk(data)

    async def end(self) -> None:
        await self._outer.end()


class OpenWebUiStandIn:
    """The server; `async with` starts and stops it. `log` has every request in order."""

    def __init__(self, ollama: OllamaStandIn, key: str = KEY) -> None:
        self._ollama, self._key = ollama, key
        self._server = PlainServer(self.handle)
        self.log: list[Request] = []

    @property
    def url(self) -> str:
        """Where it listens, without a trailing slash and without `/ollama`."""
        return self._server.url

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    async def handle(self, request: Request, answer: Answer) -> None:
        """Answer one request."""
        self.log.append(request)
        inner = request.path.removeprefix(PREFIX)
        if request.path in ("/ollama", "/ollama/", "/health"):
            await answer.send(200, {"status": True}, JSON)
        elif not request.path.startswith(("/ollama/", "/api/")):
            await self._page(request, answer)
        elif (refusal := self._refuse(request)) is not None:
            await answer.send(401, {"detail": refusal}, JSON)
        elif not request.path.startswith(PREFIX) or (request.method == "POST" and inner not in POSTS):
            await answer.send(405, {"detail": "Method Not Allowed"}, JSON)
        elif request.method == "POST":
            await self._forward(request, inner, answer)
        else:
            await self._ollama.handle(Request("GET", inner, {}, b""), _Detail(answer))

    async def _page(self, request: Request, answer: Answer) -> None:
        """Whatever is not an API is the single-page app."""
        if request.method == "GET":
            await answer.send(200, PAGE, "text/html; charset=utf-8")
        else:
            await answer.send(405, {"detail": "Method Not Allowed"}, JSON)

    def _refuse(self, request: Request) -> str | None:
        given = request.headers.get("x-api-key", "")
        if not given:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not given:
                return "Not authenticated"
        if given == self._key:
            return None
        if given.startswith("sk-"):
            return "Your session has expired or the token is invalid. Please sign in again."
        return "401 Unauthorized"

    async def _forward(self, request: Request, path: str, answer: Answer) -> None:
        wrong: dict[str, object] | None = None
        try:
            asked = request.json
        except ValueError:
            asked = None
            wrong = {"type": "json_invalid", "loc": ["body", 1], "msg": "JSON decode error", "input": {}}
        if asked is not None and path in FORMS and "model" not in asked:
            wrong = {"type": "missing", "loc": ["body", "model"], "msg": "Field required", "input": asked}
        if wrong is not None:
            await answer.send(422, {"detail": [wrong]}, JSON)
            return
        name = str(asked.get("model", ""))
        if not self._known(name):
            await answer.send(400, {"detail": f"Model '{name}' was not found"}, JSON)
            return
        await self._ollama.handle(Request("POST", path, {}, request.body), _Detail(answer))

    def _known(self, name: str) -> bool:
        """The full name; the tags that ask for a fault count as installed too."""
        base, colon, _ = name.partition(":")
        return base == self._ollama.model.name and bool(colon)
