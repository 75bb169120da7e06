"""Helix as a person uses it: the shipped `languages.toml`, keys, and the file on disk afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.editors.conftest import editor_or_skip
from tests.editors.helix import CONFIG, Helix, home_with_config, running, settings
from tests.editors.keys import TEXT, type_fast
from tests.editors.model import Model, serving
from tests.support.fake_server import Reply, ollama_stream
from tools.fetch_editors import Editor

pytestmark = pytest.mark.editor

HEAD = "def total(a, b):\n"
TAIL = "\n\n# the end\n"
BODY = "rn compute(\n        a,\n        b,\n    )"
GENERATE = ("POST", "/api/generate")
COMPLETION = {"debounce": 0, "speculate": False, "multiline": "always"}


@dataclass
class Gated:
    """A model that says a text when it is told to."""

    model: Model
    loop: asyncio.AbstractEventLoop

    def says_later(self, text: str) -> asyncio.Event:
        """What it says to whatever it is asked from now on, once `let` was called with the event."""
        gate = asyncio.Event()
        self.model.server.on(*GENERATE, ollama_stream([gate, text]))
        return gate

    def let(self, gate: asyncio.Event) -> None:
        self.loop.call_soon_threadsafe(gate.set)


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    loop = asyncio.new_event_loop()
    with serving(Model(), loop) as model:
        yield Gated(model, loop)


@pytest.fixture(scope="module")
def one_helix(hx: Editor, gated: Gated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helix]:
    """One editor for the tests of this file, each with a file of its own."""
    folder = tmp_path_factory.mktemp("helix")
    added = settings(gated.model.url, completion=COMPLETION)
    with running(hx, editor_or_skip("tmux"), folder, added) as editor:
        yield editor


@pytest.fixture
def model(gated: Gated) -> Model:
    gated.model.server.on(*GENERATE, gated.model.answer)
    return gated.model


@pytest.fixture
def helix(one_helix: Helix, model: Model) -> Iterator[Helix]:
    yield one_helix
    one_helix.command("set-option auto-pairs false")


@pytest.fixture
def path(one_helix: Helix, request: pytest.FixtureRequest) -> Path:
    """A Python file of the test's own."""
    name = re.sub(r"\W+", "-", request.node.name)[:40]
    return one_helix.project / f"{name}-{abs(hash(request.node.name))}.py"


def configured_servers(editor: Editor, config: Path, language: str) -> list[str]:
    """The servers Helix says it would use for a language, in order."""
    env = {**os.environ, **editor.env, "XDG_CONFIG_HOME": str(config)}
    command = [str(editor.binary), "--health", language]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=30)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    section = plain.partition("Configured language servers:")[2].partition("\nConfigured")[0]
    return re.findall(r"^ +\S ([\w.-]+):", section, re.MULTILINE)


def shows_item(helix: Helix, label: str) -> bool:
    """Whether the menu is up with an item that ends so (the kind stands right of it)."""
    return re.search(re.escape(label) + r" +text", helix.screen()) is not None


def take(helix: Helix, label: str, number: int = 1) -> None:
    """Wait for the item, and take the n-th of the menu."""
    helix.until(lambda: shows_item(helix, label), f"{label!r} is in the menu")
    helix.keys(*["C-n"] * number, "Enter")


def test_each_language_keeps_the_servers_helix_gives_it(hx: Editor, tmp_path: Path) -> None:
    """Helix replaces the list, so a row that forgets a server would take it from the user."""
    rows = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["language"]
    bare, ours = tmp_path / "bare", home_with_config(tmp_path / "ours")
    bare.mkdir()
    assert len(rows) > 50
    for row in rows:
        before = configured_servers(hx, bare, row["name"])
        assert row["language-servers"] == [*before, "twinny-lsp"], row["name"]
    for row in rows[::10]:  # it reads the whole file each time
        assert configured_servers(hx, ours, row["name"]) == row["language-servers"]


@pytest.mark.parametrize(
    ("name", "before", "completion"),
    [
        ("emoji.py", HEAD + "    x = '😀é'; ret", "u" + BODY),
        ("wide.py", HEAD + "    見出し = '漢字'; ret", "u" + BODY),
        ("dos.py", (HEAD + "    ret").replace("\n", "\r\n"), ("u" + BODY).replace("\n", "\r\n")),
        ("line.py", HEAD + "    ", "return compute(\n        a,\n        b,\n    )"),
        (
            "tabs.go",
            "func total(a int) int {\n\tif a > 1 {\n\t\tret",
            "urn compute(\n\t\t\ta,\n\t\t)\n\t}",
        ),
        (
            "deep.html",
            "<body>\n  <ul>\n    <li cl",
            'ass="first">\n      <a href="#top">Up</a>\n    </li>',
        ),
        ("marks.py", HEAD + "    ret", "urn f'${a} $1 {b}' + \\\n        `x`"),
    ],
    ids=lambda value: value if "." in value and "\n" not in value else "",
)
def test_an_item_of_several_lines(
    helix: Helix, model: Model, name: str, before: str, completion: str
) -> None:
    tail = TAIL.replace("\n", "\r\n") if "\r" in before else TAIL
    want = model.knows(before, completion, tail)
    helix.open(helix.project / name, before + tail, row=before.count("\n"))
    helix.keys("C-x")
    begun = before[-3:] if before[-1].isalpha() else ""
    take(helix, (begun + completion).split("\n")[0].rstrip())
    helix.save(helix.project / name, want)


