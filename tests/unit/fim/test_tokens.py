"""Special tokens in the user's code: broken up in the prompt, whole again in the answer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from twinny_lsp.fim.families import table
from twinny_lsp.fim.tokens import breaker, special_looking

ALL = tuple(
    dict.fromkeys((*table().common, *table().chat.tokens, *(t for f in table().families for t in f.special)))
)


@pytest.mark.parametrize("token", ALL)
def test_each_token_is_broken_and_restored(token: str) -> None:
    text = f'x = "{token}"; y = "{token}{token}"\n'
    guard = breaker([text], ALL)
    hidden = guard.hide(text)
    assert not any(other in hidden for other in ALL)
    assert hidden == text.replace(token, f"{token[:-1]} {token[-1]}")
    assert guard.restore(hidden) == text


def test_text_without_tokens_is_the_same_object() -> None:
    text = "if a < b and c[1] > d | e: pass  # <|not a token|>\n"
    guard = breaker([text, ""], ALL)
    assert guard.hide(text) is text
    assert guard.restore(text) == text


def test_only_what_was_done_is_undone() -> None:
    texts = ["<s>", "<s >", "<s  >"]
    guard = breaker(texts, ("<s>", "</s>"))
    hidden = [guard.hide(text) for text in texts]
    assert hidden == ["<s   >", "<s >", "<s  >"]
    assert [guard.restore(text) for text in hidden] == texts
    assert guard.restore("</s >") == "</s >"  # was not in the texts, so it was not broken


def test_random_texts_survive() -> None:
    dice = random.Random(11)
    pieces = [
        *ALL,
        *(f"{token[:-1]} {token[-1]}" for token in ALL),
        "<",
        ">",
        "[",
        "]",
        "|",
        " ",
        "<|",
        "|>",
        "s",
        "\n",
    ]
    for _ in range(2_000):
        texts = ["".join(dice.choices(pieces, k=dice.randint(0, 8))) for _ in range(3)]
        guard = breaker(texts, ALL)
        for text in texts:
            hidden = guard.hide(text)
            assert not any(token in hidden for token in ALL), text
            assert guard.restore(hidden) == text


def test_this_programs_own_source_is_harmless_and_comes_back() -> None:
    package = Path(__file__).parents[3]
    sources = [*(package / "twinny_lsp" / "fim").glob("*.py"), package / "fim_templates" / "families.toml"]
    texts = [path.read_text(encoding="utf-8") for path in sources]
    assert any(token in text for token in ALL for text in texts)
    guard = breaker(texts, ALL)
    for text in texts:
        hidden = guard.hide(text)
        assert not any(token in hidden for token in ALL)
        assert guard.restore(hidden) == text


def test_special_looking() -> None:
    text = (
        "<PRE> a <SUF>b <|fim_middle|> <｜fim▁hole｜> <[fim-suffix]> [SUFFIX] <fim_prefix> <p> a < [0] <PRE>"
    )
    assert special_looking(text) == (
        *("<PRE>", "<SUF>", "<|fim_middle|>", "<｜fim▁hole｜>", "<[fim-suffix]>", "[SUFFIX]", "<fim_prefix>"),
    )
    assert special_looking("a <hole/> b", ("<hole/>",)) == ("<hole/>",)
