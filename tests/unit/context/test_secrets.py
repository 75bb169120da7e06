"""Credentials are found and masked, near misses stay: cases as data in tests/golden/context/secrets.toml."""

from __future__ import annotations

import random
import re
import string
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinny_lsp.context.secrets import find, mask

CASES = tomllib.loads(
    (Path(__file__).parents[2] / "golden/context/secrets.toml").read_text(encoding="utf-8")
)["case"]
ALPHABETS = {
    "A": string.ascii_letters + string.digits,
    "B": string.ascii_letters + string.digits + "+/",
    "U": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "h": "0123456789abcdef",
    "d": string.digits,
}
VOWELS = str.maketrans("aeiouAEIOU", "bcdfgBCDFG")


def filled(text: str, seed: int) -> str:
    """Made-up values in the place of {36A}; always with a digit and a letter, and never a word."""
    rng = random.Random(seed)

    def value(match: re.Match[str]) -> str:
        size, kind = int(match[1]), match[2]
        made = "".join(rng.choice(ALPHABETS[kind]) for _ in range(size))
        if kind in "AB":
            made = made.translate(VOWELS)
            made = f"{made[:-2]}7q" if size > 2 else made
        return made

    return re.sub(r"\{(\d+)([ABUhd])\}", value, text)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_golden(case: dict[str, str], seed: int) -> None:
    marked = filled(case["text"], seed)
    text = marked.replace("«", "").replace("»", "")
    wanted = re.sub("«(.*?)»", lambda match: "x" * len(match[1]), marked)
    assert mask(text) == wanted
    assert mask(wanted) == wanted


def test_there_are_enough_cases_of_both_kinds() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES)
    positive = sum(case["text"].count("«") for case in CASES)
    misses = "\n".join(case["text"] for case in CASES if "«" not in case["text"])
    negative = sum(line.strip() != "" for line in misses.split("\n"))
    assert positive >= 50
    assert negative >= 80


@given(st.text(alphabet="aB3-_.:/@\"'= \n\\xk{}$pwdtokensghp", max_size=200) | st.text(max_size=200))
def test_whatever_comes_keeps_its_length_and_lines(text: str) -> None:
    masked = mask(text)
    assert len(masked) == len(text)
    assert [i for i, char in enumerate(masked) if char in "\r\n"] == [
        i for i, char in enumerate(text) if char in "\r\n"
    ]
    spans = find(text)
    assert all(a.end <= b.start for a, b in pairwise(spans))


@pytest.mark.parametrize(
    "text",
    [
        word * 10_000
        for word in ("aaaaaa", "token=", "https://", 'password="\\', "-----BEGIN PRIVATE KEY-----\n")
    ],
    ids=lambda text: text[:30],
)
def test_hostile_text_comes_to_an_end(text: str) -> None:
    """Ends at all: an expression that backtracks would take hours for these."""
    assert mask(text) == text
