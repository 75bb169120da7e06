"""A chat document in a real Helix: open, write, send, stream, stop, send again; typing while it streams."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.chat import (
    BETTER,
    CODE,
    MODEL,
    PIECES,
    QUESTION,
    SENT,
    ChatModel,
    answer_of,
    streamed_text,
    typed,
    without_sent,
)
from tests.editors.helix import Helix, home_with_config
from tests.editors.lsp_tee import Traffic, until
from tests.editors.screens import keep
from tools.fetch_editors import Editor

pytestmark = pytest.mark.editor


def started(
    hx: Editor, tmux: Editor, project: Path, tmp_path: Path, traffic: Traffic, settings: str
) -> Helix:
    """Helix with the shipped configuration and a person's settings below it."""
    home = home_with_config(tmp_path / "config", f"[language-server.twinny-lsp.config]\n{settings}")
    env = {"XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return Helix(hx, tmux, project, traffic, env)


@pytest.fixture
def helix(
    hx: Editor, tmux: Editor, project: Path, tmp_path: Path, traffic: Traffic, chat_model: ChatModel
) -> Iterator[Helix]:
    settings = (
        f"providers = {{ ollama = {{ baseUrl = {json.dumps(chat_model.server.url)} }} }}\n"
        f'completion = {{ enabled = false }}\nchat = {{ model = "{MODEL}" }}\n'
    )
    editor = started(hx, tmux, project, tmp_path, traffic, settings)
    yield editor
    try:
        until(lambda: not traffic.badly_answered(), "every request is answered once")
    finally:
        editor.close()


def open_chat(helix: Helix, project: Path) -> Path:
    """Open a chat from a file of the project, and go to where the message is written."""
    helix.open(project / "a.py", CODE, row=0)
    helix.command("lsp-workspace-command twinny-lsp.openChat")
    chats = project / ".twinny" / "chat"
    helix.until(lambda: " ## You" in helix.screen(), "the chat is shown")
    (path,) = chats.glob("*.md")
    opened = [path.as_uri()]
    helix.until(
        lambda: opened[0] in str([e.message for e in helix.traffic.said("editor", "textDocument/didOpen")]),
        "the server knows it",
    )
    return path


def write(helix: Helix, text: str) -> None:
    """Write at the end of the document, on a line of its own."""
    helix.normal()
    helix.type("geo")
    helix.type(text)
    helix.normal()


def test_open_write_send_stop_and_send_again(helix: Helix, chat_model: ChatModel, project: Path) -> None:
    path = open_chat(helix, project)
    write(helix, QUESTION)
    chat_model.says(["It adds ", "one price at a time.\n\n", "```python\n", "return sum(prices)", None])
    helix.act("Send to model")
    helix.shows("sum(prices)")
    helix.until(lambda: "Sent to ollama" in helix.screen(), "it says what was sent")
    keep("chat-helix", helix.colours())
    helix.act("Stop the model")
    helix.shows("Stopped.")
    chat_model.goes_on()
    said = "It adds one price at a time.\n\n```python\nreturn sum(prices)\n```"
    assert answer_of(helix.saved(path)) == said
    write(helix, "And now?")
    chat_model.says(["Better."])
    helix.act("Send to model")
    helix.shows("Better.")
    assert [message["content"] for message in chat_model.asked[-1].json["messages"]] == [
        SENT,
        said,
        "And now?",
    ]
    chat_model.says(["Best."])
    helix.type("/Better")
    helix.keys("Enter")
    helix.act("Answer again")
    helix.shows("Best.")
    assert "Better." not in helix.saved(path)


def test_nothing_is_lost_or_moved_while_the_user_types(
    helix: Helix, chat_model: ChatModel, project: Path
) -> None:
    path = open_chat(helix, project)
    helix.normal()
    helix.type("ggO")
    helix.type("Notes:")
    helix.keys("Enter")
    write(helix, "question")
    chat_model.says_slowly(PIECES)
    helix.act("Send to model")
    helix.until(lambda: "first" in helix.screen(), "the answer streams in")
    words: dict[str, str] = {"gg": "", "ge": ""}
    dice, end = random.Random(7), time.monotonic() + 20
    while time.monotonic() < end:
        for place in words:
            word = "".join(dice.choices("abcdefgh ", k=dice.randint(1, 6))) + "."
            helix.normal()
            helix.type(f"{place}A")
            for letter in word:
                helix.type(letter)
                time.sleep(dice.uniform(0.0, 0.04))
            words[place] += word
    helix.normal()
    want = streamed_text(words["gg"], words["ge"])
    helix.until(lambda: without_sent(helix.saved(path)) == want, f"the text is {want[:200]!r}…", 60)
    assert len(words["gg"]) > 50


def test_an_edit_of_code_is_one_step_of_undo(helix: Helix, chat_model: ChatModel, project: Path) -> None:
    path = project / "a.py"
    helix.open(path, CODE, row=2)
    chat_model.says([None, f"```python\n{BETTER}```"])
    helix.act("twinny-lsp: Refactor", below=1)  # a fix stands first
    helix.until(lambda: chat_model.asked, "the model is asked")
    helix.type("ggO")
    helix.type("# The shop's.")
    helix.normal()
    helix.until(lambda: "shop's." in typed(helix.traffic), "the server knows it")
    chat_model.goes_on()
    helix.until(lambda: "sum(prices)" in helix.screen(), "the code is edited")
    assert helix.saved(path) == f"# The shop's.\n{BETTER}"
    (edit,) = helix.traffic.said("server", "workspace/applyEdit")
    assert edit.message["params"]["label"] == "twinny-lsp: Refactor"
    helix.type("u")
    helix.until(lambda: "result += price" in helix.screen(), "it is taken back")
    assert helix.saved(path) == f"# The shop's.\n{CODE}"


def test_an_explanation_streams_into_a_chat_and_is_taken_back_by_time(
    helix: Helix, chat_model: ChatModel, project: Path
) -> None:
    helix.open(project / "a.py", CODE, row=2)
    chat_model.says(["It adds.\n", None, "One by one."])
    helix.act("twinny-lsp: Explain", below=6)  # below all that changes the code
    helix.until(lambda: "It adds." in helix.screen(), "the answer streams in")
    (path,) = (project / ".twinny" / "chat").glob("*.md")
    begun = path.read_text()
    assert begun == "## You\n\nExplain @file:a.py:1-4\n"
    chat_model.goes_on()
    helix.shows("One by one.")
    assert answer_of(helix.saved(path)) == "It adds.\nOne by one."
    helix.command("earlier 1h")
    helix.until(lambda: "It adds." not in helix.screen(), "it is taken back")
    assert helix.saved(path) == begun


@pytest.mark.real
def test_the_embedded_model_answers(
    hx: Editor, tmux: Editor, project: Path, tmp_path: Path, traffic: Traffic
) -> None:
    """The real llama.cpp, with the model of the package."""
    settings = 'completion = { enabled = false }\nchat = { provider = "embedded", maxTokens = 40 }\n'
    helix = started(hx, tmux, project, tmp_path, traffic, settings)
    try:
        path = open_chat(helix, project)
        write(helix, "Hello")
        helix.act("Send to model")
        helix.until(lambda: answer_of_saved(helix, path), "it answers", 90)
        until(lambda: not traffic.badly_answered(), "every request is answered once")
    finally:
        helix.close()


def answer_of_saved(helix: Helix, path: Path) -> str:
    """What the model has said so far, "" while there is nothing."""
    text = helix.saved(path)
    return answer_of(text) if text.count("## You") == 2 else ""


def test_a_chat_about_a_selection_opens_by_a_code_action(
    helix: Helix, chat_model: ChatModel, project: Path
) -> None:
    helix.open(project / "a.py", CODE, row=2)
    helix.normal()
    helix.type("x")  # selects the line
    helix.act("Chat about this")
    helix.until(lambda: "## You" in helix.screen(), "the chat is shown")
    (path,) = (project / ".twinny" / "chat").glob("*.md")
    helix.until(lambda: helix.knows(path), "the server knows it")
    assert "@file:a.py" in path.read_text(encoding="utf-8")
    write(helix, "Why a loop?")
    chat_model.says(["Habit."])
    helix.act("Send to model")
    helix.shows("Habit.")
    assert "    for price in prices:" in chat_model.asked[-1].json["messages"][-1]["content"]


def test_mentions_are_completed(helix: Helix, project: Path) -> None:
    (project / "src").mkdir()
    (project / "src" / "parse.py").write_text("x = 1\n")
    path = open_chat(helix, project)
    helix.normal()
    helix.type("geo")
    helix.type("see @")
    helix.until(lambda: "@diff" in helix.screen(), "the mentions are in the menu")
    helix.type("file:par")
    helix.until(lambda: "@file:src/parse.py" in helix.screen(), "the file is in the menu")
    helix.keys("C-n", "Enter")
    helix.normal()
    assert "see @file:src/parse.py\n" in helix.saved(path)
