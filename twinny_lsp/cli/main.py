"""The `twinny-lsp` command: reads the arguments and hands over to one module per subcommand.

Only the standard library is imported here, and each subcommand's module when it runs: `serve` must start
as fast as an empty server.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from twinny_lsp import __version__

COMMANDS = {
    "serve": "run the language server (the default)",
    "try": "show a completion and a chat answer on this machine, through the language server",
    "complete": "complete FILE:LINE:COL as an editor would",
    "chat": "ask the configured chat model",
    "commit-message": "write a commit message for what is staged in git",
    "doctor": "find model servers, check the settings, say what to do next",
    "models": "list the models of a provider",
    "pull": "get a model for the embedded provider, or list good ones",
    "templates": "list FIM templates, or say which one a model gets and why",
    "config": "show, check or locate the settings",
    "symmetry": "install what chat over the Symmetry network needs, or say what is there",
}
LEVELS = ("error", "warning", "info", "debug")


def parser() -> argparse.ArgumentParser:
    """All arguments of all subcommands."""
    top = argparse.ArgumentParser(
        prog="twinny-lsp", description="Code completion and chat from your own models."
    )
    top.add_argument("--version", action="version", version=f"twinny-lsp {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    made = {name: commands.add_parser(name, help=text, description=text) for name, text in COMMANDS.items()}

    serve = made["serve"]
    serve.add_argument(
        "--stdio", action="store_true", help="speak LSP on standard input and output (default)"
    )
    serve.add_argument("--tcp", metavar="HOST:PORT", help="listen for one client instead, for debugging")
    serve.add_argument("--log-file", metavar="FILE", help="write the log there instead of standard error")
    serve.add_argument("--log-level", choices=LEVELS, help="default: warning, or what the settings say")
    # vscode-languageclient adds this to whatever command it is given.
    serve.add_argument("--clientProcessId", type=int, help=argparse.SUPPRESS)

    made["try"].add_argument("--model", metavar="GGUF", help="use this model file instead of the tiny one")
    complete = made["complete"]
    complete.add_argument("where", metavar="FILE:LINE:COL", help="the cursor, counted from 1")
    complete.add_argument("--json", action="store_true", help="print the whole answer as JSON")
    complete.add_argument("--provider", help="use this provider instead of the configured one")
    complete.add_argument("--model", help="use this model instead of the configured one")
    chat = made["chat"]
    chat.add_argument("text", help="what to ask; - reads standard input")
    chat.add_argument("--provider", help="use this provider instead of the configured one")
    chat.add_argument("--model", help="use this model instead of the configured one")
    commit = made["commit-message"]
    commit.add_argument("--style", choices=("auto", "conventional", "plain"), help="default: the settings'")
    commit.add_argument("--prompt", action="store_true", help="print what would be sent, and ask nobody")
    commit.add_argument("--provider", help="use this provider instead of the configured one")
    commit.add_argument("--model", help="use this model instead of the configured one")
    made["doctor"].add_argument("--json", action="store_true", help="print the findings as JSON")
    made["models"].add_argument("provider", nargs="?", help="default: the one used for completion")
    made["models"].add_argument("--json", action="store_true", help="print the list as JSON")
    pull = made["pull"]
    pull.add_argument("model", nargs="?", metavar="NAME|URL", help="a known name, or a GGUF file's address")
    pull.add_argument("--list", action="store_true", help="list known models, and what fits this machine")
    pull.add_argument("--sha256", default="", metavar="HEX", help="the checksum the file must have")
    made["templates"].add_argument("model", nargs="?", help="say which template this model gets, and why")
    config = made["config"]
    config.add_argument("what", choices=("show", "schema", "path", "check"), nargs="?", default="show")
    made["symmetry"].add_argument("what", choices=("status", "install"), nargs="?", default="status")
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; returns the exit code. Without one, `serve`: editors just start the command."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help", "--version")):
        arguments = ["serve", *arguments]
    options = parser().parse_args(arguments)
    module = import_module(f"twinny_lsp.cli.{options.command.replace('-', '_')}_command")
    try:
        code: int = module.run(options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away (`| head`): nothing is left to say
        return 141
    return code
