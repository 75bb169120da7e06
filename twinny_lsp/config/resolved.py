"""Settings as the rest of the program reads them: complete, normalised, immutable.

Plain dataclasses, so that reading them costs no import of pydantic. `schema.py` has the form people
write; `resolve.py` is the one place that goes from there to here. Nothing behind it knows the
short form (protocol, hostname, port, path) or a preset's defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from twinny_lsp.providers.endpoint import Endpoint


class Surface(StrEnum):
    """Which request a client gets answers to. AUTO: the menu stays empty once it has asked inline."""

    AUTO = "auto"
    INLINE = "inline"
    MENU = "menu"
    BOTH = "both"


class Multiline(StrEnum):
    """Whether an answer may have several lines. AUTO: decided from the text around the cursor."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Target:
    """One model on one server, and the template it is asked with.

    `template` is automatic, a family's name, native or custom-template.
    """

    endpoint: Endpoint
    model: str
    template: str = "automatic"


@dataclass(frozen=True, slots=True)
class CompletionSettings:
    """What holds for completions in one document of one language. Times in ms, sizes in tokens or bytes.

    `debounce_ms` None is "auto". `off_reason` says in words why `enabled` is False. `automatic` False: only
    a request the user asked for is answered.
    """

    enabled: bool
    target: Target | None
    off_reason: str = ""
    fallback: tuple[Target, ...] = ()
    surface: Surface = Surface.AUTO
    menu_position: str = "first"
    multiline: Multiline = Multiline.AUTO
    debounce_ms: int | None = None
    temperature: float = 0.2
    max_tokens: int = 256
    context_tokens: int = 2048
    suffix_tokens: int = 256
    candidates: int = 3
    cache: bool = True
    speculate: bool = True
    suffix_first: bool = False
    max_file_bytes: int = 2_000_000
    automatic: bool = True


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """Which parts of other files a model may see, and how much: `tokens` of prompt in all, 0 for none."""

    enabled: bool = True
    recent_edits: bool = True
    open_files: bool = True
    imports: bool = True
    related: bool = True
    notebook_cells: bool = True
    tokens: int = 512
    max_file_bytes: int = 200_000


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """What no model may see. `deny` and `allow` are patterns in the syntax of .gitignore, from the root on.

    `allow` makes exceptions from the built-in list only. `ignore_files` are names of files with patterns.
    """

    deny: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    ignore_files: tuple[str, ...] = (".twinnyignore",)
    mask_secrets: bool = True


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """What holds for chat. `system` is the default system message ("" for none).

    `off_reason` says in words why `target` is None. `commit_style`: auto, conventional or plain.
    `embeddings`: the model that finds places by their meaning, None for none; `embeddings_off` says why
    there is none where one is wanted.
    """

    target: Target | None
    system: str = ""
    temperature: float = 0.2
    max_tokens: int = 2048
    off_reason: str = ""
    commit_style: str = "auto"
    commit_tokens: int = 2048
    embeddings: Target | None = None
    embeddings_off: str = ""
