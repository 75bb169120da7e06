"""What is staged, asked of a real git."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from twinny_lsp.chat.commit import staged as module
from twinny_lsp.chat.commit.diff import parse
from twinny_lsp.chat.commit.staged import GitFailed, NothingStaged, staged

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git")


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@b.example")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q")
    (root / "a.py").write_text("x = 1\n", encoding="utf-8")
    git(root, "add", ".")
    git(root, "commit", "-qm", "Begin")
    return root


async def test_paths_begin_at_the_top_wherever_one_stands(repository: Path) -> None:
    inner = repository / "sub"
    inner.mkdir()
    (inner / "ü b.py").write_text("y = 1\n", encoding="utf-8")
    (repository / "a.py").write_text("x = 2\n", encoding="utf-8")
    git(repository, "config", "diff.noprefix", "true")
    git(repository, "config", "diff.mnemonicPrefix", "true")
    git(repository, "config", "color.ui", "always")
    git(repository, "add", ".")
    found = await staged(inner)
    assert found.root == repository.resolve()
    assert {change.path for change in parse(found.diff)} == {"a.py", "sub/ü b.py"}
    assert found.subjects == ("Begin",)


async def test_only_what_is_staged(repository: Path) -> None:
    (repository / "a.py").write_text("x = 2\n", encoding="utf-8")
    with pytest.raises(NothingStaged, match="git add"):
        await staged(repository)


async def test_the_first_commit_has_no_subjects_before_it(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("x\n", encoding="utf-8")
    git(tmp_path, "add", ".")
    assert (await staged(tmp_path)).subjects == ()


async def test_no_repository_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(GitFailed, match="not a git repository"):
        await staged(tmp_path)


async def test_no_git_is_told(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(GitFailed, match="not installed"):
        await staged(repository)


async def test_the_repositorys_configuration_starts_no_program(repository: Path) -> None:
    trap = repository / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {repository}/sprung\n", encoding="utf-8")
    trap.chmod(trap.stat().st_mode | stat.S_IXUSR)
    git(repository, "config", "diff.external", str(trap))
    git(repository, "config", "diff.own.command", str(trap))
    git(repository, "config", "diff.own.textconv", str(trap))
    git(repository, "config", "core.fsmonitor", str(trap))
    git(repository, "config", "core.pager", str(trap))
    (repository / ".gitattributes").write_text("*.py diff=own\n", encoding="utf-8")
    (repository / "a.py").write_text("x = 2\n", encoding="utf-8")
    git(repository, "-c", "core.fsmonitor=false", "add", ".")
    found = await staged(repository)
    assert "+x = 2" in found.diff
    assert not (repository / "sprung").exists()


async def test_a_git_that_hangs_is_ended(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    fake = folder / "git"
    fake.write_text(f"#!/bin/sh\necho $$ > {folder}/pid\nexec sleep 600\n", encoding="utf-8")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    with pytest.raises(GitFailed, match="no answer within"):
        await staged(repository, timeout_s=0.5)
    pid = int((folder / "pid").read_text(encoding="utf-8"))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_diff_without_end_is_read_to_the_limit(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100_000)
    (repository / "b.txt").write_text("line\n" * 200_000, encoding="utf-8")
    git(repository, "add", ".")
    found = await staged(repository)
    assert len(found.diff) == 100_000
    assert parse(found.diff)[0].path == "b.txt"
