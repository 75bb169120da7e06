"""Which kind of server answers at an address: told by a few small questions, asked without any key.

Several brands share a port (llama.cpp and Open WebUI, TabbyAPI and Oobabooga), so a port proves nothing. Not
for what a server has or whether it is well: that is its provider's to say.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twinny_lsp.errors import ProviderError, Unreachable
from twinny_lsp.providers.endpoint import Endpoint, Link, Timeouts
from twinny_lsp.providers.presets import PRESETS
from twinny_lsp.providers.transport import NOT_THERE, Transport

OPENAI = "openai-compatible"
_BYTES = 65536
_NO_CONNECTION = "does not accept a connection"
_OWNERS = {
    "library": "ollama",
    "llamacpp": "llamacpp",
    "vllm": "vllm",
    "tabbyAPI": "tabbyapi",
    "organization_owner": "lmstudio",
    "koboldcpp": "koboldcpp",
    "llama-swap": "llama-swap",
}
"""What servers write into `owned_by` of their models."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What answers. `brand` is a preset's name, "" for something else; `title` names it for people."""

    brand: str
    title: str


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer. `value` is its JSON, None when it has none."""

    status: int
    server: str = ""
    text: str = ""
    value: object = None


_NO_LINK = Link()


async def identify(
    base_url: str, link: Link = _NO_LINK, *, connect_s: float = 1.0, answer_s: float = 1.5
) -> Identity | None:
    """Who is there; None when nothing listens."""
    timeouts = Timeouts(connect_s, answer_s, answer_s)
    endpoint = Endpoint("doctor", OPENAI, base_url, None, None, timeouts=timeouts, link=link)
    transport = Transport(endpoint)
    try:
        try:
            root = await _get(transport, "/", answer_s)
        except Unreachable as error:
            return None if NOT_THERE in str(error) else Identity("", _unusable(error))
        except ProviderError as error:
            if _NO_CONNECTION in str(error):  # Windows does not refuse at once what nobody listens to
                return None
            return Identity("", _unusable(error))
        brand = _by_root(root)
        if brand:
            return Identity(brand, PRESETS[brand].title)
        answers = await asyncio.gather(*(_ask(transport, path, answer_s) for path in QUESTIONS))
        heard = {path: answer for path, answer in zip(QUESTIONS, answers, strict=True) if answer is not None}
        return _by_answers(root, heard)
    finally:
        await transport.close()


async def _ask(transport: Transport, path: str, seconds: float) -> Heard | None:
    try:
        return await _get(transport, path, seconds)
    except ProviderError:
        return None


async def _get(transport: Transport, path: str, seconds: float) -> Heard:
    """Raises ProviderError when no answer comes."""
    exchange = await transport.open("GET", path, None, seconds)
    body = bytearray()
    try:
        while len(body) < _BYTES and (data := await exchange.read(seconds, idle=True)):
            body += data
    except ProviderError:
        pass  # a head and half a body are an answer here
    finally:
        exchange.close()
    text = bytes(body).decode("utf-8", "replace")
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    return Heard(exchange.status, exchange.server, text, value)


def _unusable(error: ProviderError) -> str:
    said = str(error)
    if "certificate is not trusted" in said:
        return "something whose TLS certificate is not trusted here"
    if "does not speak HTTP" in said:
        return "something that does not speak HTTP"
    return "something that does not answer in time" if "sent nothing" in said else "something unknown"


def _by_root(heard: Heard) -> str:
    """The brand, where the first answer already says it; else ""."""
    if heard.server.startswith("llama.cpp"):
        return "llamacpp"
    if "Ollama is running" in heard.text:
        return "ollama"
    if re.search(r"<title>[^<]*Open WebUI", heard.text):
        return "openwebui"
    return "lmstudio" if _unexpected(heard) else ""


def _unexpected(heard: Heard) -> bool:
    """LM Studio answers so to whatever it does not know."""
    return "Unexpected endpoint or method" in heard.text


def _field(heard: Heard, name: str) -> object:
    return heard.value.get(name) if isinstance(heard.value, Mapping) else None


def _is_version(heard: Heard) -> bool:
    return heard.status == 200 and isinstance(_field(heard, "version"), str)


def _owner(heard: Heard) -> str:
    data = _field(heard, "data")
    first = data[0] if isinstance(data, list) and data else None
    return _OWNERS.get(str(first.get("owned_by")), "") if isinstance(first, Mapping) else ""


def _lists(heard: Heard) -> bool:
    return heard.status == 200 and isinstance(_field(heard, "data"), list)


def _wants_key(heard: Heard) -> bool:
    return heard.status in (401, 403)


Recognise = Callable[[Heard], bool]
_SIGNS: tuple[tuple[str, str, Recognise], ...] = (
    ("/api/config", "openwebui", lambda h: _is_version(h) and _field(h, "features") is not None),
    ("/health/liveliness", "litellm", lambda h: h.status == 200 and "I'm alive" in h.text),
    ("/v1/internal/model/info", "oobabooga", lambda h: isinstance(_field(h, "model_name"), str)),
    ("/api/v0/models", "lmstudio", lambda h: _lists(h) or _unexpected(h)),
    ("/api/extra/version", "koboldcpp", lambda h: _field(h, "result") == "KoboldCpp"),
    ("/running", "llama-swap", lambda h: isinstance(_field(h, "running"), list)),
    ("/info", "tgi", lambda h: isinstance(_field(h, "model_id"), str)),
    ("/health", "tabbyapi", lambda h: _field(h, "status") in ("healthy", "unhealthy")),
    ("/version", "vllm", _is_version),
    ("/api/version", "ollama", _is_version),
)
"""Path, brand, and whether the answer is this brand's; the first that holds decides."""

QUESTIONS = (*(path for path, _, _ in _SIGNS), "/v1/models")


def _by_answers(root: Heard, heard: Mapping[str, Heard]) -> Identity:
    models = heard.get("/v1/models")
    brand = _owner(models) if models else ""
    for path, name, fits in _SIGNS:
        if not brand and path in heard and fits(heard[path]):
            brand = name
    # A path that only one brand has and that is guarded, on a server that is not guarded as a whole.
    info = heard.get("/v1/internal/model/info")
    if not brand and info and _wants_key(info) and not _wants_key(root):
        brand = "oobabooga"
    if brand:
        return Identity(brand, PRESETS[brand].title)
    if models and (_lists(models) or (_wants_key(models) and not _wants_key(root))):
        return Identity(OPENAI, "a server of the OpenAI API")
    if _wants_key(root):
        return Identity("", "something that wants a key before it says what it is")
    name = re.sub(r"[^\w./ -]", "", root.server)[:40]
    return Identity("", f"another kind of server ({name})" if name else "another kind of server")
