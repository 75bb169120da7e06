"""What the commands share: printing that cannot fail, the user's settings, our own server to talk to.

Not for what a command says: that is its own module's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from twinny_lsp.cli.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from twinny_lsp.config.store import SettingsStore

CAPABILITIES: Mapping[str, Any] = {
    "general": {"positionEncodings": ["utf-32"]},
    "textDocument": {"inlineCompletion": {}, "completion": {}},
}
SLOW_S = 300.0
"""How long a model may take: the settings' own timeouts end a request long before."""


def out(text: str, end: str = "\n", stream: TextIO | None = None) -> None:
    """Print, with `?` for what the terminal's encoding does not have."""
    stream = stream or sys.stdout
    try:
        print(text, end=end, file=stream, flush=True)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        print(text.encode(encoding, "replace").decode(encoding), end=end, file=stream, flush=True)


def complain(text: str) -> None:
    """Print to standard error."""
    out(text, stream=sys.stderr)


def out_json(value: object) -> None:
    """Print JSON for programs."""
    out(json.dumps(value, indent=2, ensure_ascii=False))


def read_settings() -> SettingsStore:
    """The user's settings: their file (or that of TWINNY_LSP_CONFIG) over the defaults."""
    from twinny_lsp.config.store import SettingsStore
    from twinny_lsp.fim.families import names

    return SettingsStore(templates=names())


def overrides(use: str, provider: str | None, model: str | None) -> dict[str, Any]:
    """`--provider` and `--model` as settings for `use`; with another provider, its own usual model."""
    chosen = {"provider": provider, "model": model}
    return {use: {key: value for key, value in chosen.items() if value}}


def unknown_provider(name: str | None) -> str:
    """What is wrong with a `--provider`, or ""."""
    if not name:
        return ""
    settings = read_settings().global_settings()
    return "" if name in settings.providers() else f"--provider {name}: {settings.why_no_endpoint(name)}"


async def connect(settings: Mapping[str, Any], folder: Path | None = None) -> Session:
    """Our server in a child process, greeted as an editor does it. Close it with `async with`."""
    session = await Session.spawn()
    try:
        root = {"rootUri": folder.as_uri(), "workspaceFolders": None} if folder else {}
        given = {"capabilities": CAPABILITIES, "initializationOptions": dict(settings), **root}
        await session.initialize(given)
    except BaseException:
        await session.close()
        raise
    return session


def command(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The params of one of our commands."""
    return {"command": f"twinny-lsp.{name}", "arguments": [dict(arguments)]}
