"""The typing benchmark measures what it says: trace, person, model, what a client makes of answers."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from aiohttp.test_utils import TestClient, TestServer

from benchmarks.typing.charts import pictures
from benchmarks.typing.figures import Figures, Run, medians
from benchmarks.typing.inside import InsideClient
from benchmarks.typing.knower import Knower, Speed, parted
from benchmarks.typing.outside import INLINE, MENU, ghost, method_for
from benchmarks.typing.report import causes
from benchmarks.typing.server import ModelServer
from benchmarks.typing.trace import SLOW_AFTER, Hole, files, gap_ms, holes
from benchmarks.typing.typist import Score, is_right, type_hole
from benchmarks.typing.virtual import run


def code(lines: int = 400) -> str:
    return "\n".join(f"    value_{number} = compute_something({number})" for number in range(lines)) + "\n"


# the trace


def test_holes_are_whole_lines_of_which_the_first_is_long_no_comment_and_once_there(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    short, remark, twice = "    x = 1", "    # " + "remark " * 6, "    the_same_line_twice(in_this_file)"
    path.write_text(code() + "\n".join([short, remark, twice, twice, "", "", "", ""]))
    text = path.read_text()
    for hole in holes(path, 1000, random.Random(1)):
        first, *more = hole.text.split("\n")
        assert text[hole.start : hole.end] == hole.text
        assert text[hole.end] == "\n"
        assert text[: hole.start].rpartition("\n")[2].strip() == "", "it begins behind the indentation"
        assert len(first) > 25
        assert not first.startswith("#")
        assert text.count(first) == 1
        assert len(more) < 3


def test_whole_lines_are_cut_where_the_indentation_is_typed_too(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(code())
    assert all(hole.text.startswith("    ") for hole in holes(path, 20, random.Random(1), indented=False))


def test_only_long_files_are_taken_and_the_same_ones_each_time(tmp_path: Path) -> None:
    for name, lines in (("long.py", 300), ("other.go", 900), ("short.py", 299), ("text.txt", 900)):
        (tmp_path / name).write_text(code(lines))
    taken = files([tmp_path], 9, random.Random(1))
    assert {path.name for path in taken} == {"long.py", "other.go"}
    assert taken == files([tmp_path], 9, random.Random(1))


def test_a_key_within_a_word_takes_130_ms_in_the_middle() -> None:
    chance = random.Random(1)
    gaps = sorted(gap_ms("a", chance) for _ in range(4001))
    assert gaps[2000] == pytest.approx(130, rel=0.05)
    assert gaps[635] == pytest.approx(130 * math.exp(-0.45), rel=0.05), "one sigma below"


def test_a_word_s_end_takes_450_ms_more_in_the_middle() -> None:
    usual, slow = random.Random(1), random.Random(1)
    assert set(" \n(.,:=") == SLOW_AFTER
    more = []
    for _ in range(4001):
        more.append(gap_ms(".", slow) - gap_ms("a", usual))
        usual.gauss(0, 1)
    assert sorted(more)[2000] == pytest.approx(450, rel=0.05)


# the person


@pytest.mark.parametrize(
    ("text", "missing", "right"),
    [
        ("one", "one", True),
        ("one", "one\ntwo", True),
        ("one\n", "one\ntwo", True),
        ("one\ntwo", "one\ntwo", True),
        ("\n", "\ntwo", True),
        ("on", "one\ntwo", False),
        ("one\nt", "one\ntwo", False),
        ("one\ntwo\n", "one\ntwo", False),
        ("two", "one\ntwo", False),
        ("", "one", False),
    ],
)
def test_right_is_a_beginning_of_what_is_missing_up_to_a_line_s_end(
    text: str, missing: str, right: bool
) -> None:
    assert is_right(text, missing) is right


class Scripted:
    """A client whose answers come from a function of how many keys were typed, so many seconds later."""

    def __init__(self, answer: Callable[[int], tuple[str, float]]) -> None:
        self.answer, self.typed, self.cancelled = answer, "", 0

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def cut(self, hole: Hole) -> None:
        self.typed = ""

    def key(self, key: str) -> None:
        self.typed += key

    def ask(self) -> asyncio.Future[str]:
        text, seconds = self.answer(len(self.typed))
        return asyncio.ensure_future(asyncio.sleep(seconds, text))

    def cancel(self, asked: asyncio.Future[str]) -> str:
        self.cancelled += 1
        asked.cancel()
        return "it is slow"

    def why(self) -> str:
        return "it said so"


NEVER = 1e6
HOLE = Hole("a.py", "python", "abcdef\n", 0, "abcdef")


def typed(answer: Callable[[int], tuple[str, float]], hole: Hole = HOLE) -> tuple[Score, Scripted]:
    score, client = Score(), Scripted(answer)
    run(type_hole(client, hole, random.Random(1), score))
    return score, client


def test_text_stays_while_it_is_typed_along_and_requests_without_an_answer_are_cancelled() -> None:
    score, client = typed(lambda keys: ("bcdef", 0.0) if keys == 1 else ("", NEVER))
    assert (score.keys, score.judged, score.right, score.wrong) == (6, 5, 5, 0)
    assert client.cancelled == 5
    assert (score.saved, score.accepts, score.chars) == (5, 1, 6)
    assert score.saved_share == pytest.approx(100 * 4 / 6)


def test_text_goes_when_something_else_is_typed_or_answered() -> None:
    score, _ = typed(lambda keys: {1: ("bXdef", 0.0), 4: ("ef", 0.0), 5: ("", 0.0)}.get(keys, ("", NEVER)))
    # before b: wrong; before c: Xdef, wrong; before d: gone; before e: right; before f: answered away
    assert (score.right, score.wrong) == (1, 2)
    assert [missed.index for missed in score.missed] == [1, 2, 3, 5]
    assert "it is slow" in score.missed[2].cause
    assert "it said so" in score.missed[3].cause
    assert causes(score.missed, 9)


def test_a_right_text_is_accepted_once_and_saves_less_where_it_comes_late() -> None:
    score, _ = typed(lambda keys: ("abcdef"[keys:], 0.0) if keys >= 4 else ("", NEVER))
    assert (score.right, score.saved, score.accepts) == (2, 2, 1)


def test_the_time_to_a_text_is_measured_from_its_key() -> None:
    score, _ = typed(lambda keys: ("abcdef"[keys:], 0.02 if keys == 1 else 0.0))
    assert score.answers == pytest.approx([20, 0, 0, 0, 0])


# the model


def prompt(text: str, start: int, end: int) -> str:
    return f"<|fim_prefix|>{text[max(start - 2000, 0) : start]}<|fim_suffix|>{text[end:]}<|fim_middle|>"


def test_the_model_answers_what_is_missing_or_goes_on_for_ever() -> None:
    text = code()
    start = text.index("value_100")
    end = text.index("\n", start)
    asked = prompt(text, start + 5, end)
    assert Knower([code(9), text]).read(asked)[0] == text[start + 5 : end]
    assert Knower([text], stops=False).read(asked)[0].startswith(text[start + 5 : end + 40])
    assert Knower([text]).read(prompt(text.replace("value_100", "other"), start + 5, end))[0] == ""


def test_the_prompt_costs_what_differs_from_the_last_one() -> None:
    knower = Knower([code()], Speed(60, 0.3, 12))
    first = knower.read("x" * 400)
    assert first[2].anew == first[2].prompt == 100
    assert first[1] == pytest.approx(60 + 30)
    again = knower.read("x" * 400 + "y" * 40)
    assert (again[2].prompt, again[2].anew) == (110, 10)
    assert knower.read("z" + "x" * 399)[2].anew == 100, "only a common beginning is free"


@pytest.mark.parametrize(
    "template",
    [
        "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>",
        "<fim_prefix>a<fim_suffix>b<fim_middle>",
        "<PRE> a <SUF>b <MID>",
    ],
)
def test_prefix_and_suffix_are_found_in_every_template(template: str) -> None:
    assert parted("context " + template) == ("a", "b")


def test_a_request_costs_in_a_file_what_the_first_one_there_cost_apart() -> None:
    text = code()
    knower = Knower([text])
    start = text.index("value_100")
    asked = prompt(text, start, text.index("\n", start))
    assert [knower.read(asked)[2].first_in_file for _ in range(2)] == [True, False]


# what a client makes of an answer


WORD = {"start": {"line": 0, "character": 2}, "end": {"line": 0, "character": 6}}


@pytest.mark.parametrize(
    ("answer", "drawn"),
    [
        (None, ""),
        ([], ""),
        ({"items": []}, ""),
        ([{"insertText": " rest"}], " rest"),
        ({"items": [{"insertText": {"kind": "snippet", "value": " rest"}}]}, " rest"),
        ([{"insertText": "word rest", "range": WORD}], " rest"),
        ([{"insertText": "other", "range": WORD}], ""),
        ({"items": [{"label": "w", "textEdit": {"newText": "word(", "range": WORD}}]}, "("),
        ([{"label": "w", "textEdit": {"newText": "word(", "insert": WORD, "replace": WORD}}], "("),
    ],
)
def test_answers_of_any_server_are_drawn(answer: Any, drawn: str) -> None:
    assert ghost(answer, "😀word") == drawn


@pytest.mark.parametrize(
    ("announced", "method"),
    [
        ({"inlineCompletionProvider": {}, "completionProvider": {}}, INLINE),
        ({"inlineCompletionProvider": True}, INLINE),
        ({"inlineCompletionProvider": False, "completionProvider": {}}, MENU),
        ({"completionProvider": {}}, MENU),
    ],
)
def test_a_menu_is_only_asked_for_where_there_is_no_inline_completion(
    announced: dict[str, Any], method: str
) -> None:
    assert method_for(announced) == method


# the whole


def test_the_engine_is_typed_into_in_virtual_time(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(code())
    score, chance = Score(), random.Random(1)
    cut = holes(path, 3, chance)
    client = InsideClient(Knower([cut[0].file]))

    async def all_holes() -> None:
        for hole in cut:
            await type_hole(client, hole, chance, score)
        await client.engine.close()

    run(all_holes())
    assert not client.failures
    assert client.documents[client.uri].text == path.read_text(), "what was cut has been typed again"
    assert score.right > score.judged / 2
    figures = Figures.of(score, client.provider.counted)
    assert figures.keys == sum(len(hole.text) for hole in cut)
    assert figures.requests > 0


ASKED: dict[str, tuple[dict[str, Any], Callable[[str], str]]] = {
    "/api/generate": ({"model": "m", "raw": True}, lambda line: str(json.loads(line)["response"])),
    "/completion": ({"stream": True}, lambda line: str(json.loads(line[6:])["content"])),
    "/v1/completions": (
        {"stream": True},
        lambda line: "" if "[DONE]" in line else str(json.loads(line[6:])["choices"][0]["text"]),
    ),
}


@pytest.mark.parametrize("route", ASKED)
async def test_the_model_server_speaks(route: str) -> None:
    text = code()
    start = text.index("value_100")
    end = text.index("\n", start)
    body, read = ASKED[route]
    server = ModelServer(Knower([text], Speed(0, 0, 0)))
    async with TestClient(TestServer(server.app())) as client:
        async with client.post(route, json={**body, "prompt": prompt(text, start, end)}) as answer:
            lines = [line for line in (await answer.text()).split("\n") if line]
        assert "".join(map(read, lines)) == text[start:end]
        async with client.get("/counts") as counts:
            assert [each["generated"] for each in await counts.json()] == [-(-(end - start) // 4)]


async def test_the_model_server_answers_infill_and_tabby_whole() -> None:
    text = code()
    start = text.index("value_100")
    end = text.index("\n", start)
    async with TestClient(TestServer(ModelServer(Knower([text], Speed(0, 0, 0))).app())) as client:
        infill = {"input_prefix": text[:start], "prompt": text[start : start + 3], "input_suffix": text[end:]}
        async with client.post("/infill", json=infill) as answer:
            assert (await answer.json())["content"] == text[start + 3 : end]
        segments = {"prefix": text[:start], "suffix": text[end:]}
        async with client.post("/v1/completions", json={"segments": segments}) as answer:
            assert (await answer.json())["choices"][0]["text"] == text[start:end]


# the report


def made(name: str, right: float, ours: bool = True) -> Run:
    figures = Figures(100, right, 1.0, 90.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, tuple(range(1, 100)))
    return Run(name, "--stdio", ours, 0.5, figures)


def test_runs_are_kept_and_their_medians_drawn(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(made("a & b", 95.0).as_json()))
    assert Run.read(path) == made("a & b", 95.0)
    first, second = medians([made("a & b", 95.0), made("peer", 50.0, False), *(made("a & b", 99.0),) * 2])
    assert (first.figures.right, first.figures.keys, second.figures.right) == (99.0, 300, 50.0)
    for svg in pictures([first, second]).values():
        assert ElementTree.fromstring(svg).get("width") == "720"
