"""Looks up what a chat document mentions, on a thread of its own, and completes mentions.

What may be seen is decided by `context/`, what a mention stands for by `chat/`. An embedding model is asked
where the settings name one; without its answer, words decide alone, and the user is told why.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from twinny_lsp.errors import TwinnyError
from twinny_lsp.lsp.notices import of_error
from twinny_lsp.lsp.progress import begin, end

if TYPE_CHECKING:
    from twinny_lsp.chat.attachments import Attachment, EditorState, Searched
    from twinny_lsp.chat.mentions import Mention
    from twinny_lsp.chat.repository import Repository
    from twinny_lsp.config.resolved import PrivacySettings, Target
    from twinny_lsp.lsp.seen import Seen
    from twinny_lsp.lsp.server import TwinnyServer

T = TypeVar("T")
LISTED_S = 10.0
"""How long a list of the project's files is good for completing."""
MOST_ITEMS = 50


class ChatLookup:
    """Between chat documents and the files of their projects."""

    def __init__(self, server: TwinnyServer, seen: Seen) -> None:
        self._server, self._seen = server, seen
        self._thread = ThreadPoolExecutor(1, "twinny-chat")
        self._listed: tuple[str, float, list[str]] = ("", 0.0, [])
        self._kept: tuple[object, Repository] | None = None
        server.on_shutdown(self._close)

    async def attachments(self, uri: str, mentions: Sequence[Mention]) -> list[Attachment]:
        """What the mentions of a document's message come to."""
        from twinny_lsp.chat.attachments import attach
        from twinny_lsp.chat.mentions import Kind

        asked = [mention for mention in mentions if mention.kind is Kind.WORKSPACE]
        found = {mention: await self._searched(uri, mention.name) for mention in asked}
        searched = {mention: one for mention, one in found.items() if one is not None}
        return await self._on_thread(uri, lambda state, project: attach(mentions, state, project, searched))

    async def paths(self, uri: str, typed: str) -> list[str]:
        """Files of the project that `typed` may be meant for, the likeliest first."""
        root = self.root_of(uri)
        listed, at, paths = self._listed
        if listed != root or time.monotonic() - at > LISTED_S:
            paths = await self._on_thread(uri, lambda _, project: list(project.paths()) if project else [])
            self._listed = root, time.monotonic(), paths
        wanted = typed.lower()

        def rank(path: str) -> tuple[bool, bool, int, str]:
            lowered = path.lower()
            name = lowered.rpartition("/")[2]
            return not lowered.startswith(wanted), not name.startswith(wanted), lowered.count("/"), path

        return sorted((path for path in paths if wanted in path.lower()), key=rank)[:MOST_ITEMS]

    async def symbols(self, uri: str, typed: str) -> list[tuple[str, str]]:
        """(name, path) of definitions in open files that begin so."""
        return await self._on_thread(
            uri, lambda _, project: project.symbols(typed, MOST_ITEMS) if project else []
        )

    def root_of(self, uri: str) -> str:
        """The workspace folder a chat is about: the one it is in, else the first; "" for none."""
        return self._server.place_of(uri).root or next(iter(self._server.roots), "")

    async def _searched(self, uri: str, question: str) -> Searched | None:
        """The places that fit a question by words and meaning; None where no embeddings are wanted."""
        from twinny_lsp.chat.attachments import Searched
        from twinny_lsp.chat.nearness import MOST_PLACES
        from twinny_lsp.chat.repository import MOST_PARTS
        from twinny_lsp.chat.retrieval import fused, joined
        from twinny_lsp.context.secrets import mask

        settings = self._server.backend.store.for_document(uri)
        target, off = settings.chat().embeddings, settings.chat().embeddings_off
        if target is None and not off:
            return None
        if settings.privacy().mask_secrets:
            question = mask(question)
        found = await self._on_thread(
            uri, lambda _, project: project.candidates(question, MOST_PLACES) if project else []
        )
        if not found:
            return None
        near: Sequence[float | None] = [None] * len(found)
        how = f"found by words alone: {off}"
        if target is not None:
            near, how = await self._near(target, question, [text for _, text in found])
        return Searched(tuple(joined(fused([place for place, _ in found], near, MOST_PARTS))), how)

    async def _near(
        self, target: Target, question: str, texts: Sequence[str]
    ) -> tuple[Sequence[float | None], str]:
        """How near the texts are to a question, and how that came to be known, in words."""
        from twinny_lsp.chat.nearness import Embedder
        from twinny_lsp.chat.vectors import path_for

        endpoint, model = target.endpoint, target.model
        provider = self._server.backend.registry.provider(endpoint)
        embedder = Embedder(provider, model, path_for(endpoint.address, model))
        showing = asyncio.ensure_future(begin(self._server, f"{model}: looking for places"))
        try:
            found = await embedder.near(question, texts)
        except TwinnyError as error:
            notice = of_error(error, model, endpoint.name)
            message = f"@workspace goes by words alone, without `chat.embeddings`: {error}"
            self._server.notices.report(replace(notice, message=message))
            return [None] * len(texts), f"found by words alone: {error}"
        finally:
            if not showing.cancel():
                end(self._server, showing.result())
        self._server.notices.resolve(f"provider:{endpoint.name}", model)
        return found.values, f"found by words and by meaning ({model} on {endpoint.name}): {found.told}"

    async def _on_thread(self, uri: str, work: Callable[[EditorState, Repository | None], T]) -> T:
        """Run `work` on the thread; cancelled, it stops at its next step."""
        from twinny_lsp.context.work import Pace

        root = self.root_of(uri)
        state, pace = self._seen.state(root, without=uri), Pace()
        settings = self._server.backend.store.for_document(uri)
        most, privacy = settings.context().max_file_bytes, settings.privacy()

        def run() -> T:
            project = self._project(root, most, privacy)
            if project is not None:
                project.step = pace.step
                project.files.open = {code.path: code for code in state.open}
            return work(state, project)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except asyncio.CancelledError:
            pace.stopped = True
            raise

    def _project(self, root: str, most_bytes: int, privacy: PrivacySettings) -> Repository | None:
        """The files of a root, under the rules that hold there; kept, since they remember what they read."""
        from twinny_lsp.chat.repository import Repository
        from twinny_lsp.config.sources import path_of
        from twinny_lsp.context.files import Files
        from twinny_lsp.context.ignores import Ignores

        folder = path_of(root) if root else None
        if folder is None:
            return None
        key = (root, most_bytes, privacy)
        if self._kept is None or self._kept[0] != key:
            files = Files(folder, Ignores(folder, privacy), most_bytes, masked=privacy.mask_secrets)
            self._kept = key, Repository(files)
        return self._kept[1]

    async def _close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
