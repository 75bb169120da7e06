"""Where a server is, from the many ways people write it: URL, host, port, full path or API base.

Pure text; nothing is resolved or connected to. An address may hold a password by mistake, so no message
repeats one.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace

from twinny_lsp.errors import SettingsError
from twinny_lsp.providers.endpoint import Route, Wire
from twinny_lsp.providers.presets import Preset

DEFAULT_PORTS = {"http": 80, "https": 443}
UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what servers listen on; clients call loopback
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.?")
_VERSION = re.compile(r"/v\d+[a-z0-9]*(?=/|$)")
_ENDINGS = (
    (re.compile(r"/chat/completions$"), Wire.OPENAI_CHAT),
    (re.compile(r"/api/generate(/\d+)?$"), Wire.OLLAMA_GENERATE),
    (re.compile(r"/api/chat(/\d+)?$"), Wire.OLLAMA_CHAT),
    (re.compile(r"/fim/completions$"), Wire.OPENAI_FIM),
    (re.compile(r"/completions$"), Wire.OPENAI_COMPLETIONS),
    (re.compile(r"/completion$"), Wire.LLAMACPP_COMPLETION),
    (re.compile(r"/infill$"), Wire.LLAMACPP_INFILL),
    (re.compile(r"/embeddings$"), Wire.OPENAI_EMBEDDINGS),
    (re.compile(r"/api/embed(/\d+)?$"), Wire.OLLAMA_EMBED),
)
_TAILS = {
    Wire.OPENAI_CHAT: "/v1/chat/completions",
    Wire.OPENAI_COMPLETIONS: "/v1/completions",
    Wire.OLLAMA_GENERATE: "/api/generate",
    Wire.OLLAMA_CHAT: "/api/chat",
    Wire.LLAMACPP_COMPLETION: "/completion",
    Wire.LLAMACPP_INFILL: "/infill",
    Wire.OPENAI_EMBEDDINGS: "/v1/embeddings",
    Wire.OLLAMA_EMBED: "/api/embed",
    Wire.EMBEDDED: "",
    Wire.SYMMETRY: "",
}
_FIXED = frozenset({Wire.OPENAI_FIM})
"""Each vendor has a path of its own for it."""
_CHAT = frozenset({Wire.OPENAI_CHAT, Wire.OLLAMA_CHAT})
_EMBEDDINGS = frozenset({Wire.OPENAI_EMBEDDINGS, Wire.OLLAMA_EMBED})
_OPENAI = frozenset({Wire.OPENAI_CHAT, Wire.OPENAI_COMPLETIONS, Wire.OPENAI_EMBEDDINGS})
_PRIVATE_NAMES = (".local", ".lan", ".home", ".internal", ".localdomain", ".home.arpa", ".localhost")


@dataclass(frozen=True, slots=True)
class Address:
    """What was said of an address; "" or None is "not said". `path` begins with a slash, or is ""."""

    scheme: str = ""
    host: str = ""
    port: int | None = None
    path: str = ""

    @property
    def origin(self) -> str:
        """`scheme://host:port`, without the port where it is the scheme's own; "" without a host."""
        if not self.host:
            return ""
        scheme = self.scheme or _likely_scheme(self.host, self.port)
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port in (None, DEFAULT_PORTS[scheme]) else f":{self.port}"
        return f"{scheme}://{host}{port}"


def parse_address(text: str) -> Address:
    """Read a URL, or a host with or without port and path. Raises SettingsError, without the text."""
    rest = text.strip()
    if re.search(r"[\s\\]", rest) or not rest.isprintable():
        raise SettingsError("has blanks or control characters in it")
    scheme = ""
    if found := _SCHEME.match(rest):
        scheme, rest = found[1].lower(), rest[found.end() :]
        if scheme not in DEFAULT_PORTS:
            raise SettingsError("should begin with `http://` or `https://`")
    rest = rest.removeprefix("//")
    if "?" in rest or "#" in rest:
        raise SettingsError("should have no `?` or `#` in it; what belongs to a key goes into `headers`")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        raise SettingsError("should have no user name and password in it; use `headers` for them")
    host, port = _host_and_port(authority)
    if scheme and not host:
        raise SettingsError("has no host name")
    return Address(scheme, UNSPECIFIED.get(host, host), port, tidy_path(slash + path))


def tidy_path(path: str) -> str:
    """One slash in front, none at the end, none twice; "" for the root. Raises SettingsError."""
    path = path.strip()
    if re.search(r"[\s\\?#]", path) or not path.isprintable():
        raise SettingsError("should be a path such as `/v1/completions`, without blanks, `?` and `#`")
    parts = [part for part in path.split("/") if part]
    return "/" + "/".join(parts) if parts else ""


def lay_over(base: Address, over: Address, *, url: bool) -> Address:
    """`over`, with what it does not say taken from `base`.

    The port goes along with a new host, since it is the kind of server that has it; but not to another
    scheme, and not to a `url` with a scheme, which is complete in itself. The path stays with the host.
    """
    port = over.port
    if port is None and not (over.host and over.scheme and (url or over.scheme != base.scheme)):
        port = base.port
    path = over.path or ("" if over.host else base.path)
    return Address(over.scheme or base.scheme, over.host or base.host, port, path)


