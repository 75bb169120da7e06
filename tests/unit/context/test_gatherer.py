"""The gatherer as a whole, over real files and documents: what is shown, when it stays, when it changes."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.context.desk import BUDGET, Desk, text_of
from twinny_lsp.context import gatherer as module
from twinny_lsp.context.pieces import NOTHING, Source
from twinny_lsp.context.work import Pace, Worker

STORE = '''
class Store:
    """Keeps things."""

    def __init__(self, path: str, size: int = 0) -> None:
        self.path = path

    def fetch(self, key: str, default: bytes = b"") -> bytes:
        return default

    def remove(self, key: str) -> bool:
        return True


def open_store(path: str, *, create: bool = False) -> Store:
    return Store(path)


def unrelated(number: int) -> int:
    return number
'''
TEXT = "def shorten(text: str, width: int, ending: str = '...') -> str:\n    return text[:width]\n"
HEAD = "from store import Store, open_store\nfrom text import shorten\n\n"
BODY = "def work(path):\n    store = open_store(path)\n    value = store.\n    return value\n"
FILLER = "".join(f"number_{n} = {n}\n" for n in range(300))


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(module, "ANSWER_S", 5)  # a busy machine must not change what comes
    desk = Desk(tmp_path)
    desk.write("store.py", STORE)
    desk.write("text.py", TEXT)
    desk.write("app.py", HEAD + BODY)
    yield desk
    await desk.gatherer.close()


async def test_signatures_behind_the_imports(desk: Desk) -> None:
    desk.open("app.py")
    gathered = await desk.ask("app.py", 5, 18)
    shown = text_of(gathered)
    assert "def open_store(path: str, *, create: bool = False) -> Store: ..." in shown
    assert "class Store:\n    def __init__(self, path: str, size: int = 0) -> None: ..." in shown
    assert "def shorten(" in shown  # imported, and not used yet
    assert "unrelated" not in shown
    assert "return default" not in shown  # no bodies
    assert "\\" not in shown
    assert {told.source for told in gathered.told} == {Source.IMPORTS}
    assert gathered.whole
    assert gathered.size <= BUDGET


async def test_what_the_receivers_type_has(desk: Desk) -> None:
    desk.open("app.py", HEAD + "def work(store: Store):\n    value = store.\n")
    shown = text_of(await desk.ask("app.py", 4, 18))
    assert "def fetch(self, key: str, default: bytes" in shown
    assert "def remove(self, key: str)" in shown


async def test_the_editors_text_counts_and_not_the_disks(desk: Desk) -> None:
    desk.open("app.py")
    desk.open("store.py", STORE.replace("create: bool", "unsaved: bool"))
    assert "unsaved: bool" in text_of(await desk.ask("app.py", 5, 18))


async def test_a_budget_is_never_exceeded(desk: Desk) -> None:
    desk.open("app.py")
    desk.open("store.py")
    sizes = []
    for budget in (1, 60, 150, 300, 600, 5000):
        gathered = await desk.ask("app.py", 5, 18, budget=budget)
        assert gathered.size <= budget
        sizes.append(gathered.size)
    assert sizes == sorted(sizes)
    assert sizes[0] == 0 < sizes[-1]


async def test_nothing_of_the_window_is_shown_again(desk: Desk) -> None:
    desk.write("copy.py", BODY)
    desk.open("copy.py")
    desk.open("app.py", HEAD + BODY + FILLER)
    gathered = await desk.ask("app.py", 5, 18)
    assert "copy.py" not in [file.path for file in gathered.files]
    assert "def work" not in text_of(gathered)


async def test_parts_of_the_document_itself_outside_of_the_window(desk: Desk) -> None:
    desk.open("long.py", "def far_away(one, two):\n    pass\n\n\n" + FILLER + "far_away(\n")
    assert "== long.py\ndef far_away(one, two):" in text_of(await desk.ask("long.py", 304, 9))


async def test_the_same_bytes_while_200_keys_are_typed(desk: Desk) -> None:
    desk.write("other.py", "def helper(value, store):\n    return open_store(value)\n")
    desk.open("other.py")
    desk.open("store.py")
    desk.open("app.py", HEAD + BODY + FILLER)
    first = await desk.ask("app.py", 5, 18)
    assert len(first.files) >= 2
    row, column = 5, 18
    for key in ("fetch(path, helper(value, unrelated(3)))" * 5)[:200]:
        desk.edit("app.py", row, column, key)
        column += 1
        desk.clock.advance(0.2)
        assert await desk.ask("app.py", row, column) is first
    for _ in range(30):  # new lines, too
        desk.edit("app.py", row, column, "\n    x = 1")
        row, column = row + 1, 9
        desk.clock.advance(0.2)
        assert await desk.ask("app.py", row, column) is first


async def test_a_jump_and_back_gives_the_same_again(desk: Desk) -> None:
    desk.open("app.py", HEAD + BODY + FILLER)
    desk.open("text.py")
    first = await desk.ask("app.py", 5, 18)
    elsewhere = await desk.ask("text.py", 1, 4)
    far = await desk.ask("app.py", 280, 0)
    assert elsewhere is not first
    assert await desk.ask("app.py", 6, 0) is first
    assert await desk.ask("text.py", 1, 8) is elsewhere
    assert await desk.ask("app.py", 285, 0) is far


async def test_an_edit_elsewhere_comes_last_and_leaves_what_stands_before_it(desk: Desk) -> None:
    desk.open("app.py")
    desk.open("text.py", TEXT + FILLER)
    first = await desk.ask("app.py", 5, 18)
    desk.edit("text.py", 150, 0, "edited_line = 1\n")
    await desk.ask("text.py", 150, 15)
    back = await desk.ask("app.py", 5, 18)
    assert back.files[: len(first.files)] == first.files
    assert [told.source for told in back.told].index(Source.EDITS) == len(first.told)
    assert "edited_line = 1" in back.files[-1].text
    # In its own document the place is in the window, and so no piece.
    assert "edited_line" not in text_of(await desk.ask("text.py", 150, 15))


async def test_a_rest_brings_what_is_needed_by_now_and_keeps_the_rest(desk: Desk) -> None:
    desk.write("late.py", "def arrange(first, second, third):\n    pass\n")
    desk.open("app.py", "import late\n" + HEAD + BODY)
    better: list[str] = []
    desk.gatherer.on_better(better.append)
    budget = 420
    first = await desk.ask("app.py", 6, 18, budget=budget)
    assert "arrange" not in text_of(first)
    desk.edit("app.py", 6, 18, "fetch(late.arrange(")
    assert await desk.ask("app.py", 6, 37, budget=budget) is first
    await desk.rest(1.0)
    assert better == []
    await desk.rest()
    assert better == [desk.uri("app.py")]
    second = await desk.ask("app.py", 6, 37, budget=budget)
    assert "def arrange(first, second, third): ..." in second.files[-1].text
    stayed = [told for told in first.told if told in second.told]
    assert [told for told in second.told if told in stayed] == stayed
    await desk.rest()
    assert better == [desk.uri("app.py")]


async def test_a_rest_without_a_change_changes_nothing(desk: Desk) -> None:
    desk.open("app.py")
    better: list[str] = []
    desk.gatherer.on_better(better.append)
    first = await desk.ask("app.py", 5, 18)
    desk.edit("app.py", 5, 18, "x")
    await desk.rest()
    assert desk.clock.calls == []  # nothing is done while nothing happens
    assert await desk.ask("app.py", 5, 19) is first
    assert better == []


async def test_two_requests_at_once_share_the_work(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    real = Worker.pieces
    monkeypatch.setattr(Worker, "pieces", lambda self, *given: asked.append(given) or real(self, *given))
    desk.open("app.py")
    one, two = await asyncio.gather(desk.ask("app.py", 5, 18), desk.ask("app.py", 6, 0))
    assert one is two
    assert len(asked) == 1


async def test_a_request_with_a_smaller_budget_does_not_share_a_larger_answer(desk: Desk) -> None:
    desk.open("app.py")
    large, small = await asyncio.gather(
        desk.ask("app.py", 5, 18), desk.ask("app.py", 5, 18, budget=120), return_exceptions=False
    )
    assert small.size <= 120
    assert large.size <= BUDGET


async def test_a_line_that_is_everywhere_does_not_end_a_choice(desk: Desk) -> None:
    """A part of the document that is shown is told from the window by a line of it that is not there."""
    common = "    a_rather_long_line_that_stands_in_every_function(value)\n"
    head = f"def far_away(value):\n{common}{common}\n\n"
    desk.open("long.py", head + FILLER + f"def here(value):\n{common}    far_away(\n")
    first = await desk.ask("long.py", 307, 13)
    assert "def far_away" in text_of(first)
    assert await desk.ask("long.py", 307, 13) is first


async def test_who_cannot_wait_gets_what_there_is_and_the_next_one_all(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.05)
    go, asked = threading.Event(), threading.Event()

    def slow(self: Worker, path: str) -> None:
        asked.set()
        go.wait(10)

    monkeypatch.setattr("twinny_lsp.context.sources.related", lambda path: slow(desk, path) or ())  # type: ignore[arg-type]
    desk.open("app.py")
    early = await desk.ask("app.py", 5, 18)
    assert asked.is_set()
    assert not early.whole
    assert "def open_store" in text_of(early)
    assert await desk.ask("app.py", 5, 18) is early
    go.set()
    await desk.settle()
    late = await desk.ask("app.py", 5, 18)
    assert late.whole
    assert late.files == early.files


async def test_a_newer_place_does_not_wait_for_an_older_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    paces: list[Pace] = []
    real = Worker.pieces
    monkeypatch.setattr(Worker, "pieces", lambda self, *given: paces.append(given[2]) or real(self, *given))
    desk.open("app.py")
    desk.open("text.py")
    older = asyncio.ensure_future(desk.ask("app.py", 5, 18))
    await asyncio.sleep(0)
    newer = await desk.ask("text.py", 1, 4)
    assert (await older) is NOTHING or paces[0].stopped
    assert newer.whole


async def test_a_failure_is_told_without_code_and_not_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret code")

    desk.open("app.py")
    with monkeypatch.context() as patched, caplog.at_level(logging.INFO):
        patched.setattr(Worker, "pieces", broken)
        assert await desk.ask("app.py", 5, 18) == NOTHING
    assert "RuntimeError" in caplog.text
    assert "secret code" not in caplog.text
    assert (await desk.ask("app.py", 5, 18)).files


@pytest.mark.parametrize("off", [{"enabled": False}, {"imports": False, "open_files": False}])
async def test_switched_off(desk: Desk, off: dict[str, bool]) -> None:
    desk.set(**off)
    desk.open("app.py")
    desk.open("store.py")
    assert (await desk.ask("app.py", 5, 18)).files == ()
    assert desk.gatherer.tokens(desk.uri("app.py")) == (512 if "imports" in off else 0)


async def test_other_settings_hold_at_once(desk: Desk) -> None:
    desk.open("app.py")
    first = await desk.ask("app.py", 5, 18)
    desk.set(deny=("store.py",))
    second = await desk.ask("app.py", 5, 18)
    assert "store.py" in [file.path for file in first.files]
    assert "store.py" not in [file.path for file in second.files]


PRIVATE = "open_store = store = value = path = 'private'\n"


async def test_what_is_held_back_never_is_context(desk: Desk, tmp_path: Path) -> None:
    hidden = ["prod.env", "ignored.py", "own.py", "denied.py", "yarn.lock", "big.py", "sub/ignored.py"]
    desk.write(".gitignore", "ignored.py\n")
    desk.write(".twinnyignore", "own.py\n")
    desk.set(deny=("denied.py",), max_file_bytes=5000)
    for name in hidden:
        desk.write(name, PRIVATE * (200 if name == "big.py" else 1))
        desk.open(name)
    for name, text in (("minified.py", "x" * 3000 + PRIVATE), ("made.py", f"# @generated\n{PRIVATE}")):
        desk.open(name, text)
    desk.write("fine.py", PRIVATE.replace("private", "fine"))
    desk.open("fine.py")
    desk.open(f"file://{tmp_path.parent}/outside.py", PRIVATE)
    desk.open("untitled:Untitled-1", PRIVATE)
    imports = "".join(f"from {name.removesuffix('.py').replace('/', '.')} import store\n" for name in hidden)
    desk.open("app.py", imports + HEAD + BODY)
    for name in ("denied.py", "own.py"):  # closed ones are read again from disk
        desk.close(name)
    gathered = await desk.ask("app.py", 12, 18, budget=100_000)
    assert "fine" in text_of(gathered)
    assert "private" not in text_of(gathered)


async def test_no_part_of_a_key_is_shown_where_it_was_edited(desk: Desk) -> None:
    row = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n"
    key = f"-----BEGIN PRIVATE KEY-----\n{row * 60}-----END PRIVATE KEY-----\n"
    desk.open("app.py", HEAD + BODY)
    desk.open("edited.py", f"KEY = f(\n{key})\n{FILLER}")
    desk.edit("edited.py", 30, 0, row)
    desk.edit("edited.py", 200, 0, "edited_line = 1\n")
    shown = text_of(await desk.ask("app.py", 5, 18, budget=100_000))
    assert "edited_line = 1" in shown
    assert "MIIEvQ" not in shown


async def test_secrets_are_masked_wherever_a_piece_comes_from(desk: Desk) -> None:
    token = "ghp_" + "aB3dE5gH7" * 4
    line = f"store_token = '{token}'\n"
    desk.write("store.py", line + STORE)
    desk.write("keys.py", f"def open_store(path, value):\n    {line}\n")
    desk.open("app.py", HEAD.replace("Store,", "Store, store_token,") + BODY + "store_token\n")
    desk.open("keys.py")
    desk.open("edited.py", FILLER)
    desk.edit("edited.py", 100, 0, line)
    gathered = await desk.ask("app.py", 5, 18, budget=100_000)
    assert {told.source for told in gathered.told} >= {Source.IMPORTS, Source.OPEN, Source.EDITS}
    assert "ghp_" + "x" * 36 in text_of(gathered)
    assert token not in text_of(gathered)
    assert desk.gatherer.mask(desk.uri("app.py"), line) == f"store_token = 'ghp_{'x' * 36}'\n"
    desk.set(mask_secrets=False)
    assert token in text_of(await desk.ask("app.py", 5, 18, budget=100_000))
    assert desk.gatherer.mask(desk.uri("app.py"), line) == line


async def test_a_document_that_no_model_may_see_brings_nothing(desk: Desk) -> None:
    desk.open("prod.env", "from store import open_store\nopen_store(\n" + FILLER + PRIVATE)
    assert (await desk.ask("prod.env", 1, 11)).files == ()


async def test_a_large_document_has_its_imports(desk: Desk) -> None:
    desk.set(max_file_bytes=2000)
    desk.open("large.py", HEAD + FILLER + "def work(path):\n    open_store(\n")
    assert "def open_store" in text_of(await desk.ask("large.py", 304, 15))


async def test_only_documents_of_the_same_root(desk: Desk, tmp_path: Path) -> None:
    desk.rootless = True
    desk.open("app.py")
    desk.open("store.py")
    desk.edit("store.py", 0, 0, "x = 1\n")
    assert (await desk.ask("app.py", 5, 18)).files == ()


async def test_a_notebooks_other_cells(desk: Desk) -> None:
    cell = "vscode-notebook-cell:/n.ipynb#2"
    desk.cells[cell] = (("from store import open_store\n",), ("print(1)\n",))
    desk.open(cell, "open_store(\n")
    gathered = await desk.ask(cell, 0, 11)
    assert [file.path for file in gathered.files] == ["n.ipynb cell 1", "n.ipynb cell 3"]
    desk.set(notebook_cells=False)
    assert (await desk.ask(cell, 0, 11)).files == ()


async def test_recently_closed_files_are_read_from_disk(desk: Desk) -> None:
    desk.set(imports=False)
    desk.open("app.py")
    desk.open("store.py", STORE.replace("create", "unsaved"))
    desk.close("store.py")
    assert "create: bool" in text_of(await desk.ask("app.py", 5, 18))


async def test_a_documents_test(desk: Desk) -> None:
    desk.set(imports=False, open_files=False)
    desk.write("tests/test_app.py", "from app import work\n\n\ndef test_work():\n    assert work('path')\n")
    desk.open("app.py")
    gathered = await desk.ask("app.py", 5, 18)
    assert [file.path for file in gathered.files] == ["tests/test_app.py"]
    assert "assert work" in text_of(gathered)
    desk.open("tests/test_app.py")
    shown = text_of(await desk.ask("tests/test_app.py", 4, 4, rows=1))
    assert "== app.py\ndef work(path): ..." in shown


async def test_refusals(desk: Desk) -> None:
    refusal = desk.gatherer.refusal
    desk.write(".twinnyignore", "own.py\n")
    desk.write(".gitignore", "ignored.py\n")
    for name in ("app.py", "prod.env", "own.py", "ignored.py", "yarn.lock"):
        desk.open(name, "x")
    assert "usually hold secrets" in await refusal(desk.uri("prod.env"))
    assert await refusal(desk.uri("own.py")) == "is named by .twinnyignore"
    for name in ("app.py", "ignored.py", "yarn.lock", "untitled:Untitled-1"):
        assert await refusal(desk.uri(name)) == "", name
    for unsaved in ("untitled:/home/me/.env", "git:/home/me/.env?HEAD", "vscode-remote://there/me/.ssh/x"):
        assert "usually hold" in await refusal(unsaved), unsaved
    desk.set(allow=("*.env",), deny=("app.py",))
    assert await refusal(desk.uri("prod.env")) == ""
    assert await refusal("untitled:/home/me/prod.env") == ""
    assert await refusal(desk.uri("app.py")) == "is named by `privacy.deny`"


async def test_a_refusal_outside_of_all_folders(desk: Desk) -> None:
    desk.rootless = True
    desk.open(".ssh/config", "x")
    desk.open("other/config", "x")
    assert "secrets" in await desk.gatherer.refusal(desk.uri(".ssh/config"))
    assert await desk.gatherer.refusal(desk.uri("other/config")) == ""


async def test_a_new_rule_holds_after_a_while(desk: Desk) -> None:
    uri = desk.uri("app.py")
    desk.open("app.py")
    assert await desk.gatherer.refusal(uri) == ""
    desk.write(".twinnyignore", "app.py\n")
    assert await desk.gatherer.refusal(uri) == ""
    desk.clock.advance(module.REFUSAL_S + 1)
    desk.gatherer._worker.forget()  # whose own clock is the real one
    await desk.gatherer.refusal(uri)
    await asyncio.wait({desk.gatherer._refusals[uri].task}, timeout=5)
    assert await desk.gatherer.refusal(uri) == "is named by .twinnyignore"


async def test_files_are_read_ahead_once_a_document_is_open(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = Worker.pieces

    def seen(self: Worker, *given: object) -> object:
        read.append("ahead")
        return real(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Worker, "pieces", seen)
    desk.open("text.py")
    desk.open("app.py")
    await desk.rest(1.0)
    assert read == ["ahead"]
    assert (await desk.ask("app.py", 5, 18)).files


async def test_after_the_end_there_is_nothing(desk: Desk) -> None:
    desk.open("app.py")
    await desk.gatherer.close()
    assert await desk.ask("app.py", 5, 18) is NOTHING
    desk.edit("app.py", 5, 18, "x")
    desk.open("text.py")
    desk.gatherer.settings_changed()
    assert not [call for call in desk.clock.calls if not call.cancelled]


async def test_a_document_nobody_opened(desk: Desk) -> None:
    document = desk.open("app.py")
    desk.close("app.py")
    desk.documents[document.uri] = document
    assert await desk.ask("app.py", 5, 18) is NOTHING
    desk.edit("app.py", 5, 18, "x")  # a change counts as opening it
    assert (await desk.ask("app.py", 5, 18)).files
