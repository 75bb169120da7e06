from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.support.fake_server import FakeServer, bounded, json_reply, ollama_stream
from twinny_lsp.cli.complete_command import (
    Answer,
    Where,
    WrongArgument,
    inserted,
    read_where,
    show,
    split_where,
)
from twinny_lsp.cli.main import main

MODEL = "qwen2.5-coder:1.5b-base"
CODE = "def add(a, b):\n    ret\n"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("main.py:12:5", ("main.py", 12, 5)),
        (r"C:\code\main.py:1:1", (r"C:\code\main.py", 1, 1)),
        ("C:/code/main.py:10:2", ("C:/code/main.py", 10, 2)),
        ("a:b:c.py:3:4", ("a:b:c.py", 3, 4)),
        ("12:5:3:4", ("12:5", 3, 4)),
        ("naïve.py:3:4", ("naïve.py", 3, 4)),
    ],
)
def test_the_last_two_colons_count(given: str, expected: tuple[str, int, int]) -> None:
    assert split_where(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "",
        "main.py",
        "main.py:3",
        r"C:\main.py",
        r"C:\main.py:3",
        "main.py:a:3",
        "main.py:3:",
        ":3:4",
        "f:-1:2",
        "f:1:²",
        "f: 1:2",
        "f:1:99999999999999999999",
    ],
)
def test_what_is_no_place(given: str) -> None:
    with pytest.raises(WrongArgument, match="FILE:LINE:COL"):
        split_where(given)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "with:colon.py"
    path.write_bytes(CODE.encode())
    return path


def test_where_counts_from_one(file: Path) -> None:
    where = read_where(f"{file}:2:8")
    assert (where.path, where.line, where.column) == (file.resolve(), 1, 7)
    assert where.line_text == "    ret"
    assert where.language == "python"
    assert read_where(f"{file}:3:1").line_text == ""


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("4:1", "has 3 lines, so there is no line 4"),
        ("0:1", "no line 0"),
        ("2:9", "has 7 characters, so the cursor can be at column 1 to 8"),
        ("2:0", "column 1 to 8"),
    ],
)
def test_a_place_outside_the_file(
    file: Path, place: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["complete", f"{file}:{place}"]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.out == ""


def test_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    binary = tmp_path / "a.bin"
    binary.write_bytes(b"\xff\xfe\x00")
    assert main(["complete", f"{tmp_path / 'none.py'}:1:1"]) == 2
    assert "none.py: No such file" in capsys.readouterr().err
    assert main(["complete", f"{binary}:1:1"]) == 2
    assert "not UTF-8" in capsys.readouterr().err
    assert main(["complete", f"{tmp_path}:1:1"]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_odd_line_ends_and_wide_characters(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes("\ufeffx = '😀'\r\ny\u2028z\rlast".encode())
    assert read_where(f"{path}:1:8").line_text == "x = '😀'"
    assert read_where(f"{path}:2:4").line_text == "y\u2028z"
    assert read_where(f"{path}:3:5").line_text == "last"
    with pytest.raises(WrongArgument):
        read_where(f"{path}:1:9")


def test_an_unknown_provider_is_a_wrong_argument(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["complete", f"{file}:2:8", "--provider", "nope"]) == 2
    assert "--provider nope: no provider has this name" in capsys.readouterr().err


def test_only_what_is_new_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    where = Where(Path("a.py"), CODE, 1, 7)
    span = {"start": {"line": 1, "character": 4}, "end": {"line": 1, "character": 7}}
    assert inserted(where, {"insertText": "return a", "range": span}) == "urn a"
    assert inserted(where, {"insertText": "urn a"}) == "urn a"
    why = {"text": "it is off", "steps": [], "problems": []}
    assert show(where, Answer([], why, 1.0, 2.0), as_json=False) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "it is off" in said.err


async def run(*arguments: str, env: dict[str, str]) -> tuple[int, str, str]:
    """The command as people start it."""
    import os

    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "twinny_lsp", *arguments), stdout=pipe, stderr=pipe, env={**os.environ, **env}
    )
    out, err = await bounded(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_whole_way(file: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    async with FakeServer() as server:
        server.on("POST", "/api/show", json_reply({"template": "{{ .Prompt }}"}))
        server.on("GET", "/api/ps", json_reply({"models": []}))
        server.on("POST", "/api/generate", ollama_stream(["urn a", " + b"]))
        row = "[completion.languages.python]\nmodel = 'other:1b'\n"
        config.write_text(f"[providers.ollama]\nbase_url = '{server.url}'\n{row}")
        env = {"TWINNY_LSP_CONFIG": str(config)}
        plain = await run("complete", f"{file}:2:8", "--model", MODEL, env=env)
        code, out, err = await run("complete", f"{file}:2:8", "--model", MODEL, "--json", env=env)
        asked = [request.json for request in server.requests if request.path == "/api/generate"]
        server.on("POST", "/api/generate", json_reply({"error": f"model '{MODEL}' not found"}, 404))
        failed = await run("complete", f"{file}:2:8", "--model", MODEL, env=env)
    assert plain == (0, "urn a + b\n", "")
    assert (code, err) == (0, "")
    value = json.loads(out)
    assert value["completion"] == "urn a + b"
    assert value["candidates"][0]["insertText"] == "return a + b"
    assert value["candidates"][0]["range"]["start"] == {"line": 1, "character": 4}
    assert value["timings"]["answerMs"] > 0
    assert any(MODEL in step for step in value["why"]["steps"])
    assert [request["model"] for request in asked] == [MODEL, MODEL]
    assert "    ret" in asked[0]["prompt"]
    assert failed[:2] == (1, "")
    assert f"`ollama pull {MODEL}`" in failed[2]
