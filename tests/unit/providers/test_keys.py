"""Keys from every place, and that nothing of them is ever said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from twinny_lsp.errors import SettingsError
from twinny_lsp.providers.endpoint import KeySource
from twinny_lsp.providers.keys import resolve

KEY = "sk-secret-1234"


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


async def test_no_source_is_no_key() -> None:
    assert await resolve(KeySource()) == ""


async def test_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", f" {KEY}\n")
    file = tmp_path / "key"
    file.write_bytes(b"\xef\xbb\xbf" + KEY.encode() + b"\r\nsecond line\n")
    assert await resolve(KeySource(value=KEY)) == KEY
    assert await resolve(KeySource(env="TEST_KEY")) == KEY
    assert await resolve(KeySource(file=str(file))) == KEY
    assert await resolve(KeySource(command=python(f"print('{KEY}'); print('more')"))) == KEY


async def test_a_file_in_the_home_folder(isolated_home: Path) -> None:
    (isolated_home / "key").write_text(KEY, encoding="utf-8")
    assert await resolve(KeySource(file="~/key")) == KEY


async def test_the_first_source_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "other")
    assert await resolve(KeySource(value=KEY, env="TEST_KEY", file="/nowhere", command=("false",))) == KEY
    assert await resolve(KeySource(env="TEST_KEY", file="/nowhere", command=("false",))) == "other"


async def test_a_command_runs_without_a_shell(tmp_path: Path) -> None:
    target = tmp_path / "made"
    code = "import sys; print('-'.join(sys.argv[1:]))"
    key = await resolve(KeySource(command=(*python(code), ";touch", str(target), "$HOME")))
    assert key == f";touch-{target}-$HOME"
    assert not target.exists()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (KeySource(env="NOT_THERE"), "apiKeyEnv: the environment variable NOT_THERE is not set"),
        (KeySource(file="/nowhere/key"), "apiKeyFile: /nowhere/key cannot be read"),
        (KeySource(command=("/nowhere/program",)), "could not be started"),
        (KeySource(command=python(f"print('{KEY}'); raise SystemExit(3)")), "ended with status 3"),
        (KeySource(command=python("import sys; print('sk-secret', file=sys.stderr)")), "printed nothing"),
        (KeySource(command=python("import time; time.sleep(60)")), "gave no key within 0.5 s"),
        (KeySource(command=python("input()")), "ended with status 1"),
        (KeySource(value=f"{KEY}\nX-Other: 1"), "no API key has"),
        (KeySource(value=f"{KEY}é"), "no API key has"),
    ],
)
async def test_failures_say_where_and_never_what(source: KeySource, said: str) -> None:
    seconds = 0.5 if "sleep" in "".join(source.command) else 20.0
    with pytest.raises(SettingsError) as caught:
        await resolve(source, command_seconds=seconds)
    assert said in str(caught.value)
    assert "sk-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\nsecond", encoding="utf-8")
    with pytest.raises(SettingsError, match="first line"):
        await resolve(KeySource(file=str(tmp_path / "key")))


def test_a_source_shows_neither_value_nor_command() -> None:
    assert "sk-" not in repr(KeySource(value=KEY, command=("pass", KEY)))
