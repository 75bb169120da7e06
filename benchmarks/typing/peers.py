"""Other people's language servers on the same trace: how they are had, and how they are told of the model.

    python -m benchmarks.typing --peer tabby-agent

Each is installed once, from its registry, below `.cache/peers/` of this checkout (with cargo that takes a
quarter of an hour). It gets an empty home folder, talks to nobody but the simulated model, and keeps its
defaults otherwise.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.startup import ROOT

CACHE = ROOT / ".cache" / "peers"


@dataclass(frozen=True)
class Peer:
    """`install` puts it into a folder; `start` gives, for that folder, the server's home and the model's
    address, its command and initializationOptions."""

    version: str
    install: Callable[[Path], None]
    start: Callable[[Path, Path, str], tuple[list[str], dict[str, Any]]]


def ready(name: str) -> tuple[Peer, Path]:
    """The peer, installed now where it was not yet, and its folder."""
    peer = PEERS[name]
    folder = CACHE / f"{name}-{peer.version}"
    if not folder.exists():
        made = folder.with_suffix(".new")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        peer.install(made)
        made.rename(folder)
    return peer, folder


def _npm(package: str) -> Callable[[Path], None]:
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", package]
    return lambda folder: _run([*command, "--prefix", str(folder)])


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=1800)


TABBY = """\
[server]
endpoint = "{url}"
token = "none"

[anonymousUsageTracking]
disable = true
"""


def _tabby(folder: Path, home: Path, url: str) -> tuple[list[str], dict[str, Any]]:
    config = home / ".tabby-client" / "agent" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(TABBY.format(url=url), encoding="utf-8")
    return ["node", str(folder / "node_modules/tabby-agent/dist/cli.js"), "--lsp", "--stdio"], {}


def _cargo(crate: str, version: str) -> Callable[[Path], None]:
    command = ["cargo", "install", crate, "--version", version, "--locked"]
    return lambda folder: _run([*command, "--root", str(folder)])


def _lsp_ai(folder: Path, home: Path, url: str) -> tuple[list[str], dict[str, Any]]:
    marks = {"start": "<|fim_prefix|>", "middle": "<|fim_suffix|>", "end": "<|fim_middle|>"}
    return [str(folder / "bin" / "lsp-ai")], {
        "memory": {"file_store": {}},
        "models": {"it": {"type": "ollama", "model": "m", "generate_endpoint": f"{url}/api/generate"}},
        "completion": {
            "model": "it",
            "parameters": {"max_context": 2000, "options": {"num_predict": 64}, "fim": marks},
        },
    }


PEERS = {
    "tabby-agent": Peer("1.5.0", _npm("tabby-agent@1.5.0"), _tabby),
    "lsp-ai": Peer("0.7.0", _cargo("lsp-ai", "0.7.0"), _lsp_ai),
}
