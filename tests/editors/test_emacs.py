"""Emacs with the shipped Eglot file, in batch: the files are sound, and an item lands in the file on disk."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.editors.conftest import editor_or_skip
from tests.editors.lsp_tee import Traffic, until
from tests.editors.model import Model
from tools.fetch_editors import Editor

pytestmark = pytest.mark.editor

CONFIG = Path(__file__).parent.parent.parent / "editor-configs" / "emacs"
DRIVE = Path(__file__).parent / "drive_eglot.el"
HEAD, TAIL = "def total(a, b):\n", "\n\n# the end\n"
BODY = "rn compute(\n        a,\n        b,\n    )"


class Emacs:
    """Starts the editor; where it was unpacked, it has to be told where its own files are."""

    def __init__(self, editor: Editor) -> None:
        self.command, self.env = [str(editor.binary)], {}
        root = editor.binary.parents[1]
        dumps = sorted(root.glob("libexec/emacs/*/*/emacs-*.pdmp"))
        if dumps:
            version = dumps[0].parents[1].name
            self.command.append(f"--dump-file={dumps[0]}")
            self.env["EMACSLOADPATH"] = str(root / "share" / "emacs" / version / "lisp")
            self.env["EMACSDATA"] = str(root / "share" / "emacs" / version / "etc")
            self.env["EMACSPATH"] = str(dumps[0].parent)

    def batch(self, folder: Path, *arguments: str, **env: str) -> str:
        """Run without a screen; what it printed. It must end well."""
        done = subprocess.run(
            [*self.command, "-Q", "--batch", *arguments],
            env={**os.environ, **self.env, "LC_ALL": "C.UTF-8", **env},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def emacs() -> Emacs:
    return Emacs(editor_or_skip("emacs"))


def test_the_eglot_file_compiles_without_a_warning(emacs: Emacs, tmp_path: Path) -> None:
    source = CONFIG / "twinny-lsp-eglot.el"
    elsewhere = f'(setq byte-compile-dest-file-function (lambda (_) "{tmp_path / "out.elc"}"))'
    strict = "(setq byte-compile-error-on-warn t)"
    emacs.batch(tmp_path, "--eval", elsewhere, "--eval", strict, "-f", "batch-byte-compile", str(source))
    assert (tmp_path / "out.elc").exists()


@pytest.mark.parametrize("name", ["twinny-lsp-eglot.el", "twinny-lsp-lsp-mode.el"])
def test_the_documentation_is_in_order(emacs: Emacs, tmp_path: Path, name: str) -> None:
    """Also that the file can be read to its end: lsp-mode itself is not part of Emacs."""
    check = f'(checkdoc-file "{CONFIG / name}")'
    assert "Warning" not in emacs.batch(tmp_path, "-l", "checkdoc", "--eval", check)
    read = f'(with-temp-buffer (emacs-lisp-mode) (insert-file-contents "{CONFIG / name}") (check-parens))'
    emacs.batch(tmp_path, "--eval", read)


@pytest.mark.parametrize("left", ["", "x = '😀é'; "])
def test_an_item_of_several_lines_through_eglot(
    emacs: Emacs, tmp_path: Path, project: Path, traffic: Traffic, model: Model, left: str
) -> None:
    want = model.knows(HEAD + f"    {left}ret", "u" + BODY, TAIL)
    path = project / "a.py"
    path.write_text(HEAD + f"    {left}ret" + TAIL, encoding="utf-8")
    settings = {
        "providers": {"ollama": {"baseUrl": model.url}},
        "completion": {"debounce": 0, "speculate": False, "multiline": "always"},
    }
    said = emacs.batch(
        project, "-L", str(CONFIG), "-l", str(DRIVE), SETTINGS=json.dumps(settings), FILE=str(path), ROW="2"
    )
    assert path.read_text(encoding="utf-8") == want, said
    opened = traffic.said("editor", "textDocument/didOpen")[0].message["params"]["textDocument"]
    assert opened["languageId"] == "python"
    until(traffic.server_is_gone, "the server has ended")
    assert not traffic.badly_answered()
