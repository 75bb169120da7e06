"""The published provider, npm's symmetry-core, on the network of the tests: installed, started, stopped.

Some 440 packages, which no test needs: `python -m benchmarks.symmetry published` installs and runs it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.symmetry.network import CACHE, Running, node

HERE = Path(__file__).parent
FOLDER = CACHE / "published"
PROGRAM = FOLDER / "node_modules" / "symmetry-core" / "dist" / "symmetry.js"


def installed() -> Path:
    """The program, installed from npm's registry when it is not there yet. Takes a minute then."""
    if not PROGRAM.is_file():
        FOLDER.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "package.json", FOLDER)
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=FOLDER, check=True, stdout=sys.stderr)
    return PROGRAM


@contextmanager
def provider(network: Running, upstream_port: int, model: str, home: Path) -> Iterator[subprocess.Popen[str]]:
    """Run it over an OpenAI-compatible server on this machine; it may take seconds until it is listed."""
    settings = {
        "apiHostname": "127.0.0.1",
        "apiPort": upstream_port,
        "apiProtocol": "http",
        "apiBasePath": "/v1",
        "apiKey": "upstream-key",
        "modelName": model,
        "name": "published",
        "serverKey": network.server_key,
        "systemMessage": "",
        "userSecret": "for this run only",
        "maxConnections": 10,
    }
    config = home / "provider.yaml"
    config.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "NODE_OPTIONS": f"--require={HERE / 'loopback.cjs'}",
        "SYMMETRY_BOOTSTRAP": network.bootstrap[0],
    }
    with (home / "provider.log").open("w") as log:
        process = subprocess.Popen(
            [node().path, str(installed()), "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
            env=environment,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
