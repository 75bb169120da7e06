"""A conversation longer than the model's window, on the real llama.cpp: what is kept, by its own counts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.markdown_editor import chatting
from twinny_lsp.chat.tokens import PER_MESSAGE

pytestmark = pytest.mark.real

WINDOW, ANSWER, EXCHANGES = 512, 32, 12
LINE = re.compile(r"(your message|system message|before it|left out)[:,] ([\d,]+) tokens")


@pytest.fixture(autouse=True)
def no_shared_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is started for this test, not shared with the developer's editors."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)


def conversation() -> str:
    """A document of long turns, the first of them pinned."""
    code = "value = compute(first, second)\n" * 4
    exchanges = [f"## You\n\nturn {n} {code}\n## m ##\n\nanswer {n} {code}" for n in range(EXCHANGES)]
    return "\n".join(exchanges).replace("## You", "## You (pinned)", 1)


def told_tokens(result: dict[str, Any]) -> dict[str, int]:
    """The figures of the folded block."""
    found = LINE.findall("\n".join(result["sent"]))
    return {what: int(number.replace(",", "")) for what, number in found}


async def test_what_fits_by_the_servers_own_counts(tmp_path: Path) -> None:
    settings = {
        "chat": {"provider": "embedded", "maxTokens": ANSWER, "temperature": 0},
        "completion": {"enabled": False},
    }
    async with chatting(tmp_path, settings) as chat:
        chat.open("## You\n\nhi\n")
        await chat.send()  # the model runs from now on, and counts
        front = f"---\ncontext: {WINDOW}\nsystem: You are brief.\n---\n"
        chat.open(f"{front}{conversation()}\n## You\n\nand now?\n")
        result = await chat.send()
    told = told_tokens(result)
    total = told["system message"] + told["before it"] + told["your message"]
    each = (told["before it"] + told["left out"]) / EXCHANGES
    assert f"Sent to embedded: {total:,} tokens" in chat.text, "counted, not estimated"
    assert WINDOW - ANSWER - 1.1 * each < total <= WINDOW - ANSWER, "as much as fits"
    # Six tokens a message are taken for what the model's template puts around it.
    sent = 2 + round(2 * told["before it"] / each)
    computed = result["usage"]["promptTokens"]
    assert computed + ANSWER <= WINDOW
    assert abs(computed - total) <= PER_MESSAGE * sent
