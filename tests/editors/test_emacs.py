"""What is shipped for Emacs compiles without a warning, is documented, and costs nothing to have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.conftest import editor_or_skip
from tests.editors.emacs import CONFIG, Program

pytestmark = pytest.mark.editor

FILES = sorted(path.name for path in CONFIG.glob("*.el"))


@pytest.fixture(scope="module")
def program() -> Program:
    return Program(editor_or_skip("emacs"))


def test_the_files_compile_without_a_warning(program: Program, tmp_path: Path) -> None:
    made = f'(lambda (path) (concat "{tmp_path}/" (file-name-nondirectory path) "c"))'
    plain = "(setq native-comp-enable-subr-trampolines nil byte-compile-error-on-warn t)"
    elsewhere = f"(setq byte-compile-dest-file-function {made})"
    files = [name for name in FILES if program.has("lsp-mode") or "lsp-mode" not in name]
    paths = [str(CONFIG / name) for name in files]
    said = program.batch(
        tmp_path, *program.loading, "--eval", plain, "--eval", elsewhere, "-f", "batch-byte-compile", *paths
    )
    assert sorted(path.name for path in tmp_path.glob("*.elc")) == [f"{name}c" for name in files], said


def test_the_documentation_is_in_order(program: Program, tmp_path: Path) -> None:
    checks = [part for name in FILES for part in ("--eval", f'(checkdoc-file "{CONFIG / name}")')]
    assert "Warning" not in program.batch(tmp_path, "-l", "checkdoc", *checks)
    inside = "(with-temp-buffer (emacs-lisp-mode) (insert-file-contents file) (check-parens))"
    program.batch(tmp_path, "--eval", f'(dolist (file (directory-files "{CONFIG}" t "el$")) {inside})')
