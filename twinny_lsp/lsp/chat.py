"""The `twinny-lsp.chat` command: arguments, progress, deltas, errors. The conversation itself is `chat/`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcInvalidParams

from twinny_lsp.errors import ProviderError, TwinnyError
from twinny_lsp.lsp.arguments import flag, items, span, take, text
from twinny_lsp.lsp.progress import begin, end
from twinny_lsp.lsp.strangers import Caution, strangers

if TYPE_CHECKING:
    from twinny_lsp.chat.conversation import Answer, Question
    from twinny_lsp.config.resolved import ChatSettings
    from twinny_lsp.exchange import Peer, Usage
    from twinny_lsp.lsp.server import TwinnyServer
    from twinny_lsp.lsp.sync import SettingsSync
    from twinny_lsp.lsp.troubles import Troubles

KEYS = ("messages", "prompt", "uri", "range", "conversation", "system", "model", "stream")
ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked chat command."""

    question: Question
    stream: bool


class ChatCommand:
    """The handler; one object per server, many questions at once."""

    def __init__(
        self, server: TwinnyServer, sync: SettingsSync, troubles: Troubles, caution: Caution
    ) -> None:
        self._server, self._sync, self._troubles, self._caution = server, sync, troubles, caution

    async def run(self, argument: Any = None) -> dict[str, Any]:
        """Ask and answer `{text, model, answeredBy, conversation, finishReason, usage}`.

        Raises -32602 for a wrong argument, -32803 with the model server's own words when it fails.
        """
        given = take(argument, KEYS)
        await self._server.require_ready()
        settings = self._sync.chat_settings()
        target = settings.target
        away = target is not None and strangers(target.endpoint)
        asked = self._read(given, named=not away)
        if uri := text(given, "uri"):
            await self._server.require_sendable(uri)
        if target is not None and away:
            question = await self._caution.taken(asked.question, target.endpoint, uri)
            asked = replace(asked, question=question)
        if target is not None and asked.question.model:
            target = replace(target, model=asked.question.model)
        work = asyncio.ensure_future(self._ask(asked, settings))
        token = by = ""
        try:
            # A client that does not answer must not hold up the chat.
            token = await begin(self._server, target.model if target else "", work.cancel)
            answer = await work
            by = answerer(answer.answered_by)
        except TwinnyError as error:
            if isinstance(error, ProviderError) and target is not None:
                self._troubles.failed(error, target, told=True)
            raise TwinnyError(in_full(error)) from error
        finally:
            work.cancel()
            end(self._server, token, by)
        if target is not None:
            self._server.backend.engine.answered(target)
            self._troubles.worked(target)
        return as_json(answer)

    async def _ask(self, asked: Asked, settings: ChatSettings) -> Answer:
        def delta(conversation: str, text: str) -> None:
            self._server.protocol.notify("twinny-lsp/chatDelta", {"conversation": conversation, "text": text})

        wanted = asked.stream and self._server.wants("chatDelta")
        conversations = self._server.backend.conversations
        return await conversations.ask(asked.question, settings, delta if wanted else None)

    def _read(self, given: Mapping[str, Any], *, named: bool) -> Asked:
        """The checked command; with `named`, a part of a document is sent with its path."""
        from twinny_lsp.chat.conversation import Question
        from twinny_lsp.exchange import Message

        messages = [Message(*read_message(item)) for item in items(given, "messages")]
        if prompt := text(given, "prompt"):
            messages.append(Message("user", prompt))
        if not messages:
            raise JsonRpcInvalidParams("give `prompt` (text) or `messages` (a list of {role, content})")
        if excerpt := self._excerpt(given, named=named):
            last = messages[-1]
            messages[-1] = Message(last.role, f"{last.content}\n\n{excerpt}")
        question = Question(
            tuple(messages),
            conversation=text(given, "conversation"),
            system=text(given, "system"),
            model=text(given, "model"),
        )
        return Asked(question, stream=bool(flag(given, "stream")))

    def _excerpt(self, given: Mapping[str, Any], *, named: bool) -> str:
        """The part of an open document the question is about, fenced."""
        uri = text(given, "uri")
        if not uri:
            return ""
        document = self._server.documents.get(uri)
        if document is None:
            raise JsonRpcInvalidParams("`uri` is not an open document")
        part = span(given, "range")
        from twinny_lsp.chat.fences import fenced

        excerpt = document.text if part is None else document.text_in(part)
        excerpt = self._server.backend.gatherer.mask(uri, excerpt)
        path = self._server.place_of(uri).path if named else ""
        return f"{path}:\n{fenced(excerpt, document.language)}" if path else fenced(excerpt)


def answerer(peer: Peer | None) -> str:
    """Who answered, in words, where the settings do not say it; else ""."""
    return f"answered by {peer.name or 'a provider without a name'} ({peer.id})" if peer else ""


def as_json(answer: Answer) -> dict[str, Any]:
    """The command's result, as docs/lsp-extensions.md promises it."""
    peer = answer.answered_by
    return {
        "text": answer.text,
        "model": answer.model,
        "answeredBy": peer and {"name": peer.name, "id": peer.id},
        "conversation": answer.conversation,
        "finishReason": str(answer.finish),
        "usage": usage_json(answer.usage),
    }


def usage_json(usage: Usage | None) -> dict[str, int | None] | None:
    """The tokens as results of commands have them."""
    if usage is None:
        return None
    return {
        "promptTokens": usage.prompt,
        "generatedTokens": usage.generated,
        "cachedTokens": usage.cached,
    }


def in_full(error: TwinnyError) -> str:
    """The message, and the server's own words where it does not have them already."""
    detail = error.detail if isinstance(error, ProviderError) else ""
    told = not detail or detail in str(error) or "It says:" in str(error)
    return str(error) if told else f"{error} (the server said: {detail})"


def read_message(item: Any) -> tuple[str, str]:
    """(role, content) of one message."""
    role, content = (item.get("role"), item.get("content")) if isinstance(item, Mapping) else (None, None)
    if role not in ROLES or not isinstance(content, str):
        raise JsonRpcInvalidParams(
            f"each of `messages` is {{role, content}}; role is one of {', '.join(ROLES)}"
        )
    return role, content
