"""A chat document in a real Neovim: open, write, send, stream, stop, send again; typing while it streams."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.editors.chat import (
    BETTER,
    CODE,
    PIECES,
    QUESTION,
    SENT,
    ChatModel,
    answer_of,
    streamed_text,
    typed,
    without_sent,
)
from tests.editors.conftest import editor_or_skip
from tests.editors.lsp_tee import Traffic
from tests.editors.neovim import CLIENT, MENU, Neovim, ended_well
from tests.editors.screens import keep
from tools.fetch_editors import Editor

pytestmark = pytest.mark.editor

OPEN = f"{CLIENT}:exec_cmd({{ title = '', command = 'twinny-lsp.openChat', arguments = {{ {{}} }} }})"


@pytest.fixture(params=["nvim", "nvim-0.11"])
def any_neovim(
    request: pytest.FixtureRequest, project: Path, traffic: Traffic, chat_model: ChatModel
) -> Iterator[Neovim]:
    editor = Neovim(editor_or_skip(request.param), project, traffic)
    editor.configure(settings={"twinny-lsp": chat_model.settings})
    yield editor
    ended_well(editor)


@pytest.fixture
def neovim(nvim_editor: Editor, project: Path, traffic: Traffic, chat_model: ChatModel) -> Iterator[Neovim]:
    editor = Neovim(nvim_editor, project, traffic)
    editor.configure(settings={"twinny-lsp": chat_model.settings})
    yield editor
    ended_well(editor)


def act(neovim: Neovim, title: str) -> None:
    """Run the code action of that title at the cursor, as a person chooses it from the menu."""
    title = f"twinny-lsp: {title}"
    neovim.until(lambda: title in offered(neovim), f"the editor offers {title!r}")
    neovim.lua(
        "local title = ...\n"
        "vim.lsp.buf.code_action({ apply = true, filter = function(a) return a.title == title end })",
        title,
    )


def offered(neovim: Neovim) -> list[str]:
    """The titles of the code actions at the cursor."""
    found = neovim.lua(
        "local params = vim.lsp.util.make_range_params(0, 'utf-8')\n"
        "params.context = { diagnostics = {} }\n"
        "local answers = vim.lsp.buf_request_sync(0, 'textDocument/codeAction', params, 5000) or {}\n"
        "local titles = {}\n"
        "for _, answer in pairs(answers) do\n"
        "  for _, action in ipairs(answer.result or {}) do table.insert(titles, action.title) end\n"
        "end\n"
        "return titles"
    )
    return list(found)


def open_chat(neovim: Neovim) -> Path:
    """Open a chat from a file of the project; the cursor is where the message goes."""
    neovim.open("a.py", CODE, row=0)
    neovim.keys("<Esc>")
    neovim.lua(OPEN)
    neovim.until(lambda: neovim.nvim.current.buffer.name.endswith(".md"), "the chat is shown")
    path = Path(neovim.nvim.current.buffer.name)
    opened = f"file://{path}"
    neovim.until(
        lambda: [
            entry
            for entry in neovim.traffic.said("editor", "textDocument/didOpen")
            if entry.message["params"]["textDocument"]["uri"] == opened
        ],
        "the server knows it",
    )
    return path


def test_open_write_send_stop_and_send_again(
    any_neovim: Neovim, chat_model: ChatModel, project: Path
) -> None:
    neovim = any_neovim
    path = open_chat(neovim)
    assert path.parent == project / ".twinny" / "chat"
    neovim.keys(f"Go{QUESTION}<Esc>")
    chat_model.says(["It adds ", "one price at a time.\n\n", "```python\n", "return sum(prices)", None])
    act(neovim, "Send to model")
    neovim.until(lambda: "sum(prices)" in neovim.buffer(), "the answer streams in")
    neovim.until(lambda: "Sent to ollama" in neovim.screen(), "it says what was sent")
    assert "# Why is total so slow? See a.py" in neovim.screen()
    keep("chat-neovim", neovim.screen())
    act(neovim, "Stop the model")
    neovim.until(lambda: "Stopped." in neovim.buffer(), "it is stopped")
    chat_model.goes_on()
    said = "It adds one price at a time.\n\n```python\nreturn sum(prices)\n```"
    assert answer_of(neovim.buffer()) == said
    neovim.keys("GoAnd now?<Esc>")
    chat_model.says(["Better."])
    act(neovim, "Send to model")
    neovim.until(lambda: "Better." in neovim.buffer(), "the second answer")
    asked = chat_model.asked[-1].json["messages"]
    assert [message["content"] for message in asked] == [
        SENT,
        said,
        "And now?",
    ]
    chat_model.says(["Best."])
    neovim.nvim.funcs.search("And now", "w")
    act(neovim, "Answer again")
    neovim.until(lambda: "Best." in neovim.buffer(), "another answer")
    assert "Better." not in neovim.buffer()
    assert [message["content"] for message in chat_model.asked[-1].json["messages"]][-1] == "And now?"
    assert neovim.save(path) == neovim.buffer()


@pytest.mark.parametrize("late_ms", [0, 150], ids=["as shipped", "changes told late"])
def test_nothing_is_lost_or_moved_while_the_user_types(
    neovim: Neovim, chat_model: ChatModel, late_ms: int
) -> None:
    neovim.configure(flags={"debounce_text_changes": late_ms})
    path = open_chat(neovim)
    neovim.nvim.current.buffer[:] = ["Notes:", "", "## You", "", "question"]
    neovim.until(lambda: "question" in neovim.buffer(), "the message is there")
    chat_model.says_slowly(PIECES)
    neovim.nvim.current.window.cursor = (5, 0)
    act(neovim, "Send to model")
    neovim.until(lambda: PIECES[0] in neovim.buffer(), "the answer streams in")
    words: dict[str, str] = {"gg": "", "G": ""}
    dice, until = random.Random(7), time.monotonic() + 60
    while time.monotonic() < until and PIECES[-1] not in neovim.buffer():
        for place in words:
            word = "".join(dice.choices("abcdefgh ", k=dice.randint(1, 6))) + "."
            neovim.keys(f"<Esc>{place}A")
            for letter in word:
                neovim.keys(letter)
                time.sleep(dice.uniform(0.005, 0.06))
            words[place] += word
    neovim.keys("<Esc>")
    neovim.until(lambda: PIECES[-1].strip() in neovim.buffer(), "all of it is written")
    want = streamed_text(words["gg"], words["G"])
    neovim.until(lambda: without_sent(neovim.buffer()) == want, f"the text is {want[:200]!r}…")
    assert len(words["gg"]) > 50
    neovim.save(path)
    assert without_sent(path.read_text()) == want


@pytest.mark.parametrize("meanwhile", [False, True], ids=["at rest", "while the user types above"])
def test_an_edit_of_code_is_one_step_of_undo(
    any_neovim: Neovim, chat_model: ChatModel, meanwhile: bool
) -> None:
    neovim = any_neovim
    neovim.open("a.py", CODE, row=2)
    neovim.keys("<Esc>")
    chat_model.says([None, f"```python\n{BETTER}```"])
    act(neovim, "Refactor")
    neovim.until(lambda: chat_model.asked, "the model is asked")
    above = "# The shop's.\n" if meanwhile else ""
    if meanwhile:
        neovim.keys("ggO# The shop's.<Esc>")
        neovim.until(lambda: "shop's." in typed(neovim.traffic), "the server knows it")
    chat_model.goes_on()
    neovim.until(lambda: neovim.buffer() == above + BETTER, "the code is edited")
    neovim.keys("u")
    neovim.until(lambda: neovim.buffer() == above + CODE, "one undo takes it back")


def test_an_answer_is_one_step_of_undo(any_neovim: Neovim, chat_model: ChatModel) -> None:
    neovim = any_neovim
    open_chat(neovim)
    neovim.keys(f"Go{QUESTION}<Esc>")
    neovim.until(lambda: QUESTION in neovim.buffer(), "the question is there")
    first = neovim.buffer()
    chat_model.says_slowly(PIECES[:100])
    neovim.keys(":Twinny send<CR>")
    neovim.until(lambda: neovim.buffer().count("## You") == 2 and idle(neovim), "it has answered")
    second = neovim.buffer()
    neovim.keys("GoAgain<Esc>:Twinny send<CR>")
    neovim.until(lambda: neovim.buffer().count("## You") == 3 and idle(neovim), "it has answered again")
    neovim.keys("u")
    neovim.until(lambda: neovim.buffer().count("## You") == 2, "the second answer is gone")
    assert neovim.buffer().startswith(second)
    assert neovim.buffer().removeprefix(second).strip() == "Again"
    neovim.keys("uu")
    neovim.becomes(first)


def test_undo_keeps_to_its_order_when_the_user_typed_meanwhile(neovim: Neovim, chat_model: ChatModel) -> None:
    open_chat(neovim)
    neovim.keys("ggO Notes:<Esc>Goquestion<Esc>")
    neovim.until(lambda: "question" in neovim.buffer(), "the question is there")
    before = neovim.buffer()
    chat_model.says(["one ", "two ", None, "three ", "four"])
    neovim.keys(":Twinny send<CR>")
    neovim.until(lambda: "one two" in neovim.buffer(), "the answer streams in")
    between = neovim.buffer()
    neovim.keys("ggA mine<Esc>")
    neovim.until(lambda: "mine" in typed(neovim.traffic), "the server knows it")
    neovim.nvim.funcs.search("question", "w")
    chat_model.goes_on()
    neovim.until(lambda: "three four" in neovim.buffer() and idle(neovim), "it has answered")
    after = neovim.buffer()
    neovim.keys("u")
    neovim.becomes(between.replace("Notes:", "Notes: mine"))
    neovim.keys("u")
    neovim.becomes(between)
    neovim.keys("u")
    neovim.becomes(before)
    neovim.keys("<C-r><C-r><C-r>")
    neovim.becomes(after)


def idle(neovim: Neovim) -> bool:
    """Whether no answer is under way here."""
    titles = str(offered(neovim))
    return "Answer again" in titles and "Stop the model" not in titles


PICK = """\
vim.ui.select = function(titles, options, chosen)
  vim.g.offered = vim.tbl_map(options.format_item, titles)
  for number, title in ipairs(vim.g.offered) do
    if title:find('Refactor') then chosen(titles[number], number) end
  end
