"""Looking into a real folder: what may be seen, what is found, what is refused and why."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from twinny_lsp.chat.attachments import Diagnosed, EditorState, Selected, attach
from twinny_lsp.chat.mentions import find
from twinny_lsp.chat.repository import Repository
from twinny_lsp.config.resolved import PrivacySettings
from twinny_lsp.context.code import Code
from twinny_lsp.context.files import Files
from twinny_lsp.context.ignores import Ignores

FILES = {
    "src/parse.py": "import re\n\n\ndef parse_header(line):\n    a, b = line\n\n    return a\n\n\nX = 1\n",
    "src/big.py": "# big\n",
    "docs/notes.md": "# Notes\n\nThe header is parsed first.\n",
    ".env": "KEY=1\n",
    "hidden.txt": "hidden header\n",
    "build/out.py": "def parse_header(): ...\n",
    "node_modules/x/index.js": "function header() {}\n",
    ".gitignore": "build/\nhidden.txt\n",
}

PRIVATE = ".env is held back: files of this name usually hold secrets; `privacy.allow` makes exceptions"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def repository(project: Path) -> Repository:
    git(project, "init", "-q")
    privacy = PrivacySettings()
    return Repository(Files(project, Ignores(project, privacy), 100_000, masked=True))


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def shown(text: str, repository: Repository, editor: EditorState | None = None) -> list[str]:
    """Titles of what is found, and reasons in angles."""
    found = attach(find(text), editor or EditorState(), repository)
    return [
        line
        for one in found
        for line in (*(excerpt.title for excerpt in one.excerpts), *(f"<{why}>" for why in one.refused))
    ]


def test_only_what_may_be_seen_is_listed(repository: Repository) -> None:
    assert list(repository.paths()) == [".gitignore", "docs/notes.md", "src/big.py", "src/parse.py"]


@pytest.mark.parametrize(
    ("mention", "wanted"),
    [
        ("@file:src/parse.py", "src/parse.py"),
        ("@file:src/parse.py:4-7", "src/parse.py, lines 4 to 7"),
        ("@file:src/parse.py:4", "src/parse.py, line 4"),
        ("@file:src/parse.py:9-999", "src/parse.py, lines 9 to 10"),
        ("@file:src/none.py", "<src/none.py is not there>"),
        ("@file:src", "<src is a folder>"),
        ("@file:hidden.txt", "<hidden.txt is named by .gitignore>"),
        ("@file:build/out.py", "<build/out.py is named by .gitignore>"),
        ("@file:.env", f"<{PRIVATE}>"),
        ("@file:../other.py", "<../other.py is not named from the workspace folder on>"),
        ("@file:/etc/passwd", "</etc/passwd is not named from the workspace folder on>"),
        ("@selection", "<nothing was selected so far>"),
        ("@diagnostics", "<the editor has told of no diagnostics so far>"),
        ("@open", "<no file of this project is open>"),
        ("@symbol:parse_header", "src/parse.py, lines 4 to 7"),
        ("@symbol:nothing", "<no definition of nothing was found>"),
        ("@workspace qqq zzz", "<no file of this project has a word of the question>"),
    ],
)
def test_mentions(repository: Repository, mention: str, wanted: str) -> None:
    assert shown(mention, repository) == [wanted]


def test_a_link_out_of_the_project_is_refused(repository: Repository, project: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("x")
    (project / "link.py").symlink_to(tmp_path / "outside.py")
    assert shown("@file:link.py", repository) == ["<link.py is outside the workspace folder>"]


def test_a_question_finds_places_that_may_be_seen(repository: Repository) -> None:
    titles = shown("@workspace how is the header parsed?", repository)
    assert {title.partition(",")[0] for title in titles} == {"src/parse.py", "docs/notes.md"}


def test_what_the_editor_has_counts(repository: Repository) -> None:
    code = Code("src/parse.py", "python", "def other():\n    pass\n")
    repository.files.open = {code.path: code}
    editor = EditorState((code,), Selected("src/parse.py", range(1, 2)))
    assert attach(find("@selection"), editor, repository)[0].excerpts[0].text == "    pass\n"
    assert shown("@open @symbol:other", repository, editor) == [
        "src/parse.py",
        "src/parse.py, lines 1 to 2",
    ]


def test_diagnostics_stand_with_their_lines(repository: Repository) -> None:
    told = (
        Diagnosed("src/parse.py", 4, "error", "not enough values"),
        Diagnosed(".env", 0, "error", "no"),
    )
    found = attach(find("@diagnostics"), EditorState(diagnosed=told), repository)[0]
    assert found.excerpts[0].text == "line 5: error: not enough values\n    a, b = line"
    assert found.refused == (PRIVATE,)


def test_changes_since_the_last_commit(repository: Repository, project: Path) -> None:
    git(project, "add", "-f", "src", "hidden.txt")
    git(project, "commit", "-q", "-m", "x")
    (project / "src/parse.py").write_text("changed\n")
    (project / "hidden.txt").write_text("password\n")
    found = attach(find("@diff"), EditorState(), repository)[0]
    assert "+changed" in found.excerpts[0].text
    assert "password" not in found.excerpts[0].text
    assert found.refused == ("hidden.txt is named by .gitignore",)


def test_a_rename_of_what_no_model_may_see(repository: Repository, project: Path) -> None:
    """Git quotes such a name."""
    (project / 'a "secret".key').write_text("one\ntwo\nthree\nfour\n")
    git(project, "add", "-f", ".")
    git(project, "commit", "-q", "-m", "x")
    git(project, "mv", 'a "secret".key', "plain.txt")
    found = attach(find("@diff"), EditorState(), repository)[0]
    assert found.excerpts == ()
    assert found.refused[0].startswith('a "secret".key ')


def test_a_repository_cannot_have_programs_started(
    repository: Repository, project: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    script = project / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {mark}\n")
    script.chmod(0o755)
    git(project, "add", "src")
    git(project, "commit", "-q", "-m", "x")
    (project / "src/parse.py").write_text("changed\n")
    (project / ".gitattributes").write_text("*.py diff=evil filter=evil\n")
    keys = ("core.fsmonitor", "core.pager", "diff.external", "diff.evil.command", "diff.evil.textconv")
    for key in (*keys, "filter.evil.clean", "filter.evil.process"):
        git(project, "config", key, str(script))
    git(project, "config", "filter.evil.required", "true")
    assert "+changed" in attach(find("@diff"), EditorState(), repository)[0].excerpts[0].text
    assert not mark.exists()


def test_without_a_project_there_is_a_reason() -> None:
    found = attach(find("@file:a.py"), EditorState(), None)
    assert found[0].refused == ("@file:a.py needs a workspace folder, and this document is in none",)


def test_what_is_compared_is_masked_and_may_be_seen(repository: Repository, project: Path) -> None:
    secret = 'token = "ghp_' + "16C7e42F292c6912E7710c838347Ae178B4a" + '"'
    (project / "src/key.py").write_text(f"{secret}\nheader = 1\n")
    opened = Code("src/open.py", "python", f"header = 2\n{secret}\n")
    repository.files.open = {opened.path: opened}
    found = repository.candidates("how is the header parsed?", 99)
    texts = [text for _, text in found]
    assert {place.path for place, _ in found} == {
        *("src/open.py", "src/key.py", "src/parse.py", "docs/notes.md", "src/big.py", ".gitignore")
    }
    assert "src/open.py\nheader = 2\n" in "".join(texts), "the path is a part of the text"
    assert not [text for text in texts if "16C7" in text]
    assert len(repository.candidates("how is the header parsed?", 2)) == 2
