"""`twinny-lsp doctor`: print what the examination found and what to do next."""

from __future__ import annotations

import argparse
import asyncio

from twinny_lsp.cli.console import out, out_json, read_settings


def run(options: argparse.Namespace) -> int:
    """0 when a completion came, else 1."""
    from twinny_lsp.doctor.examine import examine
    from twinny_lsp.doctor.report import as_json, as_text

    findings = asyncio.run(examine(read_settings().global_settings()))
    if options.json:
        out_json(as_json(findings))
    else:
        out(as_text(findings), end="")
    return 0 if findings.works else 1
