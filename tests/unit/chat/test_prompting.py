"""The messages that go to the model for a task: templates, the user's own, context in its budget, secrets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from twinny_lsp.chat.edits.decide import Replacement, decide
from twinny_lsp.chat.edits.passage import Span, passage
from twinny_lsp.chat.prompting import Asked, Prepared, Problem, around, prepare_task, too_long
from twinny_lsp.chat.tasks import (
    ADD_DOCS,
    ADD_TESTS,
    COMMIT_MESSAGE,
    EXPLAIN,
    FIX,
    INSERT,
    INSTRUCT,
    REFACTOR,
    TASKS,
    Result,
    Task,
)
from twinny_lsp.chat.templates import PROMPTS, VOCABULARY, Templates, packaged
from twinny_lsp.documents.text import split_lines
from twinny_lsp.documents.windows import estimate_tokens
from twinny_lsp.errors import SettingsError, TemplateError

GOLDEN = Path(__file__).parents[2] / "golden" / "chat" / "prompts.txt"
TEXT = "import os\n\n\ndef a(x):\n    return x\n\n\ndef b(y):\n    if y < 1 and y & 2:\n        return a(y)\n"
LINES = split_lines(TEXT)
OF = passage(LINES, Span((7, 0), (10, 0)), "python")
ASKED = Asked(
    REFACTOR,
    OF,
    path="src/b.py",
    instruction="use match",
    problems=(Problem(8, "error", "y may be\nNone"),),
    test_path="tests/test_b.py",
)
SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "templates"


def write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.hbs").write_text(text, encoding="utf-8")


async def said(asked: Asked, folder: Path) -> str:
    return shown(await prepare_task(asked, Templates(folder)))


def shown(prepared: Prepared) -> str:
    return "".join(f"[{each.role}]\n{each.content}\n" for each in prepared.messages)


async def test_golden(folder: Path) -> None:
    """Every built-in prompt, as it is sent. UPDATE_GOLDEN=1 rewrites the file; then read the difference."""
    made = ""
    empty = passage(["x = 1\n", "\n", "y = 2\n"], Span((1, 0), (1, 0)), "python")
    for task in (*TASKS, INSERT):
        asked = replace(ASKED, task=task, passage=empty if task is INSERT else OF)
        made += f"════ {task.name}\n{await said(asked, folder)}\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(made, encoding="utf-8")
    assert made == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(PROMPTS.iterdir()), ids=lambda path: path.stem)
def test_a_packaged_template_is_right_and_needs_no_pybars(path: Path) -> None:
    template = packaged(path.stem)
    assert template is not None
    assert template.simple
    used = {task.template for task in (*TASKS, COMMIT_MESSAGE, INSERT)} | {"context"}
    assert path.stem in used or path.stem.removesuffix("-system") in used | {"edit", "system"}


def test_every_task_has_its_template() -> None:
    for task in (*TASKS, COMMIT_MESSAGE, INSERT):
        assert packaged(task.template) is not None, task.name


async def test_code_comes_through_as_it_is(folder: Path) -> None:
    write(folder, "refactor", "{{code}}|{{{code}}}|{{&code}}")
    assert (await said(ASKED, folder)).endswith("|".join(["\n".join(OF.code)] * 3) + "\n")


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("fix-code", FIX),
        ("fix", FIX),
        ("generate-docs", ADD_DOCS),
        ("add-docs", ADD_DOCS),
        ("explain", EXPLAIN),
        ("add-tests", ADD_TESTS),
    ],
)
async def test_the_users_template_goes_first_under_twinnys_name_and_ours(
    name: str, task: Task, folder: Path
) -> None:
    write(folder, name, "My own: {{{code}}}")
    assert "[user]\nMy own: def b(y):" in await said(replace(ASKED, task=task), folder)


@pytest.mark.parametrize(
    "text",
    [
        "{{{systemMessage}}}\nExplain the following code;\n{{{code}}}\nDo not waffle on. The language is:\n"
        "{{language}}\n  ",
        "Explain the following code;\n\n```{{{code}}}```\n\n{{#if similarCode}}\nx {{{similarCode}}}\n{{/if}}"
        "\nDo not waffle on. The language is:\n{{language}}",
    ],
)
async def test_what_twinny_wrote_by_itself_is_not_the_users_wish(text: str, folder: Path) -> None:
    write(folder, "explain", text)
    explain = replace(ASKED, task=EXPLAIN)
    assert "[user]\nExplain this code to a programmer" in await said(explain, folder)
    write(folder, "explain", text.replace("waffle", "talk"))
    assert "Do not talk on. The language is:\npython" in await said(explain, folder)


async def test_twinnys_form_has_the_system_message_in_it(folder: Path) -> None:
    write(folder, "explain", "{{{systemMessage}}}\nExplain;\n{{{code}}}\nThe language is:\n{{language}}\n  ")
    write(folder, "system", "Be kind on {{osName}}.")
    prepared = await prepare_task(replace(ASKED, task=EXPLAIN), Templates(folder))
    (message,) = prepared.messages
    assert re.match(r"Be kind on \w+\.\nExplain;\ndef b", message.content)


async def test_which_system_message(folder: Path) -> None:
    explain = replace(ASKED, task=EXPLAIN)
    assert "[system]\nYou help" in await said(explain, folder)
    explain = replace(explain, system="From the settings.")
    assert (await said(explain, folder)).startswith("[system]\nFrom the settings.\n[user]")
    write(folder, "system", "From system.hbs.")
    assert (await said(explain, folder)).startswith("[system]\nFrom system.hbs.\n[user]")
    write(folder, "explain-system", "For explain.")
    assert (await said(explain, folder)).startswith("[system]\nFor explain.\n[user]")
    write(folder, "explain-system", "")
    assert (await said(explain, folder)).startswith("[user]")


async def test_an_edits_rules_are_not_lost_to_a_general_system_message(folder: Path) -> None:
    write(folder, "system", "Always explain at length.")
    asked = replace(ASKED, system="Always explain at length.")
    assert (await said(asked, folder)).startswith("[system]\nYou edit code")
    write(folder, "edit-system", "My rules.")
    assert (await said(asked, folder)).startswith("[system]\nMy rules.\n[user]")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Refactor, please", r"has no \{\{\{code\}\}\}"),
        ("{{{code}}} {{{prefix}}}", "there is no variable `prefix`"),
        ("{{{code}}}\n{{> other}}", ":2: partials"),
        ("{{{code.__class__}}}", "there is no variable"),
    ],
)
async def test_a_template_that_cannot_be_used_is_told_and_not_replaced(
    text: str, reason: str, folder: Path
) -> None:
    write(folder, "refactor", text)
    with pytest.raises(TemplateError, match=reason) as told:
        await prepare_task(ASKED, Templates(folder))
    assert "refactor.hbs" in str(told.value)
    write(folder, "refactor", "Now it is right: {{{code}}}")
    assert "Now it is right" in await said(ASKED, folder)


async def test_conditions_are_for_the_users_templates(folder: Path) -> None:
    write(folder, "refactor", '{{#if (eq language "python")}}PY {{/if}}{{{code}}}')
    assert "[user]\nPY def b" in await said(ASKED, folder)


async def test_tasks_of_the_users_own(folder: Path) -> None:
    write(folder, "make-async", "{{! edit: Make it async }}\nMake async: {{{code}}}")
    write(folder, "haiku", "A haiku, please.")
    write(folder, "broken", "{{nothing}}")
    for name in ("fim", "system", "chat", "review", "haiku-system", "relevant-code", "commit-message", "fix"):
        write(folder, name, "x {{{code}}}")
    templates = Templates(folder)
    own = [task for task in await templates.tasks() if task.own]
    assert [(task.name, task.title, task.result) for task in own] == [
        ("haiku", "Haiku", Result.ANSWER),
        ("make-async", "Make it async", Result.EDIT),
    ]
    assert "[user]\nA haiku, please." in await said(replace(ASKED, task=own[0]), folder)
    edit = await said(replace(ASKED, task=own[1]), folder)
    assert edit.startswith("[system]\nYou edit code")
    assert "[user]\nMake async: def b" in edit


async def test_a_task_whose_file_went_away_is_told(folder: Path) -> None:
    task = Task("gone", "gone", "Gone", Result.EDIT, own=True)
    with pytest.raises(TemplateError, match=r"gone\.hbs: is not there"):
        await prepare_task(replace(ASKED, task=task), Templates(folder))


@pytest.mark.parametrize("tokens", [0, 8, 16, 64, 1000])
def test_what_stands_around_keeps_to_its_budget(tokens: int) -> None:
    lines = [f"line {number} of the file\n" for number in range(300)]
    of = passage(lines, Span((150, 0), (152, 0)), "python")
    above, below = around(of, tokens)
    assert estimate_tokens(above) + estimate_tokens(below) <= max(tokens, 0)
    assert not above or above.endswith("line 149 of the file")
    assert not below or below.startswith("line 152 of the file")


async def test_fences_are_longer_than_those_in_the_code(folder: Path) -> None:
    lines = ["# a\n", "````\n", "x\n", "````\n"]
    of = passage(lines, Span((0, 0), (3, 4)), "markdown")
    assert "`````markdown\n# a\n````\nx\n````\n`````" in await said(replace(ASKED, passage=of), folder)


async def test_a_secret_is_hidden_and_comes_back(folder: Path) -> None:
    lines = [f'TOKEN = "{SECRET}"\n', "def call():\n", f'    return get("{SECRET}")\n']
    of = passage(lines, Span((1, 0), (2, 99)), "python")
    prepared = await prepare_task(replace(ASKED, passage=of), Templates(folder))
    sent = shown(prepared)
    assert SECRET[4:] not in sent
    assert sent.count("HIDDEN_SECRET_1") == 2
    name = re.findall(r'get\("(.*)"\)', sent)[0]
    made = decide(f'```\nasync def call():\n    return await get("{name}")\n```', of, hidden=prepared.hidden)
    assert isinstance(made, Replacement)
    assert made.text == f'async def call():\n    return await get("{SECRET}")'
    lost = decide('```\ndef call():\n    return get("HIDDEN_SECRET_7")\n```', of, hidden=prepared.hidden)
    assert not isinstance(lost, Replacement)
    assert lost.why == "secret"
    unmasked = await prepare_task(replace(ASKED, passage=of, mask=False), Templates(folder))
    assert SECRET in shown(unmasked)


async def test_what_is_asked_for_is_there(folder: Path) -> None:
    with pytest.raises(SettingsError, match="no instruction"):
        await prepare_task(replace(ASKED, task=INSTRUCT, instruction=" "), Templates(folder))
    empty = passage(["\n"], Span((0, 0), (0, 0)), "python")
    with pytest.raises(SettingsError, match="no code"):
        await prepare_task(replace(ASKED, passage=empty), Templates(folder))
    assert "Write new code" in await said(replace(ASKED, task=INSTRUCT, passage=empty), folder)


def test_a_selection_too_long_for_an_answer_is_told_before() -> None:
    of = passage([f"line_{number} = {number}\n" for number in range(2000)], Span((0, 0), (2000, 0)), "python")
    assert "chat.maxTokens" in too_long(of, 2048)
    assert too_long(OF, 2048) == ""


def test_the_vocabulary_has_all_that_is_filled_in() -> None:
    """A variable that is documented and never filled, or filled and refused, would be a trap."""
    text = (Path(__file__).parents[3] / "docs" / "prompts.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE))
    assert told == VOCABULARY.strings | VOCABULARY.lists.keys()


def test_importing_the_pure_core_imports_nothing_heavy() -> None:
    script = (
        "import sys, twinny_lsp.chat.edits.decide, twinny_lsp.chat.edits.instruct, twinny_lsp.chat.prompting,"
        " twinny_lsp.chat.commit.message; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"aiohttp", "pathspec", "pydantic", "pybars", "lsprotocol", "pygls"}
