"""`twinny-lsp serve`: set up logging, run the language server."""

from __future__ import annotations

import argparse
import logging
import sys

LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def run(options: argparse.Namespace) -> int:
    """Serve until the client ends it; the exit code of the LSP specification (0 after `shutdown`, else 1)."""
    try:
        handler: logging.Handler = (
            logging.FileHandler(options.log_file, encoding="utf-8")
            if options.log_file
            else logging.StreamHandler()
        )
    except OSError as error:
        print(f"--log-file {options.log_file}: {error.strerror}; logging to standard error", file=sys.stderr)
        handler = logging.StreamHandler()
    logging.basicConfig(level=LEVELS[options.log_level or "warning"], format=FORMAT, handlers=[handler])
    from twinny_lsp.lsp.imports import lean_imports

    with lean_imports():
        from twinny_lsp.lsp.features import create_server

        server = create_server(log_level_fixed=options.log_level is not None)
    if not options.tcp and sys.stdin is not None and sys.stdin.isatty():
        print(
            "Waiting for an editor on standard input. `twinny-lsp --help` lists the commands.",
            file=sys.stderr,
        )
    if options.tcp:
        host, _, port = options.tcp.rpartition(":")
        if not port.isdigit():
            print(f"--tcp {options.tcp}: give HOST:PORT, e.g. 127.0.0.1:4389", file=sys.stderr)
            return 2
        return server.run_tcp(host.strip("[]") or "127.0.0.1", int(port))
    return server.run_stdio()
