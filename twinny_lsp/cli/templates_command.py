"""`twinny-lsp templates [MODEL]`: the model families, or which template a model gets and why."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from twinny_lsp.cli.console import out, read_settings
from twinny_lsp.errors import TwinnyError

if TYPE_CHECKING:
    from twinny_lsp.config.resolved import Target
    from twinny_lsp.exchange import ModelFacts

ASK_S = 5.0


def run(options: argparse.Namespace) -> int:
    """0; with MODEL 1 when no template is known for it."""
    if not options.model:
        out(families())
        return 0
    from twinny_lsp.doctor.survey import template_name
    from twinny_lsp.fim.families import choose
    from twinny_lsp.providers.presets import AUTOMATIC

    target = read_settings().global_settings().completion_for("plaintext").target
    facts, told = asyncio.run(ask(options.model, target)) if target is not None else (None, "")
    native = target is not None and target.endpoint.infill is not None
    configured = target is not None and target.model == options.model
    setting = target.template if target is not None and configured else AUTOMATIC
    choice = choose(options.model, setting, facts, native and facts is not None)
    out(f"model:     {options.model}")
    out(f"template:  {template_name(choice) or 'none'}")
    out(f"why:       {choice.reason}")
    if told:
        out(f"server:    {told}")
    if choice.family is not None and not choice.family.confirmed:
        out(f"note:      the makers of {choice.family.title} do not document this prompt")
    return 0 if template_name(choice) else 1


async def ask(model: str, target: Target) -> tuple[ModelFacts | None, str]:
    """What the configured server says of the model, and that in words; None where it says nothing."""
    from twinny_lsp.providers.registry import Registry

    registry = Registry()
    endpoint = replace(target.endpoint, timeouts=replace(target.endpoint.timeouts, connect=1.0))
    try:
        async with asyncio.timeout(ASK_S):
            facts = await registry.provider(endpoint).facts(model)
    except TimeoutError:
        return None, f"{endpoint.name} does not answer within {ASK_S:g} s"
    except TwinnyError as error:
        return None, str(error)
    finally:
        await registry.close_all()
    said = {None: "does not say whether it can", True: "can", False: "cannot"}[facts.insert]
    context = f"; its context holds {facts.context_tokens} tokens" if facts.context_tokens else ""
    return facts, f"{endpoint.name} {said} fill in the middle by itself with it{context}"


def families() -> str:
    """The table of families."""
    from twinny_lsp.fim.families import table

    rows = [("TEMPLATE", "MODELS", "PROMPT")]
    rows += [
        (family.name, family.title, "documented" if family.confirmed else "not documented by its makers")
        for family in table().families
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{name:{widths[0]}}  {title:{widths[1]}}  {state}" for name, title, state in rows]
    more = (
        "Also: automatic (by the model), native (the server does it), custom-template (your fim.hbs), chat."
    )
    return "\n".join([*lines, "", more])
