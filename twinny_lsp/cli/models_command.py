"""`twinny-lsp models [PROVIDER]`: what a server has, and which FIM template each model would get."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from twinny_lsp.cli.console import complain, out, out_json, read_settings
from twinny_lsp.errors import TwinnyError

if TYPE_CHECKING:
    from twinny_lsp.doctor.findings import Model
    from twinny_lsp.providers.endpoint import Endpoint


def run(options: argparse.Namespace) -> int:
    """0 with a list, 1 when the server gives none (why is on stderr), 2 for an unknown provider."""
    settings = read_settings().global_settings()
    if options.provider:
        endpoint = settings.endpoint(options.provider)
        if endpoint is None:
            complain(f"{options.provider}: {settings.why_no_endpoint(options.provider)}")
            return 2
    else:
        completion = settings.completion_for("plaintext")
        if completion.target is None:
            complain(f"No provider is set up for completion: {completion.off_reason}")
            return 1
        endpoint = completion.target.endpoint
    try:
        models = asyncio.run(ask(endpoint))
    except TwinnyError as error:
        complain(str(error))
        return 1
    if options.json:
        out_json({"provider": endpoint.name, "models": [as_json(model) for model in models]})
    elif models:
        out(table(models))
    if not models:
        complain(f"{endpoint.name} answers, but has no model.")
        return 1
    return 0


async def ask(endpoint: Endpoint) -> list[Model]:
    """The models of a server. Raises ProviderError."""
    from twinny_lsp.doctor.survey import rows_of
    from twinny_lsp.providers.registry import Registry

    registry = Registry()
    try:
        provider = registry.provider(endpoint)
        return await rows_of(provider, endpoint, await provider.models())
    finally:
        await registry.close_all()


def as_json(model: Model) -> dict[str, object]:
    """One model for programs; null is "the server did not say"."""
    return {
        "name": model.name,
        "loaded": model.loaded,
        "contextTokens": model.context_tokens,
        "template": model.template or None,
        "reason": model.reason,
    }


def table(models: list[Model]) -> str:
    """Columns as wide as they must be."""
    rows = [("MODEL", "LOADED", "CONTEXT", "TEMPLATE")]
    for model in models:
        loaded = {None: "?", True: "yes", False: "no"}[model.loaded]
        rows.append((model.name, loaded, str(model.context_tokens or "?"), model.template or "none"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]))
        for row in rows
    )
