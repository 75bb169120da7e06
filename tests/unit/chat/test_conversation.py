from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from tests.support.stand_in import StandIn
from twinny_lsp.chat.conversation import MAX_MESSAGES, Conversations, Question
from twinny_lsp.config.resolved import ChatSettings, Target
from twinny_lsp.errors import SettingsError, Unreachable
from twinny_lsp.exchange import ChatPrompt, Finish, Generation, Message, Piece, Usage
from twinny_lsp.providers.endpoint import Endpoint, Route, Wire

ENDPOINT = Endpoint(
    "p", "ollama", "http://127.0.0.1:1", None, Route(Wire.OPENAI_CHAT, "/v1/chat/completions")
)


class FakeProvider(StandIn):
    endpoint = ENDPOINT

    def __init__(self, pieces: list[Piece | Exception]) -> None:
        self.pieces, self.asked, self.closed = pieces, list[Generation](), asyncio.Event()
        self.hang = False

    async def stream(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        self.asked.append(generation)
        try:
            for piece in self.pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
            if self.hang:
                await asyncio.Event().wait()
        finally:
            self.closed.set()


def settings(system: str = "") -> ChatSettings:
    return ChatSettings(Target(ENDPOINT, "m"), system=system)


def ask(text: str, conversation: str = "") -> Question:
    return Question((Message("user", text),), conversation)


async def test_streams_and_remembers() -> None:
    provider = FakeProvider([Piece("Hel"), Piece("lo"), Piece(finish=Finish.STOP, usage=Usage(1, 2))])
    chats, seen = Conversations(lambda _: provider), list[str]()
    answer = await chats.ask(ask("hi"), settings("be brief"), lambda _, text: seen.append(text))
    assert (answer.text, answer.finish, answer.usage) == ("Hello", Finish.STOP, Usage(1, 2))
    assert seen == ["Hel", "lo"]
    await chats.ask(ask("more", answer.conversation), settings("be brief"))
    assert provider.asked[1].prompt == ChatPrompt(
        (
            Message("system", "be brief"),
            Message("user", "hi"),
            Message("assistant", "Hello"),
            Message("user", "more"),
        )
    )


async def test_thinking_stays_out_of_text_and_history() -> None:
    provider = FakeProvider([Piece(thinking="so"), Piece("ok", thinking="!"), Piece(finish=Finish.STOP)])
    chats = Conversations(lambda _: provider)
    answer = await chats.ask(ask("hi"), settings())
    assert (answer.text, answer.thinking) == ("ok", "so!")


async def test_a_failure_leaves_the_history_alone() -> None:
    good = FakeProvider([Piece("a", finish=Finish.STOP)])
    bad = FakeProvider([Piece("half"), Unreachable("gone")])
    providers = [good, bad, good]
    chats = Conversations(lambda _: providers.pop(0))
    conversation = (await chats.ask(ask("1"), settings())).conversation
    with pytest.raises(Unreachable, match="gone"):
        await chats.ask(ask("2", conversation), settings())
    await chats.ask(ask("3", conversation), settings())
    prompt = good.asked[-1].prompt
    assert isinstance(prompt, ChatPrompt)
    assert [m.content for m in prompt.messages] == ["1", "a", "3"]


async def test_an_empty_answer_is_not_remembered() -> None:
    """An empty message would have some servers refuse all that follow."""
    provider = FakeProvider([Piece(thinking="hm"), Piece(finish=Finish.STOP)])
    chats = Conversations(lambda _: provider)
    answer = await chats.ask(ask("hi"), settings())
    await chats.ask(ask("more", answer.conversation), settings())
    assert provider.asked[1].prompt == ChatPrompt((Message("user", "more"),))


async def test_a_broken_stream_is_said_to_be_incomplete() -> None:
    answer = await Conversations(lambda _: FakeProvider([Piece("half")])).ask(ask("1"), settings())
    assert (answer.text, answer.finish) == ("half", Finish.INCOMPLETE)


async def test_cancelling_closes_the_stream() -> None:
    provider = FakeProvider([Piece("a")])
    provider.hang = True
    started = asyncio.Event()
    chats = Conversations(lambda _: provider)
    task = asyncio.create_task(chats.ask(ask("1"), settings(), lambda *_: started.set()))
    await asyncio.wait_for(started.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert provider.closed.is_set()


async def test_nobody_to_ask_and_nothing_to_say() -> None:
    chats = Conversations(lambda _: FakeProvider([]))
    with pytest.raises(SettingsError, match=r"chat\.provider"):
        await chats.ask(ask("hi"), ChatSettings(None))
    with pytest.raises(SettingsError, match="empty"):
        await chats.ask(ask("  "), settings())


async def test_memory_is_bounded() -> None:
    provider = FakeProvider([Piece("a", finish=Finish.STOP)])
    chats = Conversations(lambda _: provider)
    conversation = "c"
    for number in range(MAX_MESSAGES):
        await chats.ask(ask(str(number), conversation), settings("s"))
    prompt = provider.asked[-1].prompt
    assert isinstance(prompt, ChatPrompt)
    assert len(prompt.messages) <= MAX_MESSAGES + 2
    assert prompt.messages[0].role == "system"
    assert prompt.messages[1].role == "user"
    chats.forget(conversation)
    await chats.ask(ask("new", conversation), settings())
    last = provider.asked[-1].prompt
    assert isinstance(last, ChatPrompt)
    assert len(last.messages) == 1


async def test_each_question_may_have_its_own_system_message() -> None:
    provider = FakeProvider([Piece("a", finish=Finish.STOP)])
    chats = Conversations(lambda _: provider)
    first = await chats.ask(ask("1"), settings("be brief"))
    await chats.ask(
        Question((Message("user", "2"),), first.conversation, system="be long"), settings("be brief")
    )
    prompt = provider.asked[1].prompt
    assert isinstance(prompt, ChatPrompt)
    assert [m.content for m in prompt.messages if m.role == "system"] == ["be long"]


class CountingProvider(FakeProvider):
    """One token a character, and a window of 4,096 (it does not tell)."""

    async def count_tokens(self, text: str, model: str) -> int | None:
        return len(text)


async def test_the_oldest_messages_are_left_out_where_the_window_is_full() -> None:
    provider = CountingProvider([Piece("ok"), Piece(finish=Finish.STOP)])
    conversations = Conversations(lambda _: provider)
    first = await conversations.ask(Question((Message("user", "a" * 900),)), settings("brief"))
    for letter in "bcd":
        question = Question((Message("user", letter * 900),), conversation=first.conversation)
        await conversations.ask(question, settings("brief"))
    sent = [message.content[:2] for message in provider.asked[-1].prompt.messages]  # type: ignore[union-attr]
    assert sent == ["br", "cc", "ok", "dd"], "2,048 of the 4,096 are for the answer"
    assert [message.content[:1] for message in provider.asked[1].prompt.messages] == ["b", "a", "o", "b"]  # type: ignore[union-attr]
