"""Which files may be read: real folders with real ignore files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from twinny_lsp.config.resolved import PrivacySettings
from twinny_lsp.context.ignores import RECHECK_S, Ignores, read_bounded
from twinny_lsp.patterns import compiled, is_pattern


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def ignores(root: Path, *deny: str, allow: tuple[str, ...] = ()) -> Ignores:
    return Ignores(root, PrivacySettings(deny=deny, allow=allow))


def test_gitignore_nested_with_exceptions(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".gitignore": "*.gen\n/build/\nlogs\n!keep.gen\n# a comment\n",
            "a/.gitignore": "!special.gen\nlocal.py\n",
            "logs/.gitignore": "!seen.py\n",
        },
    )
    rules = ignores(tmp_path)
    hidden = ["x.gen", "a/x.gen", "build/a.py", "build/deep/a.py", "a/local.py", "logs/a.py", "logs/seen.py"]
    assert {path: rules.why_not(path) for path in hidden} == dict.fromkeys(hidden, "is named by .gitignore")
    for path in ("a.py", "keep.gen", "a/special.gen", "a/build/a.py", "local.py", "b/local.py"):
        assert rules.why_not(path) == "", path


@pytest.mark.parametrize(
    ("pattern", "hidden", "seen"),
    [
        ("v[[:digit:]].py", "v1.py", "va.py"),
        ("[[:alpha:]_]*.py", "_a.py", "1.py"),
        ("x[^[:upper:]].py", "xa.py", "xA.py"),
        ("x[[:punct:]].py", "x-.py", "xx-.py"),
        ("*.py\n!a[[:digit:]].py", "ab.py", "a1.py"),
        ("*.py\n!a[[:space:]].py", "a .py", "a.txt"),
    ],
)
def test_named_classes_of_characters(tmp_path: Path, pattern: str, hidden: str, seen: str) -> None:
    write(tmp_path, {".git/HEAD": "", ".gitignore": pattern + "\n"})
    rules = ignores(tmp_path)
    assert rules.why_not(hidden) == "is named by .gitignore"
    assert rules.why_not(seen) == ""


def test_a_workspace_that_is_a_link_into_a_repository(tmp_path: Path) -> None:
    write(tmp_path, {"repo/.git/HEAD": "", "repo/.gitignore": "own.py\n", "repo/sub/a.py": ""})
    (tmp_path / "link").symlink_to(tmp_path / "repo" / "sub")
    rules = ignores(tmp_path / "link")
    assert rules.why_not("own.py") == "is named by .gitignore"
    assert rules.why_not("a.py") == ""


@pytest.mark.parametrize("caseless", [True, False])
def test_large_and_small_letters(tmp_path: Path, caseless: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinny_lsp.context.ignores.CASELESS", caseless)
    write(tmp_path, {".git/HEAD": "", ".gitignore": "/Build/\n[A-C].txt\n", ".twinnyignore": "Own.py\n"})
    rules = ignores(tmp_path, "Denied/")
    for path in ("Build/a.py", "B.txt", "Own.py", "Denied/a.py"):
        assert rules.why_not(path) != "", path
    for path in ("build/a.py", "b.txt", "own.py", "denied/a.py"):
        assert bool(rules.why_not(path)) is caseless, path


def test_a_class_that_does_not_end_is_no_reason_to_search_for_ever(tmp_path: Path) -> None:
    write(tmp_path, {".git/HEAD": "", ".gitignore": "[[:a:" + "\\a" * 2000 + "\nown.py\n"})
    assert ignores(tmp_path).why_not("own.py") == "is named by .gitignore"


def test_an_exception_for_folders_is_none_for_what_is_in_them(tmp_path: Path) -> None:
    write(tmp_path, {".git/info/exclude": "*.local.py\n", ".gitignore": "/*.txt\n!*/\n"})
    write(tmp_path, {"data/.gitignore": "*\n!*/\n!*.md\n"})
    rules = ignores(tmp_path)
    assert rules.why_not("src/a.local.py") == "is named by .git/info/exclude"
    assert rules.why_not("data/x/a.py") == "is named by .gitignore"
    assert rules.why_not("data/x/a.md") == ""
    assert rules.why_not("src/a.py") == ""


@pytest.mark.parametrize("all_of_it", ["*", "/*", "**", "***"])
def test_a_repository_that_ignores_all_that_is_in_it(tmp_path: Path, all_of_it: str) -> None:
    write(tmp_path, {".git/info/exclude": all_of_it + "\n"})
    rules = ignores(tmp_path)
    for path in ("a.py", "src/a.py"):
        assert rules.why_not(path) == "is named by .git/info/exclude"


@pytest.mark.parametrize(
    "settings",
    [
        {"home/.config/git/ignore": "own/\n"},
        {"home/.gitconfig": "[core]\n\texcludesFile = ~/mine # all\n", "home/mine": "own/\n"},
        {"repo/.git/config": '[core]\n\texcludesfile = "mine"\n', "home/mine": "own/\n"},
    ],
    ids=["the usual place", "the user's settings", "the repository's settings"],
)
def test_the_users_own_rules_for_all_repositories(
    tmp_path: Path, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    write(tmp_path, {"repo/.git/HEAD": "", "home/own/a.py": "", **settings})
    assert ignores(tmp_path / "repo").why_not("own/a.py") == "is named by git's core.excludesFile"
    assert ignores(tmp_path / "home").why_not("own/a.py") == ""


def test_rules_of_the_repository_around_the_workspace(tmp_path: Path) -> None:
    write(tmp_path, {".git/info/exclude": "private/\n", ".gitignore": "*.tmp.py\n/sub/only.py\n"})
    write(tmp_path, {"sub/a.py": ""})
    rules = ignores(tmp_path / "sub")
    assert rules.why_not("a.tmp.py") == "is named by .gitignore"
    assert rules.why_not("only.py") == "is named by .gitignore"
    assert rules.why_not("private/a.py") == "is named by .git/info/exclude"
    assert rules.why_not("a.py") == ""


def test_a_workspace_that_git_ignores_is_still_one(tmp_path: Path) -> None:
    write(tmp_path, {".git/HEAD": "", ".gitignore": "sandbox/\n", "sandbox/.gitignore": "no.py\n"})
    rules = ignores(tmp_path / "sandbox")
    assert rules.why_not("a.py") == ""
    assert rules.why_not("no.py") != ""


def test_a_linked_worktree_has_the_repositorys_exclude_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "main/.git/info/exclude": "mine.py\n",
            "main/.git/worktrees/w/commondir": "../..\n",
            "w/.git": f"gitdir: {tmp_path}/main/.git/worktrees/w\n",
        },
    )
    assert ignores(tmp_path / "w").why_not("mine.py") == "is named by .git/info/exclude"


def test_own_ignore_files_and_settings_hold_for_the_document_too(tmp_path: Path) -> None:
    write(tmp_path, {".twinnyignore": "internal/\n", "a/.twinnyignore": "*.sql\n", ".gitignore": "out.py\n"})
    rules = ignores(tmp_path, "/legal", "*.csv")
    for path, word in {
        "internal/x.py": ".twinnyignore",
        "a/b/x.sql": ".twinnyignore",
        "legal/x.py": "privacy.deny",
        "deep/x.csv": "privacy.deny",
        "prod.env": "privacy.allow",
    }.items():
        assert word in rules.why_never(path), path
        assert rules.why_not(path) == rules.why_never(path)
    # Git's rules and useless files only keep a file from being context.
    for path in ("out.py", "yarn.lock", "x.sql", "a/legal/x.py"):
        assert rules.why_never(path) == "", path
    assert rules.why_not("out.py")
    assert rules.why_not("yarn.lock")


def test_exceptions_are_from_the_built_in_list_only(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "local.env\n", ".twinnyignore": "!prod.env\nx.env\n"})
    rules = ignores(tmp_path, "deny.env", allow=("*.env", "yarn.lock"))
    assert rules.why_never("a.env") == ""
    assert rules.why_not("yarn.lock") == ""
    assert rules.why_not("local.env") == "is named by .gitignore"
    assert rules.why_never("x.env") == "is named by .twinnyignore"
    assert rules.why_never("deny.env") == "is named by `privacy.deny`"
    # An ignore file comes with a repository: it makes no exceptions from what holds without it.
    assert ignores(tmp_path).why_never("prod.env")


def test_links(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root, {".env": "", "a.py": "", "out.py": "", ".gitignore": "out.py"})
    write(tmp_path, {"outside/b.py": ""})
    for link, target in {
        "config.txt": root / ".env",
        "leads.py": tmp_path / "outside/b.py",
        "folder": tmp_path / "outside",
        "fine.py": root / "a.py",
        "ignored.py": root / "out.py",
    }.items():
        (root / link).symlink_to(target)
    rules = ignores(root)
    assert "secrets" in rules.why_never("config.txt")
    for path in ("leads.py", "folder/b.py", "../outside/b.py"):
        assert rules.why_never(path) == "is outside the workspace folder", path
    assert rules.why_not("fine.py") == ""
    assert rules.why_not("ignored.py") == "is named by .gitignore"
    (tmp_path / "link").symlink_to(root)
    assert ignores(tmp_path / "link").why_not("a.py") == ""


def test_a_folder_above_the_workspace_can_be_one_for_secrets(tmp_path: Path) -> None:
    write(tmp_path, {".ssh/config": "", "node_modules/pkg/a.js": ""})
    assert ignores(tmp_path / ".ssh").why_never("config")
    assert ignores(tmp_path / "node_modules/pkg").why_not("a.js") == ""


def test_rules_that_cannot_be_read_hold_everything_back(tmp_path: Path) -> None:
    write(tmp_path, {"big/.gitignore": "#" * 300_000, "a.py": ""})
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/.twinnyignore").mkdir()
    rules = ignores(tmp_path)
    assert "cannot be read" in rules.why_not("big/a.py")
    assert "cannot be read" in rules.why_never("folder/a.py")
    assert rules.why_not("a.py") == ""


def test_a_change_of_the_rules_is_noticed(tmp_path: Path) -> None:
    clock = Clock()
    rules = Ignores(tmp_path, PrivacySettings(), clock)
    assert rules.why_not("a/b.py") == ""
    write(tmp_path, {"a/.twinnyignore": "b.py\n"})
    clock.now += RECHECK_S
    assert rules.why_not("a/b.py") == "is named by .twinnyignore"
    (tmp_path / "a/.twinnyignore").unlink()
    clock.now += RECHECK_S
    assert rules.why_not("a/b.py") == ""


def test_other_names_of_ignore_files(tmp_path: Path) -> None:
    write(tmp_path, {".aiignore": "a.py\n", ".twinnyignore": "b.py\n"})
    rules = Ignores(tmp_path, PrivacySettings(ignore_files=(".aiignore", "../x", "")))
    assert rules.why_never("a.py")
    assert not rules.why_never("b.py")


@pytest.mark.parametrize("bad", ["!", "a\\", "[z-a]"])
def test_what_is_no_pattern_is_left_out(bad: str) -> None:
    assert not is_pattern(bad)
    rules = compiled([bad, "a.py"])
    assert rules.match_file("a.py")
    assert not rules.match_file("b.py")


def test_a_hostile_pattern_is_made_a_wider_one_that_ends() -> None:
    hostile = "x" + "*a" * 40 + "*b"
    rules = compiled([hostile, "!" + hostile, "*.c"])
    assert rules.match_file("xa" + "a" * 240 + "b")
    assert not rules.match_file("y" + "a" * 240)
    assert rules.match_file("f.c")


def test_only_whole_regular_files_of_text_are_read(tmp_path: Path) -> None:
    write(tmp_path, {"a": "ä\n"})
    (tmp_path / "latin").write_bytes(b"\xe4")
    (tmp_path / "binary").write_bytes(b"a\0b")
    os.mkfifo(tmp_path / "pipe")
    texts = [read_bounded(tmp_path / name, 3) for name in ("a", "latin", "binary", "pipe", ".", "missing")]
    assert texts == ["ä\n", "ä", None, None, None, None]
    assert read_bounded(tmp_path / "a", 2) is None
