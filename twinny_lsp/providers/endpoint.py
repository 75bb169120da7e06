"""Where a model server is and how it is spoken to: the settings' last, normalised form.

Data only: `config` makes an Endpoint, the registry makes a Provider of it. No I/O here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Wire(StrEnum):
    """The shapes of request and answer; a brand of server is a preset over these."""

    OLLAMA_GENERATE = "ollama-generate"
    OLLAMA_CHAT = "ollama-chat"
    OPENAI_COMPLETIONS = "openai-completions"
    OPENAI_CHAT = "openai-chat"
    OPENAI_FIM = "openai-fim"
    LLAMACPP_COMPLETION = "llamacpp-completion"
    LLAMACPP_INFILL = "llamacpp-infill"
    OLLAMA_EMBED = "ollama-embed"
    OPENAI_EMBEDDINGS = "openai-embeddings"
    EMBEDDED = "embedded"
    SYMMETRY = "symmetry"


@dataclass(frozen=True, slots=True)
class Route:
    """One wire shape at one path below the endpoint's base URL, e.g. `/api/generate`."""

    wire: Wire
    path: str


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where the API key comes from: first of value, environment, file, command. Never shown."""

    value: str = field(default="", repr=False)
    env: str = ""
    file: str = ""
    command: tuple[str, ...] = field(default=(), repr=False)

    def __bool__(self) -> bool:
        return bool(self.value or self.env or self.file or self.command)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `first_byte` is long: queueing, loading the model and reading the prompt count.

    `total` bounds a whole answer; only Symmetry has it, where nothing else ends a provider that never stops.
    """

    connect: float = 5.0
    first_byte: float = 120.0
    idle: float = 60.0
    total: float = 600.0


@dataclass(frozen=True, slots=True)
class Link:
    """How the server is reached, beside its address. All are paths of files, but `proxy`: its URL, which may
    hold a password. `socket`: a Unix socket, in place of host and port.
    """

    ca_file: str = ""
    client_certificate: str = ""
    client_key: str = ""
    socket: str = ""
    proxy: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server, completely described.

    `name` is the provider's name in the settings, `preset` the brand it is built on (for error
    messages and for what is known of that brand: see presets.py). `base_url` has scheme, host and
    port and no trailing slash. `completion`/`chat`/`embeddings` are None where the server has none.
    `infill` is the route for a native FIM prompt, where the wire shape has a separate one.
    """

    name: str
    preset: str
    base_url: str
    completion: Route | None
    chat: Route | None
    infill: Route | None = None
    key: KeySource = KeySource()
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    timeouts: Timeouts = Timeouts()
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """What only this preset knows: num_ctx and keep_alive (Ollama), model path (embedded), server key and
    allowed providers (Symmetry)."""
    link: Link = Link()
    embeddings: Route | None = None

    @property
    def address(self) -> str:
        """What tells this server from others, for people too: its base URL, or its socket."""
        return f"unix:{self.link.socket}" if self.link.socket else self.base_url
