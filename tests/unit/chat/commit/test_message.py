"""Commit messages: diffs read, cut down to a budget, and answers cleaned."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from twinny_lsp.chat.commit.budget import summary
from twinny_lsp.chat.commit.diff import Status, parse
from twinny_lsp.chat.commit.message import SUBJECT, Style, clean, prepare_commit
from twinny_lsp.chat.commit.staged import NothingStaged, Staged
from twinny_lsp.chat.edits.decide import No
from twinny_lsp.chat.templates import Templates
from twinny_lsp.context.deny import Kind, denied
from twinny_lsp.documents.windows import estimate_tokens
from twinny_lsp.errors import TemplateError

GOLDEN = Path(__file__).parents[3] / "golden" / "commit" / "messages.toml"
CASES = {case["name"]: case for case in tomllib.loads(GOLDEN.read_text(encoding="utf-8"))["case"]}


@pytest.mark.parametrize("name", CASES)
def test_answer(name: str) -> None:
    case: dict[str, Any] = CASES[name]
    style = Style(case.get("style", "plain"))
    made = clean(case["answer"], style)
    if "no" in case:
        assert isinstance(made, No)
        assert made.why == case["no"]
        return
    assert made == case["expected"]
    assert isinstance(made, str)
    assert len(made.split("\n")[0]) <= SUBJECT
    assert clean(made, style) == made


def file_diff(path: str, lines: list[str], *, head: str = "index 1..2 100644", start: int = 1) -> str:
    old = sum(not line.startswith("+") for line in lines)
    new = sum(not line.startswith("-") for line in lines)
    body = "\n".join(lines)
    return (
        f"diff --git a/{path} b/{path}\n{head}\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -{start},{old} +{start},{new} @@ def f():\n{body}\n"
    )


DIFF = (
    file_diff("src/a.py", [" x", "-y = 1", "+y = 2", "--- not a head", "+++ not one either", " z"])
    + "diff --git a/old name.txt b/new name.txt\nsimilarity index 100%\nrename from old name.txt\n"
    "rename to new name.txt\n" + "diff --git a/logo.png b/logo.png\nnew file mode 100644\nindex 0..1\n"
    "Binary files /dev/null and b/logo.png differ\n"
    + 'diff --git "a/\\303\\244.txt" "b/\\303\\244.txt"\ndeleted file mode 100644\nindex 1..0\n'
    '--- "a/\\303\\244.txt"\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n\\ No newline at end of file\n'
    + "diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n"
)


def test_a_diff_is_read() -> None:
    a, renamed, binary, gone, mode = parse(DIFF)
    assert (a.path, a.status, a.added, a.removed) == ("src/a.py", Status.MODIFIED, 2, 2)
    assert a.hunks[0].title == "def f():"
    assert renamed.paths == ("new name.txt", "old name.txt")
    assert renamed.status is Status.RENAMED
    assert (binary.path, binary.binary, binary.status) == ("logo.png", True, Status.ADDED)
    assert (gone.path, gone.status, gone.removed) == ("ä.txt", Status.DELETED, 1)
    assert (mode.path, mode.hunks) == ("run.sh", ())


@pytest.mark.parametrize("end", range(0, len(DIFF), 17))
def test_a_diff_that_is_cut_off_is_read_as_far_as_it_goes(end: int) -> None:
    whole = {change.path for change in parse(DIFF)}
    for change in parse(DIFF[:end])[:-1]:
        assert change.path in whole


def large_diff() -> str:
    """40 KB: a lock file, a generated one, a long new module, small changes in others."""
    lock = [f'+    "pkg{number}": "https://example.com/{number}/pkg.tgz",' for number in range(360)]
    module = ["+def begin():", *(f"+    step_{number}()" for number in range(400)), "+    return 1"]
    parts = [
        file_diff("package-lock.json", lock),
        file_diff("gen/api_pb2.py", ["+# @generated", *(f"+x{number} = 1" for number in range(150))]),
        file_diff("src/new.py", module, head="new file mode 100644"),
        *(
            file_diff(f"src/part{number}.py", [" a", "-old()", f"+def changed_{number}(): ...", " b"])
            for number in range(40)
        ),
        file_diff("tests/test_new.py", [f"+    assert f({number}) == {number}" for number in range(200)]),
        file_diff("README.md", [f"+Line {number} of the documentation." for number in range(80)]),
    ]
    return "".join(parts)


@pytest.mark.parametrize("tokens", [256, 512, 1024, 2048, 4096])
async def test_40_kb_of_changes_fit_the_budget(tokens: int, tmp_path: Path) -> None:
    diff = large_diff()
    assert len(diff) > 40_000
    prepared = await prepare_commit(
        Staged(tmp_path, diff, ()), lambda _: "", Templates(tmp_path), tokens=tokens
    )
    shown = prepared.shown
    assert estimate_tokens(shown.stat) + estimate_tokens(shown.diff) <= tokens
    assert shown.files == 45
    question = prepared.messages[-1].content
    assert shown.stat in question
    assert shown.diff in question
    assert estimate_tokens("".join(each.content for each in prepared.messages)) < tokens + 200


def test_the_telling_parts_are_shown_and_the_others_listed() -> None:
    shown = summary(parse(large_diff()), 2048, lambda _: "")
    assert "M package-lock.json +360 -0" in shown.stat
    assert "pkg1" not in shown.diff
    assert "x1 = 1" not in shown.diff
    assert "+def begin():" in shown.diff
    assert "more lines]" in shown.diff
    assert len(re.findall(r"changed_\d+", shown.diff)) == 40
    assert "1 more" not in shown.stat


def test_many_files_are_counted_by_folder() -> None:
    diff = "".join(file_diff(f"lib{n % 3}/f{n}.py", [f"+x = {n}"]) for n in range(500))
    shown = summary(parse(diff), 512, lambda _: "")
    assert re.search(r"and \d+ more in lib\d/", shown.stat)
    listed = sum(line[:2] == "M " for line in shown.stat.split("\n"))
    counted = sum(int(each) for each in re.findall(r"and (\d+) more", shown.stat))
    assert listed + counted == 500


def test_files_that_no_model_may_see_leave_no_trace() -> None:
    diff = file_diff(".env", ["+KEY=abc"]) + file_diff("a.py", ["+x = 1"])
    renamed = "diff --git a/id_rsa b/notes.txt\nrename from id_rsa\nrename to notes.txt\n"

    def never(path: str) -> str:
        verdict = denied(path)
        return verdict.reason if verdict and verdict.kind is Kind.SECRET else ""

    shown = summary(parse(diff + renamed), 1024, never)
    assert (shown.files, shown.held_back) == (1, 2)
    for trace in (".env", "KEY", "id_rsa", "notes"):
        assert trace not in shown.stat + shown.diff


def test_secrets_are_masked() -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    shown = summary(parse(file_diff("a.py", [f'+TOKEN = "{token}"'])), 1024, lambda _: "")
    assert "ghp_" in shown.diff
    assert token not in shown.diff


def test_a_secret_is_masked_before_a_long_line_is_cut() -> None:
    head = "eyJ" + "hbGciOiJIUzI1NiJ9" * 3
    token = f"{head}.eyJ{'c3ViOiIxMjM0NTY3ODkw' * 12}.{'dBjftJeZ4CVP7mB92K27' * 3}"
    shown = summary(parse(file_diff("a.py", [f'+TOKEN = "{token}"'])), 1024, lambda _: "")
    assert "TOKEN" in shown.diff
    assert head[3:] not in shown.diff


async def test_the_fence_is_longer_than_those_of_the_changes(tmp_path: Path) -> None:
    staged = Staged(tmp_path, file_diff("a.md", ["+```py", "+x = 1", "+```"]), ())
    (tmp_path / "commit-message.hbs").write_text("{{{fence}}}{{{language}}}\n{{{diff}}}{{{fence}}}")
    prepared = await prepare_commit(staged, lambda _: "", Templates(tmp_path))
    assert prepared.messages[-1].content.startswith("````diff\n")


async def test_all_held_back_is_told(tmp_path: Path) -> None:
    with pytest.raises(NothingStaged, match="held back"):
        await prepare_commit(
            Staged(tmp_path, file_diff(".env", ["+a"]), ()), lambda _: "is held back", Templates(tmp_path)
        )


@pytest.mark.parametrize(
    ("subjects", "style", "comes_to"),
    [
        (("feat: a", "fix(x): b", "Merge it"), Style.AUTO, Style.CONVENTIONAL),
        (("Add a", "Fix b", "feat: c"), Style.AUTO, Style.PLAIN),
        ((), Style.AUTO, Style.PLAIN),
        (("Add a",), Style.CONVENTIONAL, Style.CONVENTIONAL),
    ],
)
async def test_style(subjects: tuple[str, ...], style: Style, comes_to: Style, tmp_path: Path) -> None:
    staged = Staged(tmp_path, file_diff("a.py", ["+x"]), subjects)
    prepared = await prepare_commit(staged, lambda _: "", Templates(tmp_path), style=style)
    assert prepared.style is comes_to
    assert ("type(scope)" in prepared.messages[-1].content) == (comes_to is Style.CONVENTIONAL)


async def test_the_users_own_template_and_twinnys_variable(tmp_path: Path) -> None:
    (tmp_path / "commit-message.hbs").write_text("Short please: {{code}}", encoding="utf-8")
    staged = Staged(tmp_path, file_diff("a.py", ["+if a < b:"]), ())
    prepared = await prepare_commit(staged, lambda _: "", Templates(tmp_path))
    assert prepared.messages[-1].content.startswith("Short please: M a.py +1 -0\n")
    assert "+if a < b:" in prepared.messages[-1].content
    (tmp_path / "commit-message.hbs").write_text("Short please", encoding="utf-8")
    with pytest.raises(TemplateError, match=r"has no \{\{\{code\}\}\}"):
        await prepare_commit(staged, lambda _: "", Templates(tmp_path))
