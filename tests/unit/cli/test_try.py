"""`twinny-lsp try` where it cannot work: it says why, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from twinny_lsp.cli import try_command
from twinny_lsp.cli.main import main


def test_a_file_that_is_no_model_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "notes.gguf"
    file.write_text("no model")
    assert main(["try", "--model", str(file)]) == 1
    said = capsys.readouterr().out
    assert said.count("no completion: not a GGUF model") == 1
    assert try_command.QUESTION not in said


def test_a_missing_library_is_told_with_what_brings_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(try_command.importlib.util, "find_spec", lambda _: None)
    assert main(["try"]) == 1
    assert "pip install xllamacpp" in capsys.readouterr().err
