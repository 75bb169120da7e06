"""What is sent, under the budget; one token is one character here, six more a message."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from tests.unit.chat.test_conversation import FakeProvider
from twinny_lsp.chat.attachments import Attachment
from twinny_lsp.chat.document import parse
from twinny_lsp.chat.excerpts import Excerpt
from twinny_lsp.chat.mentions import Mention
from twinny_lsp.chat.sending import Budget, Composer, Sending
from twinny_lsp.chat.tokens import Known, TokenCounts
from twinny_lsp.errors import SettingsError
from twinny_lsp.exchange import Piece


class Counting(FakeProvider):
    def __init__(self, pieces: list[Piece | Exception]) -> None:
        super().__init__(pieces)
        self.counted: list[str] = []

    async def count_tokens(self, text: str, model: str) -> int | None:
        self.counted.append(text)
        return len(text)


async def look_up(mentions: Sequence[Mention]) -> list[Attachment]:
    found = []
    for mention in mentions:
        if mention.name == "no":
            found.append(Attachment(mention, refused=("no is ignored",)))
        else:
            text = "line\n" * int(mention.name or 1)
            found.append(Attachment(mention, (Excerpt(f"file {mention.name}", text),)))
    return found


async def send(
    text: str, *, window: int = 1000, answer: int = 0, system: str = "", masks: bool = True
) -> Sending:
    counts = TokenCounts(Counting([]), "m")
    document = parse(text)
    composer = Composer(counts, look_up, Budget(window, answer), masks=masks)
    return await composer.compose(document, document.asked(), system)


def sent(sending: Sending) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in sending.messages]


CONVERSATION = "## You\nfirst\n## m ##\none\n## You\nsecond\n## m ##\ntwo\n## You\nthird\n"


async def test_all_that_fits_in_order() -> None:
    sending = await send(CONVERSATION, system="brief")
    assert sent(sending) == [
        ("system", "brief"),
        ("user", "first"),
        ("assistant", "one"),
        ("user", "second"),
        ("assistant", "two"),
        ("user", "third"),
    ]
    assert sending.tokens == sum(len(content) + 6 for _, content in sent(sending))
    assert sending.told == (
        "system message: 11 tokens",
        "4 messages before it: 41 tokens",
        "your message: 11 tokens",
    )
    assert sending.size == "63 tokens"


async def test_the_oldest_are_left_out_and_told_of() -> None:
    sending = await send(CONVERSATION, window=60, answer=20)
    assert [content for _, content in sent(sending)] == ["second", "two", "third"]
    left_out = "2 messages left out, 20 tokens: the window has 60, and 20 of them are for the answer"
    assert left_out in sending.told


async def test_what_is_pinned_stays() -> None:
    text = CONVERSATION.replace("## You\nfirst", "## You (pinned)\nfirst")
    contents = [content for _, content in sent(await send(text, window=60, answer=20))]
    assert contents == ["first", "one", "third"]


async def test_a_message_that_does_not_fit_is_told_with_figures() -> None:
    with pytest.raises(SettingsError, match=r"has 106 tokens; the model's window of 100 has room for 89"):
        await send("x" * 100, window=100, answer=0, system="brief")


async def test_an_answer_that_came_to_nothing_is_not_sent() -> None:
    text = "## You\na\n## m ##\n> **twinny-lsp:** broken\n## You\nb\n"
    assert sent(await send(text)) == [("user", "a\n\nb")]


async def test_what_is_mentioned_is_sent_and_told() -> None:
    sending = await send("see @file:2 and @file:no", window=1000)
    assert sent(sending) == [("user", "see @file:2 and @file:no\n\nfile 2:\n```\nline\nline\n```")]
    assert sending.told[1:] == ("`@file:2`: file 2, 25 tokens", "`@file:no` not sent: no is ignored")


async def test_a_large_file_does_not_crowd_out_the_next() -> None:
    sending = await send("@file:500 @file:3", window=400)
    assert sending.tokens <= 400
    assert "file 3:\n" in sent(sending)[0][1]
    assert "file 500 (the first " in sent(sending)[0][1]


async def test_earlier_mentions_that_last_are_looked_up_again() -> None:
    earlier = "## You\nsee @file:1 @diff\n## m ##\none\n## You\nagain @file:1 and @file:2\n## m ##\nx\n"
    text = f"{earlier}## You\nso @file:2?"
    contents = [content for _, content in sent(await send(text))]
    assert [content.count("```") // 2 for content in contents] == [0, 0, 1, 0, 1]
    assert contents[2].endswith("file 1:\n```\nline\n```")


async def test_secrets_are_masked_everywhere() -> None:
    key = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    text = f"## You\nold {key}\n## m ##\nan {key}\n## You\nnew {key}\n"
    sending = await send(text, system=f"sys {key}")
    assert key not in str(sending.messages)
    assert sending.told[-1] == "4 secrets masked"
    assert key in str((await send(text, masks=False)).messages)


async def test_what_was_counted_once_is_not_counted_again() -> None:
    provider, known = Counting([]), Known()
    for _ in range(2):
        counts = TokenCounts(provider, "m", known)
        composer = Composer(counts, look_up, Budget(1000, 0), masks=True)
        document = parse(CONVERSATION)
        assert (await composer.compose(document, document.asked(), "")).exact
    assert sorted(provider.counted) == ["first", "one", "second", "third", "two"]


async def test_without_a_tokenizer_it_is_an_estimate() -> None:
    document = parse("hello")
    composer = Composer(TokenCounts(FakeProvider([]), "m"), look_up, Budget(1000, 100), masks=True)
    assert (await composer.compose(document, 0, "")).size.startswith("about ")


async def test_of_a_huge_file_only_what_may_be_sent_is_counted() -> None:
    provider = Counting([])
    document = parse("## You\n@file:400000\n")
    sending = await Composer(TokenCounts(provider, "m"), look_up, Budget(1000, 0), masks=True).compose(
        document, 0, ""
    )
    assert re.search(r"the first \d+ of 400,000 lines", sending.told[1])
    assert 300 < sending.tokens <= 1000
    assert max(map(len, provider.counted)) < 20_000