def join_paths(base: str, path: str) -> str:
    """A path below a base that may already hold the beginning of it: `/ollama/v1` and `/v1/completions`."""
    if not path or not base:
        return path or base
    if wire_of(base):
        base = _without_ending(base)
    segments, more = base.split("/")[1:] if base else [], path.split("/")[1:]
    for size in range(min(len(segments), len(more)), 0, -1):
        if segments[-size:] == more[:size]:
            return "/".join(["", *segments, *more[size:]])
    return base + path


def wire_of(path: str) -> Wire | None:
    """How a server is spoken to at this full path; None for an API base."""
    return next((wire for ending, wire in _ENDINGS if ending.search(path)), None)


@dataclass(frozen=True, slots=True)
class Routes:
    """The routes of one server."""

    completion: Route | None
    chat: Route | None
    infill: Route | None
    embeddings: Route | None


def routes_at(preset: Preset, path: str, role: str = "") -> Routes:
    """A preset's routes below an API base, or with the one that a full path names.

    `role` is "completion" or "chat" when the path was given for it alone, else "". Raises SettingsError
    for a path that cannot serve its role.
    """
    wire = wire_of(path)
    base = _without_ending(path) if wire else path
    own = preset.completion
    if own is not None and own.wire in _FIXED and own.path.startswith(f"{base}/"):
        base = ""  # a vendor's base for this one path, DeepSeek's `/beta`; chat is elsewhere
    usual = (preset.completion, preset.chat, preset.infill, preset.embeddings)
    laid = Routes(*(route and _laid(route, base) for route in usual))
    if wire is None:
        return laid
    if path == f"{base}/completions" and not _VERSION.search(base) and _is_llamacpp(preset):
        wire = Wire.LLAMACPP_COMPLETION  # llama.cpp's other name for it
    given = Route(wire, path)
    if wire in _EMBEDDINGS:
        if role:
            raise SettingsError("is a path for embeddings; it belongs into the provider's `baseUrl`")
        return replace(laid, embeddings=preset.embeddings and given)
    if role == "chat" or (not role and wire in _CHAT):
        if wire not in _CHAT and wire is not Wire.LLAMACPP_COMPLETION:
            raise SettingsError("is a path for completion; for chat it would be `/v1/chat/completions`")
        return replace(laid, chat=given)
    if wire is Wire.LLAMACPP_INFILL:
        plain = (
            laid.completion if _is_llamacpp(preset) else Route(Wire.LLAMACPP_COMPLETION, f"{base}/completion")
        )
        return replace(laid, completion=plain, infill=given)
    return replace(laid, completion=given, chat=given if wire in _CHAT else laid.chat, infill=None)


def _is_llamacpp(preset: Preset) -> bool:
    return preset.completion is not None and preset.completion.wire is Wire.LLAMACPP_COMPLETION


def _without_ending(path: str) -> str:
    for ending, _ in _ENDINGS:
        if found := ending.search(path):
            return path[: found.start()]
    return path


def _laid(route: Route, base: str) -> Route:
    """One of a preset's routes below an API base that may say `/v1`, `/api` or the preset's own prefix."""
    if not base or route.wire is Wire.EMBEDDED:
        return route
    if route.wire in _FIXED:
        return Route(route.wire, join_paths(base.removesuffix("/v1"), route.path))
    tail = _TAILS[route.wire]
    own = route.path.removesuffix(tail)
    rootless = base.removesuffix("/v1")
    if route.wire in _OPENAI and _VERSION.search(base):
        # An API base with its version is what people copy from a vendor's page: it is taken as it is.
        path = base + tail.removeprefix("/v1") if rootless else own + tail
        return Route(route.wire, path)
    root = rootless
    if not (own and root.endswith(own)):
        root = root.removesuffix("/api")
    if not root.endswith(own):
        root += own
    return Route(route.wire, root + tail)


def _host_and_port(authority: str) -> tuple[str, int | None]:
    if authority.startswith("["):
        host, bracket, port = authority[1:].partition("]")
        if not bracket or (port and not port.startswith(":")) or not _is_ipv6(host):
            raise SettingsError("should have an IPv6 address between `[` and `]`")
        return host.lower(), _port(port[1:])
    if _is_ipv6(authority):
        return authority.lower(), None
    host, _, port = authority.partition(":")
    if ":" in port or (host and not _HOST.fullmatch(host)):
        raise SettingsError("should be a host name or an address, such as `127.0.0.1` or `[::1]:11434`")
    return host.lower(), _port(port)


def _port(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65_535):
        raise SettingsError("has a port that is not a number from 1 to 65535")
    return int(text)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _likely_scheme(host: str, port: int | None) -> str:
    """`https` for a name on the Internet, so that no key goes there in the clear; else `http`."""
    if port == 443:
        return "https"
    if port is not None or "." not in host.rstrip(".") or host.endswith(_PRIVATE_NAMES):
        return "http"
    try:
        return "http" if ipaddress.ip_address(host).is_private else "https"
    except ValueError:
        return "https"
