"""Makes the engine's prompts with what `fim` knows: windows, choice of template, building.

The one place where the engine and `fim` meet. Loaded late: building may compile templates.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from twinny_lsp.completion.seams import Hole, Prompted
from twinny_lsp.completion.text import lead
from twinny_lsp.config.resolved import Target
from twinny_lsp.context.secrets import rest_of_keys
from twinny_lsp.documents.windows import Window, window
from twinny_lsp.errors import SettingsError
from twinny_lsp.exchange import ModelFacts
from twinny_lsp.fim.custom import CustomTemplates
from twinny_lsp.fim.families import Choice, Kind, choose, membership
from twinny_lsp.fim.prompt import FimInput, build
from twinny_lsp.providers.endpoint import Wire
from twinny_lsp.providers.presets import AUTOMATIC, CHAT, PRESETS

REFUSED = "the server cannot fill in the middle by itself with this model"

_SPARE_TOKENS = 16
"""Tokens are estimated here and counted there."""

_SAMPLED_LINES = 200
"""Lines above the cursor that are looked at to see how the document is indented."""


class Prompts:
    """The engine's Prompter. `templates` is the user's folder of templates."""

    def __init__(self, templates: CustomTemplates | None = None) -> None:
        self._templates = templates or CustomTemplates()

    def use_directory(self, directory: Path) -> None:
        """Read the user's templates from another folder from now on."""
        self._templates = CustomTemplates(directory)

    async def prompt(self, target: Target, facts: ModelFacts, hole: Hole, *, native: bool) -> Prompted:
        """See `seams.Prompter`."""
        choice = _choice(target, facts, native=native)
        if hole.suffix_first and choice.family is not None and choice.family.spm:
            choice = replace(choice, suffix_first=True)
        if choice.kind is Kind.NONE:
            raise SettingsError(choice.reason)
        prefix_tokens, suffix_tokens = hole.prefix_tokens, hole.suffix_tokens
        asks_native = choice.kind is Kind.NATIVE
        batch = facts.batch_tokens or hole.batch_tokens
        if asks_native and target.endpoint.infill is not None and batch:
            # llama.cpp's /infill cuts to these shares of a batch by itself, anew with each key, and so loses
            # what it has computed; cut here, the window moves in steps.
            prefix_tokens = min(prefix_tokens, batch * 3 // 4 - _SPARE_TOKENS)
            suffix_tokens = min(suffix_tokens, batch // 4 - _SPARE_TOKENS)
        part = window(
            hole.snapshot, prefix_tokens, suffix_tokens, hole.bytes_per_token, first_row=hole.first_row
        )
        prefix, suffix = _masked(part, hole)
        given = FimInput(
            prefix=prefix + hole.selected,
            suffix=suffix,
            language=hole.snapshot.language,
            path=hole.path,
            repo=hole.repo,
            files=hole.neighbours,
            model=target.model,
            # Only a template of the user's own can ask for it, and looking for it costs more than the rest.
            indent=indent_step(hole.snapshot.lines, hole.snapshot.row) if choice.custom else "",
        )
        native_route = target.endpoint.infill is not None
        built = await build(choice, given, self._templates, native_route=native_route)
        return Prompted(
            prompt=built.prompt,
            stop=built.stop,
            ends=built.ends or built.stop,
            opens=built.opens,
            restore=built.breaker.restore if built.breaker.broken else None,
            native=asks_native,
            chat=choice.kind is Kind.CHAT,
            how=f"{built.family}: {built.reason}",
            first_row=part.first_row,
        )


def _masked(part: Window, hole: Hole) -> tuple[str, str]:
    """Prefix and suffix without secrets: masked as one text, since the cursor may stand in one, and with what
    is outside of the window of a key that it shows a part of.
    """
    if hole.mask is None:
        return part.prefix, part.suffix
    above, below = rest_of_keys(hole.snapshot.lines, part.first_row, part.last_row)
    masked = hole.mask("".join((above, part.prefix, part.suffix, below)))[len(above) :]
    cut = len(part.prefix)
    return masked[:cut], masked[cut : cut + len(part.suffix)]


def _choice(target: Target, facts: ModelFacts, *, native: bool) -> Choice:
    """How to ask; once a server refused to fill in the middle by itself, by a template."""
    model = _meant(target, facts)
    facts = replace(facts, name=model)
    if native:
        return choose(model, target.template, facts, target.endpoint.infill is not None)
    choice = choose(model, target.template, replace(facts, insert=None))
    if choice.kind is not Kind.NATIVE:
        return choice
    route = target.endpoint.completion
    if route is not None and route.wire is Wire.OPENAI_FIM:  # it takes no template of ours
        return replace(choose(model, CHAT), reason=REFUSED)
    choice = choose(model, AUTOMATIC, replace(facts, insert=False))
    return replace(choice, reason=f"{REFUSED}; {choice.reason}")


def _meant(target: Target, facts: ModelFacts) -> str:
    """The model whose template it is: the one that answers, where the server has just one.

    Its name counts if it tells a family, or if nobody named a model: then the preset's usual one is a guess.
    """
    preset = PRESETS.get(target.endpoint.preset)
    guessed = preset is not None and target.model == preset.completion_model
    if facts.serves and (guessed or membership(facts.serves).family is not None):
        return facts.serves
    return target.model


def indent_step(lines: tuple[str, ...], row: int) -> str:
    """One step of the document's indentation near the cursor; "" when none is to be seen."""
    widths: set[int] = set()
    for line in lines[max(0, row - _SAMPLED_LINES) : row]:
        blanks = lead(line)
        if blanks.startswith("\t"):
            return "\t"
        if len(blanks) > 1 and line.strip():
            widths.add(len(blanks))
    return " " * min(widths, default=0)
