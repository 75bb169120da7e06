"""Type whole lines of real files again beside a model that knows them, and print what a person would see.

    python -m benchmarks.typing                      the engine in this process, in virtual time (seconds)
    python -m benchmarks.typing --stdio              the whole server over stdio, in real time (minutes)
    python -m benchmarks.typing --neovim             the whole server in a real Neovim, in real time
    python -m benchmarks.typing --peer NAME          another language server, likewise: see peers.py
    python -m benchmarks.typing --server 'COMMAND'   any language server, likewise

`--never`: the model does not stop at the hole's end. What the figures mean is told in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shlex
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.startup import environment
from benchmarks.typing.figures import Figures, Run
from benchmarks.typing.inside import InsideClient
from benchmarks.typing.knower import Counted, Knower, Speed
from benchmarks.typing.outside import editor_on, model_server
from benchmarks.typing.peers import PEERS, ready
from benchmarks.typing.report import causes, table
from benchmarks.typing.trace import MOST_ROWS, Hole, files, holes
from benchmarks.typing.typist import Client, Score, type_hole
from benchmarks.typing.virtual import run as run_virtually

MODEL = "qwen2.5-coder:7b"
SERVE = [sys.executable, "-m", "twinny_lsp", "serve", "--stdio"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the trace; 1 when a promise is missed."""
    args = _arguments().parse_args(argv)
    whole = args.neovim or args.stdio or args.server or args.peer
    if whole and args.crlf:
        raise SystemExit("--crlf is for the engine alone")
    chance = random.Random(args.seed)
    cut = chosen(args, chance)
    score = Score()
    if whole:
        counted = asyncio.run(outside(args, cut, chance, score))
    else:
        counted = run_virtually(inside(args, cut, chance, score))
    figures = Figures.of(score, counted)
    if args.save:
        how = shlex.join(sys.argv[1:] if argv is None else argv)
        load = round(os.getloadavg()[0], 2)
        run = Run(args.name, how, not (args.peer or args.server), load, figures)
        args.save.write_text(json.dumps(run.as_json()) + "\n", encoding="utf-8")
    if args.json:
        print(json.dumps(figures.as_json()))
    else:
        print(table(figures, never=args.never))
    for line in causes(score.missed, args.causes):
        print(line)
    return 0 if figures.held(never=args.never) else 1


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.typing", description=__doc__)
    parser.add_argument("--folder", action="append", type=Path, help="where the files are from; repeatable")
    parser.add_argument("--files", type=int, default=24)
    parser.add_argument("--holes", type=int, default=4, help="of each file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--never", action="store_true", help="the model never stops")
    parser.add_argument("--ahead", action="store_true", help="the editor also asks when the cursor comes")
    parser.add_argument("--flat", action="store_true", help="the indentation is typed, too")
    parser.add_argument("--one-line", action="store_true", help="holes of one line only")
    parser.add_argument("--crlf", action="store_true", help="the files' lines end in \\r\\n")
    parser.add_argument("--speed", type=float, nargs=3, default=[60, 0.3, 12], metavar="MS")
    parser.add_argument("--stdio", action="store_true", help="the whole server, in real time")
    parser.add_argument("--neovim", action="store_true", help="a real Neovim, in real time")
    parser.add_argument("--peer", choices=sorted(PEERS), help="another server, fetched where it must be")
    parser.add_argument("--server", help="another server's command; {url} is the model's address")
    parser.add_argument("--options", default="{}", help="its initializationOptions as JSON; {url} likewise")
    parser.add_argument("--wire", default="ollama", choices=["ollama", "llamacpp", "infill", "openai"])
    parser.add_argument("--model", default=MODEL, help="its name decides the template, where one is used")
    parser.add_argument("--causes", type=int, default=0, help="tell so many causes of keys without a text")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--save", type=Path, help="a file for benchmarks.typing.report")
    parser.add_argument("--name", default="twinny-lsp", help="of this configuration, in such a file")
    return parser


def chosen(args: argparse.Namespace, chance: random.Random) -> list[Hole]:
    """The holes, file by file."""
    folders = args.folder or [Path(sysconfig.get_path("stdlib"))]
    cut: list[Hole] = []
    for number, path in enumerate(files(folders, args.files, chance)):
        rows = 1 if args.one_line else MOST_ROWS
        made = holes(path, args.holes, chance, indented=not args.flat, rows=rows)
        cut += [replace(hole, name=f"{number}/{hole.name}") for hole in made]
    if not cut:
        raise SystemExit("no files of 300 lines and more are there: name a folder with --folder")
    return cut


def knower_of(args: argparse.Namespace, cut: list[Hole]) -> Knower:
    """The model that knows these files."""
    eol = "\r\n" if args.crlf else "\n"
    texts = [file.replace("\n", eol) for file in dict.fromkeys(hole.file for hole in cut)]
    return Knower(texts, Speed(*args.speed), stops=not args.never)


async def type_all(
    client: Client, args: argparse.Namespace, cut: list[Hole], chance: random.Random, score: Score
) -> None:
    """Every hole, one after another."""
    for hole in cut:
        await type_hole(client, hole, chance, score, ahead=args.ahead)


async def inside(
    args: argparse.Namespace, cut: list[Hole], chance: random.Random, score: Score
) -> list[Counted]:
    """The engine alone, in virtual time."""
    client = InsideClient(knower_of(args, cut), args.model, eol="\r\n" if args.crlf else "\n")
    await type_all(client, args, cut, chance, score)
    await client.engine.close()
    if client.failures:
        raise SystemExit(f"the engine failed: {client.failures[0]}")
    return client.provider.counted


async def outside(
    args: argparse.Namespace, cut: list[Hole], chance: random.Random, score: Score
) -> list[Counted]:
    """A whole server, in real time."""
    async with model_server(knower_of(args, cut)) as model:
        with tempfile.TemporaryDirectory() as home:
            if args.neovim:
                from benchmarks.typing.neovim import type_all as type_all_in_neovim

                settings = our_options(args.wire, model.url, args.model)
                await asyncio.to_thread(type_all_in_neovim, settings, cut, chance, score)
            else:
                command, options = command_of(args, Path(home), model.url)
                async with editor_on(command, options, environment(home)) as editor:
                    await type_all(editor, args, cut, chance, score)
                if editor.errors:
                    print(f"{len(editor.errors)} requests answered with an error: {editor.errors[0]}")
        return await model.counts()


def command_of(args: argparse.Namespace, home: Path, url: str) -> tuple[list[str], dict[str, Any]]:
    """The server's command and its initializationOptions, with the model at that address."""
    if args.peer:
        peer, folder = ready(args.peer)
        return peer.start(folder, home, url)
    if args.server:
        options: dict[str, Any] = json.loads(args.options.replace("{url}", url))
        return shlex.split(args.server.replace("{url}", url)), options
    return SERVE, our_options(args.wire, url, args.model)


def our_options(wire: str, url: str, model: str = MODEL) -> dict[str, Any]:
    """Settings for our own server: defaults, but for the model and its address."""
    preset = {"ollama": "ollama", "openai": "openai-compatible"}.get(wire, "llamacpp")
    completion: dict[str, Any] = {
        "provider": preset,
        "model": model,
        "fimTemplate": "native" if wire == "infill" else "automatic",
    }
    return {"providers": {preset: {"baseUrl": url}}, "completion": completion}


if __name__ == "__main__":
    sys.exit(main())
