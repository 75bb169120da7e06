"""Edits of code and chat documents in Emacs, by the shipped twinny-lsp.el."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.chat import (
    BETTER,
    CODE,
    PIECES,
    SENT,
    ChatModel,
    answer_of,
    streamed_text,
    typed,
    without_sent,
)
from tests.editors.conftest import editor_or_skip
from tests.editors.emacs import Emacs, ghostly
from tests.editors.lsp_tee import until
from tests.editors.model import serving

ASKED = "Why is total so slow?"

pytestmark = pytest.mark.editor


@pytest.fixture(scope="module")
def talker() -> Iterator[ChatModel]:
    loop = asyncio.new_event_loop()
    with serving(ChatModel(loop), loop) as made:
        yield made


@pytest.fixture(scope="module")
def emacs(tmp_path_factory: pytest.TempPathFactory, talker: ChatModel) -> Iterator[Emacs]:
    """One editor for these tests."""
    editor_or_skip("emacs")
    editor_or_skip("tmux")
    with ghostly(tmp_path_factory.mktemp("emacs"), talker.settings) as editor:
        yield editor
        until(lambda: not editor.traffic.badly_answered(), "every request is answered once")
        assert "rror" not in editor.messages()


def act(emacs: Emacs, title: str) -> None:
    """Choose what is to be done, by its name."""
    emacs.run("twinny-lsp-actions")
    emacs.until(lambda: "twinny-lsp:" in prompt(emacs), "it asks what is to be done")
    emacs.type(title)
    emacs.keys("Enter")


def prompt(emacs: Emacs) -> str:
    return emacs.screen().rstrip("\n").rpartition("\n")[2]


def open_chat(emacs: Emacs, name: str) -> Path:
    """Open a chat from a file of the project; point is where the message goes."""
    emacs.open(name, CODE, row=0)
    emacs.run("twinny-lsp-chat")
    emacs.until(lambda: str(emacs.eval('(or buffer-file-name "")')).endswith(".md"), "the chat is shown")
    path = Path(emacs.eval("buffer-file-name"))
    emacs.until(lambda: path.as_uri() in emacs.opened(), "the server knows it")
    return path


def send(emacs: Emacs) -> None:
    emacs.keys("C-c", "C-c")


def test_open_write_send_stop_and_send_again(emacs: Emacs, talker: ChatModel) -> None:
    path = open_chat(emacs, "a.py")
    assert path.parent == emacs.project / ".twinny" / "chat"
    emacs.until(lambda: emacs.text() == "## You\n\n@file:a.py\n", "the file is mentioned")
    emacs.type(ASKED)
    talker.says(["It adds ", "one price at a time.\n\n", "```python\n", "return sum(prices)", None])
    send(emacs)
    emacs.until(lambda: "sum(prices)" in emacs.text(), "the answer streams in")
    assert "Sent to ollama" in emacs.screen()
    emacs.keys("C-c", "C-k")
    emacs.until(lambda: "Stopped." in emacs.text(), "it is stopped")
    talker.goes_on()
    said = "It adds one price at a time.\n\n```python\nreturn sum(prices)\n```"
    assert answer_of(emacs.text()) == said
    emacs.keys("M->")
    emacs.type("And now?")
    talker.says(["Better."])
    send(emacs)
    emacs.until(lambda: "Better." in emacs.text(), "the second answer")
    asked = talker.asked[-1].json["messages"]
    sent = f"@file:a.py\n{ASKED}{SENT[SENT.index(chr(10)) :]}"
    assert [message["content"] for message in asked] == [sent, said, "And now?"]
    assert emacs.save(path) == emacs.text()


def test_an_answer_is_one_step_of_undo(emacs: Emacs, talker: ChatModel) -> None:
    open_chat(emacs, "undo.py")
    emacs.type("Say it.")
    emacs.keys("Enter")
    before = emacs.text()
    talker.says_slowly(
        [
            f"{word} "
            for word in ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
        ]
    )
    send(emacs)
    emacs.until(lambda: "ten" in emacs.text() and not emacs.eval("twinny-lsp--tasks"), "all is written")
    edits = emacs.traffic.said("server", "workspace/applyEdit")
    assert len(edits) > 2, "it came in pieces"
    emacs.keys("C-/")
    emacs.becomes(before)


def test_nothing_is_lost_or_moved_while_the_user_types(emacs: Emacs, talker: ChatModel) -> None:
    path = open_chat(emacs, "types.py")
    emacs.eval('(progn (erase-buffer) (insert "Notes:\\n\\n## You\\n\\nquestion\\n") (goto-char 20) nil)')
    talker.says_slowly(PIECES)
    send(emacs)
    emacs.until(lambda: PIECES[0] in emacs.text(), "the answer streams in")
    words: dict[str, str] = {"M-<": "", "M->": ""}
    dice, until_s = random.Random(7), time.monotonic() + 60
    while time.monotonic() < until_s and PIECES[-1] not in emacs.text():
        for place in words:
            word = "".join(dice.choices("abcdefgh", k=dice.randint(1, 6))) + "."
            emacs.keys(place, *(["C-e"] if place == "M-<" else ["C-b"]))
            for letter in word:
                emacs.type(letter)
            words[place] += word
    emacs.until(lambda: PIECES[-1].strip() in emacs.text(), "all of it is written")
    want = streamed_text(words["M-<"], words["M->"])
    emacs.until(lambda: without_sent(emacs.text()) == want, f"the text is {want[:200]!r}…")
    assert len(words["M-<"]) > 50
    assert without_sent(emacs.save(path)) == want


@pytest.mark.parametrize("meanwhile", [False, True], ids=["at rest", "while the user types above"])
def test_an_edit_of_code_is_one_step_of_undo(emacs: Emacs, talker: ChatModel, meanwhile: bool) -> None:
    emacs.open(f"edit{meanwhile}.py", CODE, row=2)
    talker.says([None, f"```python\n{BETTER}```"])
    asked = len(talker.asked)
    act(emacs, "Refactor")
    emacs.until(lambda: len(talker.asked) > asked, "the model is asked")
    above = "# The shop's.\n" if meanwhile else ""
    if meanwhile:
        emacs.keys("M-<")
        emacs.type("# The shop's.")
        emacs.keys("Enter")
        emacs.until(lambda: "shop's." in typed(emacs.traffic), "the server knows it")
    talker.goes_on()
    emacs.becomes(above + BETTER)
    emacs.keys("C-/")
    emacs.becomes(above + CODE)


def test_the_region_is_changed_as_one_says(emacs: Emacs, talker: ChatModel) -> None:
    """The region only, in a file with characters beyond the first plane before it."""
    top = "shop = '😀漢'\n"
    emacs.open("region.py", f"{top}{CODE}x = 1\n", row=1, column=0)
    emacs.keys("C-Space", "C-n", "C-n", "C-n", "C-n")
    talker.says([f"```python\n{BETTER}```"])
    emacs.run("twinny-lsp-instruct")
    emacs.until(lambda: "What is to be done" in prompt(emacs), "it asks what is to be done")
    emacs.type("use sum")
    emacs.keys("Enter")
    emacs.becomes(f"{top}{BETTER}x = 1\n")
    assert "use sum" in str(talker.asked[-1].json)


def test_mentions_are_completed(emacs: Emacs, talker: ChatModel) -> None:
    (emacs.project / "src").mkdir()
    (emacs.project / "src" / "parse.py").write_text("x = 1\n")
    open_chat(emacs, "mention.py")
    emacs.type("see @file:par")
    emacs.keys("C-M-i")
    emacs.until(lambda: emacs.line() == "see @file:src/parse.py", "the file is named")


def test_a_question_is_asked_when_no_key_is_pressed(emacs: Emacs, talker: ChatModel) -> None:
    """The code was touched meanwhile: the answer is offered, and shown in a chat document."""
    path = emacs.open("touched.py", CODE, row=2)
    talker.says([None, f"```python\n{BETTER}```"])
    asked = len(talker.asked)
    act(emacs, "Refactor")
    emacs.until(lambda: len(talker.asked) > asked, "the model is asked")
    emacs.type("zz")
    emacs.until(lambda: "zz" in typed(emacs.traffic), "the server knows it")
    talker.goes_on()
    emacs.until(lambda: emacs.eval("(if (active-minibuffer-window) t)"), "it asks")
    emacs.type("Show the answer")
    emacs.keys("Enter")
    emacs.until(lambda: str(emacs.eval("buffer-file-name")).endswith(".md"), "the answer is shown")
    assert BETTER in emacs.text()
    assert "zz" in emacs.eval(f'(with-current-buffer (find-buffer-visiting "{path}") (buffer-string))')


def test_the_server_is_killed_while_an_answer_comes(tmp_path: Path, talker: ChatModel) -> None:
    with ghostly(tmp_path, talker.settings) as emacs:
        path = open_chat(emacs, "a.py")
        emacs.type("Say it.")
        talker.says(["Half of it", None])
        send(emacs)
        emacs.until(lambda: "Half of it" in emacs.text(), "the answer begins")
        before = emacs.text()
        (server,) = emacs.traffic.servers()
        os.kill(server, signal.SIGKILL)
        emacs.until(lambda: "twinny-lsp-restart" in emacs.screen(), "it says how to go on")
        emacs.type(" More.")
        emacs.until(lambda: " More." in emacs.text(), "the editor goes on")
        assert emacs.text().replace(" More.", "", 1) == before
        assert "Half of it" in emacs.save(path)
        talker.goes_on()
        emacs.run("twinny-lsp-restart")
        emacs.until(lambda: emacs.opened().count(path.as_uri()) == 2, "the server knows it again")
        emacs.keys("M->")
        emacs.type("\nAgain.")
        talker.says(["All of it."])
        send(emacs)
        emacs.until(lambda: "All of it." in emacs.text(), "it answers again")
