"""`twinny-lsp symmetry` without Node.js and without a word in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from twinny_lsp.cli.main import main
from twinny_lsp.providers.presets import SYMMETRY_NOTICE
from twinny_lsp.providers.symmetry import setup as symmetry_setup
from twinny_lsp.providers.symmetry.setup import InstallFailed, Node


def told(capsys: pytest.CaptureFixture[str]) -> str:
    out = capsys.readouterr()
    return " ".join((out.out + out.err).split())


@pytest.fixture
def no_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(symmetry_setup, "_node_of_wheel", lambda: None)


@pytest.mark.usefixtures("no_node")
def test_nothing_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["symmetry", "status"]) == 1
    said = told(capsys)
    assert "Node.js none" in said
    assert "apt-get install nodejs npm" in said
    assert said.count(SYMMETRY_NOTICE) == 1
    assert main(["symmetry", "install"]) == 1
    assert "Symmetry needs Node.js, and there is none" in told(capsys)


@pytest.mark.parametrize("fails", [False, True])
def test_install(fails: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def install(node: Node) -> None:
        if fails:
            raise InstallFailed("npm could not install the modules", "npm error network")

    monkeypatch.setattr(symmetry_setup, "find_node", lambda path: (Node("/n", "20.0.0", "PATH"), ""))
    monkeypatch.setattr(symmetry_setup, "install", install)
    assert main(["symmetry", "install"]) == int(fails)
    said = told(capsys)
    assert str(symmetry_setup.modules_folder()) in said
    assert ("npm error network" in said) is fails
    assert ("Installed. Symmetry is not switched on." in said) is not fails