end
"""


def test_actions_for_lines_that_are_given(any_neovim: Neovim, chat_model: ChatModel) -> None:
    any_neovim.lua(PICK)
    any_neovim.open("a.py", f"{CODE}\nother = 1\n", row=5)
    chat_model.says([f"```python\n{BETTER}```"])
    any_neovim.keys("<Esc>")
    any_neovim.until(lambda: offered(any_neovim), "the server is ready")
    any_neovim.keys(":1,4Twinny actions<CR>")
    any_neovim.becomes(f"{BETTER}\nother = 1\n")
    assert all("twinny-lsp: " in title for title in any_neovim.nvim.vars["offered"])


def test_a_chat_about_lines_that_are_given(neovim: Neovim, project: Path) -> None:
    neovim.open("a.py", CODE, row=0)
    neovim.keys("<Esc>:2,3Twinny chat Why so slow?<CR>")
    neovim.until(lambda: "Why so slow?" in neovim.buffer(), "the chat is shown, with the message")
    assert "@file:a.py:2-3" in neovim.buffer()
    neovim.nvim.command("enew!")
    neovim.keys(":Twinny chat<CR>")
    neovim.until(lambda: neovim.nvim.current.buffer.name.endswith(".md"), "a chat from nowhere is shown")


def test_an_explanation_streams_into_a_chat_and_is_taken_back_by_time(
    neovim: Neovim, chat_model: ChatModel
) -> None:
    neovim.open("a.py", CODE, row=2)
    neovim.keys("<Esc>")
    chat_model.says(["It adds.\n", None, "One by one."])
    act(neovim, "Explain")
    neovim.until(lambda: "It adds." in neovim.buffer(), "the answer streams in")
    assert neovim.buffer().startswith("## You\n\nExplain @file:a.py:1-4\n\n## ")
    chat_model.goes_on()
    neovim.until(lambda: "One by one." in neovim.buffer(), "all of it")
    neovim.until(lambda: "Answer again" in str(offered(neovim)), "it has ended")
    assert answer_of(neovim.buffer()) == "It adds.\nOne by one."
    neovim.nvim.command("earlier 1h")
    assert neovim.buffer() == "## You\n\nExplain @file:a.py:1-4\n"


@pytest.mark.real
def test_the_embedded_model_answers(nvim_editor: Editor, project: Path, traffic: Traffic) -> None:
    """The real llama.cpp, with the model of the package."""
    neovim = Neovim(nvim_editor, project, traffic)
    settings: dict[str, Any] = {"chat": {"provider": "embedded", "maxTokens": 40}}
    neovim.configure(settings={"twinny-lsp": settings})
    open_chat(neovim)
    neovim.keys("GoHello<Esc>")
    act(neovim, "Send to model")
    neovim.until(lambda: "Answer again" in str(offered(neovim)), "it has answered", 90)
    assert answer_of(neovim.buffer())
    neovim.keys("GoMore<Esc>")
    act(neovim, "Send to model")
    neovim.until(lambda: neovim.buffer().count("## You") == 3, "it answers again", 90)
    sent = neovim.buffer().rpartition("<details><summary>Sent to embedded: ")[2]
    assert re.match(r"\d+ tokens</summary>", sent), "counted by the running server, not estimated"
    assert "2 messages before it" in sent
    neovim.until(lambda: "Answer again" in str(offered(neovim)), "it has answered", 90)
    ended_well(neovim)


def test_mentions_are_completed(
    nvim_editor: Editor, project: Path, traffic: Traffic, chat_model: ChatModel
) -> None:
    neovim = Neovim(nvim_editor, project, traffic, MENU)
    neovim.configure(settings={"twinny-lsp": chat_model.settings})
    (project / "src").mkdir()
    (project / "src" / "parse.py").write_text("x = 1\n")
    path = open_chat(neovim)
    neovim.keys("Gosee @")
    neovim.until(lambda: "@diff" in neovim.menu(), "the mentions are in the menu")
    neovim.keys("file:par<C-Space>")
    neovim.until(lambda: neovim.menu() == ["@file:src/parse.py"], "the file is in the menu")
    neovim.keys("<C-n><C-y>")
    neovim.until(lambda: neovim.line() == "see @file:src/parse.py", "it is taken")
    assert neovim.save(path).endswith("see @file:src/parse.py\n")
    ended_well(neovim)
