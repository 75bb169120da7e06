"""`twinny-lsp commit-message`: a message for what is staged in the repository one stands in.

Nothing but the message goes to stdout, so that `git commit -eF <(twinny-lsp commit-message)` works. The model
is asked through the language server, as everywhere.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinny_lsp.chat.commit.message import Prepared, Style, clean, prepare_commit, refused
from twinny_lsp.chat.commit.staged import staged
from twinny_lsp.chat.edits.decide import No
from twinny_lsp.chat.templates import Templates
from twinny_lsp.cli.console import (
    SLOW_S,
    command,
    complain,
    connect,
    out,
    overrides,
    read_settings,
    unknown_provider,
)
from twinny_lsp.cli.session import JsonRpcError, SessionClosed
from twinny_lsp.errors import SettingsError, TwinnyError

if TYPE_CHECKING:
    from twinny_lsp.config.resolve import Settings


def run(options: argparse.Namespace) -> int:
    """0 with a message, 1 with the reason for none on stderr, 2 for wrong arguments."""
    if problem := unknown_provider(options.provider):
        complain(f"twinny-lsp commit-message: {problem}")
        return 2
    try:
        return asyncio.run(_run(options))
    except (TwinnyError, JsonRpcError) as error:
        complain(error.message if isinstance(error, JsonRpcError) else str(error))
    except (SessionClosed, TimeoutError) as error:
        complain(f"The language server gave no answer. {error}".strip())
    return 1


async def _run(options: argparse.Namespace) -> int:
    chosen = overrides("chat", options.provider, options.model)
    settings = _settings(chosen)
    target = settings.chat().target
    if not options.prompt and (why := refused(target.endpoint if target else None)):
        raise SettingsError(why)
    prepared = await _prepared(settings, options.style)
    if prepared.shown.held_back:
        complain(f"{prepared.shown.held_back} of the staged files are held back: no model may see them.")
    if options.prompt:
        out("\n\n".join(message.content for message in prepared.messages))
        return 0
    answer = await _ask(prepared, chosen)
    message = clean(answer, prepared.style)
    if isinstance(message, No):
        complain(message.message)
        return 1
    out(message)
    return 0


def _settings(chosen: dict[str, Any]) -> Settings:
    """As the server will have them."""
    from twinny_lsp.config.store import Source

    store = read_settings()
    store.update(Source.INITIALIZATION, chosen)
    return store.global_settings()


async def _prepared(settings: Settings, style: str | None) -> Prepared:
    from twinny_lsp.context.ignores import Ignores

    chat = settings.chat()
    changes = await staged(Path.cwd())
    ignores = Ignores(changes.root, settings.privacy())
    return await prepare_commit(
        changes,
        ignores.why_never,
        Templates(settings.template_directory),
        style=Style(style or chat.commit_style),
        tokens=chat.commit_tokens,
    )


async def _ask(prepared: Prepared, settings: dict[str, Any]) -> str:
    messages = [{"role": each.role, "content": each.content} for each in prepared.messages]
    async with await connect(settings) as session:
        params = command("chat", {"messages": messages})
        answer = await session.request("workspace/executeCommand", params, timeout=SLOW_S)
        await session.shutdown()
    return str(answer["text"])