@pytest.mark.parametrize(
    ("before", "typed", "completion"),
    [
        ("    re", "t", "u" + BODY),
        ("    return", " ", "compute(\n        a,\n        b,\n    )"),
        ("    x = compute", "(", "a,\n        b,\n    )"),
        ("    x = math", ".", "sin(\n        a,\n    )"),
    ],
)
def test_menu_comes_while_typing(
    helix: Helix, path: Path, model: Model, before: str, typed: str, completion: str
) -> None:
    # Helix asks already where insert mode begins.
    want = model.knows(HEAD + before, typed + completion, TAIL)
    helix.open(path, HEAD + before + TAIL, row=1)
    helix.type(typed)
    take(helix, completion.split("\n")[0])
    helix.save(path, want)


def test_closers_put_by_the_editor_are_not_doubled(helix: Helix, path: Path, model: Model) -> None:
    want = model.knows(HEAD + "    x = compute", "(a, b)", TAIL)
    helix.command("set-option auto-pairs true")
    helix.open(path, HEAD + "    x = compute" + TAIL, row=1)
    helix.type("(")
    take(helix, "a, b")
    helix.save(path, want)


def test_the_second_candidate(helix: Helix, path: Path, model: Model) -> None:
    """Asked for by hand, where no word has begun, there is more than one to choose from."""
    first, *others = (ollama_stream([text]) for text in (" one(a)", " two(b)", " one(a)"))
    model.server.on(*GENERATE, first, *others)
    helix.open(path, HEAD + "    x = a -" + TAIL, row=1)
    helix.keys("C-x")
    helix.until(lambda: shows_item(helix, "one(a)"), "the first is in the menu")
    take(helix, "two(b)", number=2)
    helix.save(path, HEAD + "    x = a - two(b)" + TAIL)


def test_an_answer_after_more_letters_still_fits(helix: Helix, path: Path, gated: Gated) -> None:
    gate = gated.says_later("turn compute(\n        a,\n    )")
    asked = len(gated.model.asked)
    helix.open(path, HEAD + "    re" + TAIL, row=1)
    helix.keys("C-x")
    helix.until(lambda: len(gated.model.asked) > asked, "the model is asked")
    helix.type("tu")
    helix.until(lambda: "retu" in helix.screen(), "it is typed")
    gated.let(gate)
    take(helix, "return compute(")
    helix.save(path, HEAD + "    return compute(\n        a,\n    )" + TAIL)


def test_an_answer_nobody_waits_for_harms_nothing(helix: Helix, path: Path, gated: Gated) -> None:
    """The text it was for is gone: lines deleted, and another file shown."""
    gate = gated.says_later("turn compute(\n        a,\n    )")
    asked = len(gated.model.asked)
    helix.open(path, HEAD + "    re" + TAIL, row=1)
    helix.keys("C-x")
    helix.until(lambda: len(gated.model.asked) > asked, "the model is asked")
    helix.normal()
    helix.type("%d")
    other = path.with_suffix(".txt")
    helix.command(f"open {other}")
    gated.let(gate)
    helix.until(lambda: not helix.traffic.badly_answered(), "the answer is there")
    helix.command(f"open {path}")
    helix.save(path, "")


def test_a_setting_of_the_running_server_is_changed(helix: Helix, path: Path, model: Model) -> None:
    """Helix tells its settings once, but its user can give the server's commands."""
    (before,) = helix.traffic.servers()
    for name in ("codellama:13b-code", "codellama:7b-code"):
        want = model.knows(HEAD + "    x = a -", f" {name[10:12]}", TAIL)
        chosen = json.dumps({"model": name})
        done = len(helix.traffic.results("workspace/executeCommand"))
        helix.open(path, HEAD + "    x = a -" + TAIL, row=1)
        helix.command(f"lsp-workspace-command twinny-lsp.useModel {chosen}")
        helix.until(
            lambda d=done: len(helix.traffic.results("workspace/executeCommand")) > d, "it is changed"
        )
        helix.keys("A", "C-x")
        take(helix, name[10:12])
        helix.save(path, want)
        assert model.asked[-1].json["model"] == name
        helix.command("buffer-close!")
    assert helix.traffic.servers() == [before]


def test_typing_fast_loses_nothing(helix: Helix, path: Path, model: Model) -> None:
    model.server.on(*GENERATE, _half_a_line)
    helix.open(path, "", row=0)
    type_fast(lambda key: helix.keys("Enter") if key == "\n" else helix.type(key))
    assert helix.saved(path) == TEXT
    assert any(helix.traffic.results("textDocument/completion")), "the menu was there meanwhile"


def _half_a_line(_: object) -> Reply:
    """A model that always has something to say."""
    return ollama_stream(["x", " = total", "(names)"])
