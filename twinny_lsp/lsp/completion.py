"""Completion requests: from LSP params to the engine's question, from its answer to items.

What is a good completion is the engine's business, how an item must look for a client that of clients.py.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from twinny_lsp.lsp.clients import ToClient, inline_item, menu_item, menu_list, opens_menu, word_start
from twinny_lsp.lsp.rounds import Rounds

if TYPE_CHECKING:
    from twinny_lsp.completion.request import Asked, Request, Result
    from twinny_lsp.documents.document import Document
    from twinny_lsp.documents.snapshot import Snapshot
    from twinny_lsp.lsp.server import TwinnyServer
    from twinny_lsp.lsp.sync import SettingsSync

log = logging.getLogger(__name__)

MENTIONS = "@"
"""Opens the menu of mentions in chat documents; elsewhere the model is not asked for it."""
TRIGGER_CHARACTERS = (".", "(", "[", "{", ":", "=", ",", " ", "\n", MENTIONS)
"""For menus. A blank and a new line are among them, since that is where a model is asked what comes next."""


class CompletionFeatures:
    """The handlers of textDocument/inlineCompletion, textDocument/completion and completionItem/resolve."""

    def __init__(self, server: TwinnyServer, sync: SettingsSync) -> None:
        self._server, self._sync = server, sync
        self.rounds = Rounds()
        self._tells_shown = False
        self._keys: dict[str, float] = {}
        """By document, when the last key was for which somebody asked."""
        self.inline_was_asked = False
        """Whether this client draws ghost text. Neovim 0.12 announces it even when the user has not switched
        it on, so only a request counts."""

    async def inline(self, params: lsp.InlineCompletionParams) -> lsp.InlineCompletionList:
        """Answer with ghost text; always a list, empty when there is nothing to say."""
        from twinny_lsp.completion.request import Asked, Trigger

        self.inline_was_asked = True
        invoked = params.context.trigger_kind == lsp.InlineCompletionTriggerKind.Invoked
        trigger = Trigger.INVOKED if invoked else Trigger.AUTOMATIC
        document = self._server.documents.get(params.text_document.uri)
        if document is None:
            return lsp.InlineCompletionList(items=[])
        snapshot = document.snapshot(params.position.line, params.position.character)
        start, selected = self._selection(document, snapshot, params.context.selected_completion_info)
        if start is None and selected:
            return lsp.InlineCompletionList(items=[])
        result = await self._ask(snapshot, Asked.INLINE, trigger, selected)
        if result is None:
            return lsp.InlineCompletionList(items=[])
        to_client, profile = self._positions(document, snapshot), self._server.profile
        items = [
            inline_item(candidate, snapshot, to_client, profile, start) for candidate in result.candidates
        ]
        return lsp.InlineCompletionList(items=items)

    async def menu(self, params: lsp.CompletionParams) -> lsp.CompletionList:
        """Answer with menu items."""
        profile = self._server.profile
        document = self._server.documents.get(params.text_document.uri)
        if document is None or (params.context and params.context.trigger_character == MENTIONS):
            return self.no_menu(params)
        snapshot = document.snapshot(params.position.line, params.position.character)
        invoked = params.context is None or params.context.trigger_kind is lsp.CompletionTriggerKind.Invoked
        # Editors send Invoked for a menu that opens while a word is typed, too: only a cursor that does not
        # stand behind a word tells that a person pressed the key.
        by_hand = invoked and word_start(snapshot.line_before) == snapshot.column
        items = await self.rounds.answer(snapshot, profile, self._items(document, snapshot, by_hand))
        # What ends early is to be asked for again.
        return menu_list(items or [], profile, opens=opens_menu(params) and items is not None)

    def no_menu(self, params: lsp.CompletionParams) -> lsp.CompletionList:
        """The answer without items."""
        return menu_list([], self._server.profile, opens=opens_menu(params))

    async def _items(self, document: Document, snapshot: Snapshot, by_hand: bool) -> list[lsp.CompletionItem]:
        from twinny_lsp.completion.request import Asked, Trigger

        trigger = Trigger.INVOKED if by_hand else Trigger.AUTOMATIC
        result = await self._ask(snapshot, Asked.MENU, trigger, "")
        if result is None:
            return []
        settings = self._sync.completion_settings(snapshot.uri, snapshot.language)
        to_client, profile = self._positions(document, snapshot), self._server.profile
        made = [
            menu_item(candidate, snapshot, to_client, profile, settings.menu_position)
            for candidate in result.candidates
        ]
        items = [item for item in made if item is not None]
        return items if profile.resolves else [self.resolve(item) for item in items]

    async def did_show(self, params: Any = None) -> None:
        """The client says that the last answer is on screen: from now on nothing else is taken to be."""
        self._tells_shown = True
        if await self._server.ready():
            self._server.backend.engine.shown()

    async def did_accept_part(self, params: Any = None) -> None:
        """A word or a line was taken, as the next change will show: what comes then is wanted at once."""
        if await self._server.ready():
            self._server.backend.engine.accepted()

    async def accepted(self, argument: Any = None) -> None:
        """The command `twinny-lsp.accepted`: as `did_accept_part`, for the whole."""
        await self.did_accept_part(argument)

    async def opened(self, document: Document) -> None:
        """A document was opened: its model may have to be loaded."""
        from twinny_lsp.completion.request import Asked, Trigger

        request = await self._request(document.snapshot(0, 0), Asked.INLINE, Trigger.AUTOMATIC, "")
        if request is not None:
            self._server.backend.engine.opened(request)

    def closed(self, document: Document) -> None:
        """A document was closed."""
        self._keys.pop(document.uri, None)

    def resolve(self, item: lsp.CompletionItem) -> lsp.CompletionItem:
        """Add the whole text as documentation. Stateless: some clients resolve items of other requests."""
        edit = item.text_edit
        if item.documentation is None and isinstance(edit, lsp.TextEdit) and "\n" in edit.new_text:
            fence = "```"
            while fence in edit.new_text:
                fence += "`"
            item.documentation = lsp.MarkupContent(
                kind=lsp.MarkupKind.Markdown, value=f"{fence}\n{edit.new_text}\n{fence}"
            )
        return item

    async def _ask(self, snapshot: Snapshot, asked: Asked, trigger: object, selected: str) -> Result | None:
        request = await self._request(snapshot, asked, trigger, selected)
        if request is None:
            return None
        self._server.backend.gatherer.visited(snapshot.uri, snapshot.row)
        result = await self._server.backend.engine.complete(request)
        if log.isEnabledFor(logging.DEBUG) and result.record is not None:
            log.debug("completion: %s", json.dumps(result.record.as_json()))
        return result

    async def _request(
        self, snapshot: Snapshot, asked: Asked, trigger: object, selected: str
    ) -> Request | None:
        from twinny_lsp.completion.request import Asked, Request, Trigger
        from twinny_lsp.config.resolved import Surface

        if not self._server.enabled or not await self._server.ready():
            return None
        settings = self._sync.completion_settings(snapshot.uri, snapshot.language)
        wanted = settings.surface
        if asked is Asked.MENU and (
            wanted is Surface.INLINE or (wanted is Surface.AUTO and self.inline_was_asked)
        ):
            return None
        if asked is Asked.INLINE and wanted is Surface.MENU:
            return None
        place = self._server.place_of(snapshot.uri)
        gatherer = self._server.backend.gatherer
        if settings.enabled and (refusal := await gatherer.refusal(snapshot.uri)):
            settings = replace(settings, enabled=False, off_reason=f"{place.path} {refusal}")
        return Request(
            snapshot=snapshot,
            settings=settings,
            asked=asked,
            trigger=Trigger(str(trigger)),
            path=place.path,
            repo=place.repo,
            selected=selected,
            cell=self._server.documents.notebook_of(snapshot.uri) is not None,
            idle=self._since_key(snapshot.uri),
            tells_shown=self._tells_shown,
        )

    def _since_key(self, uri: str) -> float:
        """Seconds since the last key; 0 where nothing was typed since somebody asked last."""
        document = self._server.documents.get(uri)
        at = document.edits[-1].at if document is not None and document.edits else 0.0
        if self._keys.get(uri) == at:
            return 0.0
        self._keys[uri] = at
        return max(time.monotonic() - at, 0.0) if at else 0.0

    def _selection(
        self, document: Document, snapshot: Snapshot, info: lsp.SelectedCompletionInfo | None
    ) -> tuple[int | None, str]:
        """Where the item must begin, and what the menu's item would add at the cursor.

        (None, text) means that no ghost text can go with that menu item: LSP 3.18 wants the same range and a
        longer text.
        """
        if info is None:
            return None, ""
        begin = document.snapshot(info.range.start.line, info.range.start.character)
        covered = snapshot.line_before[begin.column :]
        end = document.snapshot(info.range.end.line, info.range.end.character)
        here = (end.row, end.column) == (snapshot.row, snapshot.column)
        same_line = begin.row == snapshot.row and begin.column <= snapshot.column
        if not (here and same_line and info.text.startswith(covered)):
            return None, info.text or " "
        return begin.column, info.text[len(covered) :]

    def _positions(self, document: Document, snapshot: Snapshot) -> ToClient:
        # With the lines as they were when the client asked: that is what its ranges refer to.
        from twinny_lsp.documents.encoding import position_to_client

        def to_client(row: int, column: int) -> lsp.Position:
            return lsp.Position(*position_to_client(snapshot.lines, row, column, document.encoding))

        return to_client
