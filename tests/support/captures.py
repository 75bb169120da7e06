"""Transcripts of real servers, as data: tests/fixtures/captures/SERVER.jsonl, one exchange a line.

`chunks` are `[milliseconds, text]` as the server framed them; CUT as the last one means that it closed
the connection in the middle of the body. Not for playing them: see tests/support/replay.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from twinny_lsp.exchange import ChatPrompt, FimPrompt, Generation, Message, Prompt, RawPrompt
from twinny_lsp.providers.endpoint import Endpoint, KeySource, Route, Wire

FOLDER = Path(__file__).parent.parent / "fixtures" / "captures"
CUT_MARK = "<<connection closed without the last chunk>>"
PRESETS = {
    "litellm": "litellm",
    "llamacpp_deb_gemma": "llamacpp",
    "llamacpp_gemma": "llamacpp",
    "llamacpp_router": "llamacpp",
    "llamacpp_tiny": "llamacpp",
    "ollama_standin": "ollama",
    "oobabooga": "oobabooga",
    "openwebui": "openwebui",
}


@dataclass(frozen=True)
class Capture:
    """One exchange with a real server."""

    server: str
    name: str
    request: dict[str, Any]
    status: int
    headers: tuple[tuple[str, str], ...]
    chunks: tuple[tuple[float, str], ...]

    @property
    def id(self) -> str:
        return f"{self.server}/{self.name}"

    @property
    def path(self) -> str:
        return str(self.request["path"])

    @property
    def content_type(self) -> str:
        return next((v for k, v in self.headers if k.lower() == "content-type"), "")

    @property
    def cut(self) -> bool:
        return bool(self.chunks) and self.chunks[-1][1] == CUT_MARK

    @property
    def pieces(self) -> list[bytes]:
        """The body, chunk by chunk."""
        return [text.encode("utf-8") for _, text in self.chunks if text != CUT_MARK]

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def wire(self) -> Wire | None:
        """The wire shape of the route, None when it generates no text."""
        path = self.path.removesuffix("/0")
        if self.request["method"] != "POST":
            return None
        shapes = {
            "/chat/completions": Wire.OPENAI_CHAT,
            "/v1/completions": Wire.OPENAI_COMPLETIONS,
            "/openai/completions": Wire.OPENAI_COMPLETIONS,
            "/api/completions": Wire.OPENAI_COMPLETIONS,
            "/api/generate": Wire.OLLAMA_GENERATE,
            "/api/chat": Wire.OLLAMA_CHAT,
            "/completion": Wire.LLAMACPP_COMPLETION,
            "/infill": Wire.LLAMACPP_INFILL,
        }
        return next((wire for tail, wire in shapes.items() if path.endswith(tail)), None)

    def endpoint(self, base_url: str) -> Endpoint:
        """An endpoint whose every route is the one of this exchange."""
        wire = self.wire
        assert wire is not None
        route = Route(wire, self.path)
        infill = route if wire is Wire.LLAMACPP_INFILL else None
        key = KeySource(value="sk-test-1234") if self.request["headers"] else KeySource()
        name = PRESETS[self.server]
        return Endpoint(name, name, base_url, route, route, infill, key)

    def generation(self) -> Generation:
        """The request, as this program would put it."""
        body = self.request["body"] if isinstance(self.request["body"], dict) else {}
        prompt: Prompt
        if self.wire in (Wire.OPENAI_CHAT, Wire.OLLAMA_CHAT):
            prompt = ChatPrompt((Message("user", "Hello"),))
        elif self.wire is Wire.LLAMACPP_INFILL or (self.wire is Wire.OLLAMA_GENERATE and "suffix" in body):
            prompt = FimPrompt("def add(a, b):\n    return ", "\n")
        else:
            prompt = RawPrompt("def add(a, b):\n    return ")
        return Generation(str(body.get("model", "some-model")), prompt, 16, 0.0)


@cache
def captures() -> tuple[Capture, ...]:
    """All exchanges of all servers."""
    made = []
    for file in sorted(FOLDER.glob("*.jsonl")):
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                raw = json.loads(line)
                response = raw["response"]
                headers = tuple((k, v) for k, v in response["headers"])
                chunks = tuple((ms, text) for ms, text in response["chunks"])
                made.append(
                    Capture(file.stem, raw["name"], raw["request"], response["status"], headers, chunks)
                )
    return tuple(made)


def generating() -> list[Capture]:
    """The exchanges in which text was asked for."""
    return [capture for capture in captures() if capture.wire is not None]


def named(identity: str) -> Capture:
    """One exchange by `server/name`."""
    return next(capture for capture in captures() if capture.id == identity)
