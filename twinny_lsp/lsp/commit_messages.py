"""`twinny-lsp.commitMessage`: a message for what is staged, as a result and in an open COMMIT_EDITMSG.

What it is made of is `chat/commit/`'s.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinny_lsp.errors import SettingsError, TwinnyError
from twinny_lsp.lsp.arguments import flag, take, text
from twinny_lsp.lsp.notices import Level
from twinny_lsp.lsp.workspace_edits import abilities, apply, changed

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from twinny_lsp.lsp.asking import Asker
    from twinny_lsp.lsp.server import TwinnyServer

LANGUAGE = "git-commit"
LABEL = "twinny-lsp: Write the commit message"


@dataclass(frozen=True, slots=True)
class CommitMessage:
    """`style` is how its first line is written; `held_back`: files that no model may see."""

    text: str
    style: str
    held_back: int


class CommitMessages:
    """Writes commit messages; holds nothing of them."""

    def __init__(self, server: TwinnyServer, asker: Asker) -> None:
        self._server, self._asker = server, asker

    async def command(self, argument: Any = None) -> dict[str, Any]:
        """`{text, style, heldBack, applied}`, or `{started: true}` at once. Raises TwinnyError."""
        given = take(argument, ("uri", "wait"))
        uri = text(given, "uri")
        await self._server.require_ready()
        if flag(given, "wait") is False:
            self._server.run_task(self._told(uri), "write a commit message")
            return {"started": True}
        made = await self.write(uri)
        edit = self.edit(uri, made)
        applied = edit is not None and await apply(self._server, edit, LABEL)
        held_back = made.held_back
        return {"text": made.text, "style": made.style, "heldBack": held_back, "applied": applied}

    async def write(self, uri: str) -> CommitMessage:
        """Ask for a message for what is staged where a document is, else in the first folder.

        Raises TwinnyError, also for an answer that is no message.
        """
        # The loop has no time for it.
        await asyncio.to_thread(import_module, "twinny_lsp.chat.commit.message")
        from twinny_lsp.chat.commit.message import Style, clean, prepare_commit, refused
        from twinny_lsp.chat.commit.staged import staged
        from twinny_lsp.chat.edits.decide import No
        from twinny_lsp.context.ignores import Ignores

        asked = await self._asker.whom()
        if why := refused(asked.target.endpoint):
            raise SettingsError(why)
        folder = await asyncio.to_thread(self._folder, uri)
        if folder is None:
            raise TwinnyError("No folder is open, so there is no repository to look into.")
        changes = await staged(folder)
        privacy = self._server.backend.store.global_settings().privacy()
        ignores = await asyncio.to_thread(Ignores, changes.root, privacy)
        prepared = await prepare_commit(
            changes,
            ignores.why_never,
            self._asker.templates(),
            style=Style(asked.settings.commit_style),
            tokens=min(asked.settings.commit_tokens, max(256, (asked.window - asked.answer) // 2)),
        )
        spoken = await self._asker.ask(await self._asker.outgoing(asked, prepared.messages))
        message = clean(spoken.text, prepared.style)
        if isinstance(message, No):
            raise TwinnyError(message.message)
        return CommitMessage(message, str(prepared.style), prepared.shown.held_back)

    def edit(self, uri: str, made: CommitMessage) -> lsp.WorkspaceEdit | None:
        """The message at the top of an open COMMIT_EDITMSG; None for any other document."""
        from twinny_lsp.chat.edits.passage import Edit

        document = self._server.documents.get(uri)
        if document is None or document.language != LANGUAGE:
            return None
        below = "\n\n" if document.lines[0].strip() else ""
        able = abilities(self._server.client_capabilities)
        return changed(document, [Edit((0, 0), (0, 0), made.text + below)], able, LABEL)

    async def _told(self, uri: str) -> None:
        try:
            made = await self.write(uri)
        except TwinnyError as error:
            self._server.tell(str(error), Level.ERROR)
            return
        edit = self.edit(uri, made)
        if edit is None or not await apply(self._server, edit, LABEL):
            self._server.tell(made.text, Level.INFO)

    def _folder(self, uri: str) -> Path | None:
        """A folder in the work tree that a document belongs to, also one of those in `.git`."""
        from twinny_lsp.config.sources import path_of

        path = path_of(uri) if uri else None
        if path is None:
            root = next(iter(self._server.roots), "")
            return path_of(root) if root else None
        folder = path.parent
        linked = folder / "gitdir"  # of a linked work tree: it names that tree's `.git`
        if linked.is_file():
            return Path(linked.read_text(encoding="utf-8").strip()).parent
        return folder.parent if folder.name == ".git" else folder
