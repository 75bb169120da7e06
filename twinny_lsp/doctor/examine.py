"""The examination: where we are, what is set, what answers, one completion, and what to do next.

Prints nothing and changes nothing. Traffic goes to this machine and to what the settings name; a
completion is only asked of the configured model.
"""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from twinny_lsp import __version__
from twinny_lsp.completion.prompting import Prompts
from twinny_lsp.config.resolve import ANY, Settings
from twinny_lsp.config.resolved import Target
from twinny_lsp.config.sources import shown_path, user_config_path
from twinny_lsp.doctor.advice import advise, listed
from twinny_lsp.doctor.findings import Environment, Findings, Server, SettingsFound, Symmetry, Trial, Use
from twinny_lsp.doctor.survey import KNOWN, SURVEY_S, described, shown, survey
from twinny_lsp.doctor.trial import TRIAL_S, attempt, facts_of
from twinny_lsp.doctor.whereabouts import whereabouts
from twinny_lsp.exchange import ModelFacts
from twinny_lsp.fim.custom import CustomTemplates
from twinny_lsp.providers.base import State
from twinny_lsp.providers.registry import Registry


@dataclass(frozen=True, slots=True)
class Look:
    """How far to look. `known` are (preset, address) pairs tried without a word in the settings; seconds."""

    known: tuple[tuple[str, str], ...] = KNOWN
    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    survey_s: float = SURVEY_S
    trial_s: float = TRIAL_S


async def examine(settings: Settings, look: Look | None = None) -> Findings:
    """Look at everything; takes about a second, at most `survey_s + trial_s` and a little."""
    look = look or Look()
    servers = await survey(settings, look.known, look.survey_s)
    completion, trial = await _completion(settings, servers, look.trial_s)
    findings = Findings(
        environment=replace(_environment(look.variables), symmetry=await _symmetry(settings)),
        settings=_settings(settings),
        servers=servers,
        completion=completion,
        chat=_chat(settings, servers),
        trial=trial,
    )
    return replace(findings, advice=advise(findings))


def _environment(variables: Mapping[str, str]) -> Environment:
    return Environment(
        version=__version__,
        python=platform.python_version(),
        system=platform.system(),
        where=whereabouts(variables),
        embedded=importlib.util.find_spec("xllamacpp") is not None,
    )


async def _symmetry(settings: Settings) -> Symmetry:
    """Only looked for where it is allowed; the network is not touched."""
    endpoint = next((found for found in settings.endpoints.values() if found.preset == "symmetry"), None)
    if endpoint is None:
        return Symmetry()
    registry = Registry()
    try:
        health = await registry.provider(endpoint).health()
    finally:
        await registry.close_all()
    return Symmetry(True, health.server, "" if health.state is State.READY else health.detail)


def _settings(settings: Settings) -> SettingsFound:
    path = user_config_path()
    return SettingsFound(
        path=shown_path(path),
        there=path.is_file(),
        problems=tuple(str(problem) for problem in settings.problems if not problem.hint),
        hints=tuple(str(problem) for problem in settings.problems if problem.hint),
    )


async def _completion(
    settings: Settings, servers: tuple[Server, ...], seconds: float
) -> tuple[Use, Trial | None]:
    base = settings.completion[ANY]
    target = base.target
    if target is None or not base.enabled:
        return Use("completion", off=base.off_reason or "no provider is chosen"), None
    registry = Registry()
    try:
        provider = registry.provider(target.endpoint)
        facts = await facts_of(provider, target.model)
        prompts = Prompts(CustomTemplates(settings.template_directory))
        trial = await attempt(provider, target, prompts, facts, seconds)
    finally:
        await registry.close_all()
    return _use("completion", target, servers, facts), trial


def _chat(settings: Settings, servers: tuple[Server, ...]) -> Use:
    chat = settings.chat()
    if chat.target is None:
        return Use("chat", off=chat.off_reason or "no provider is chosen")
    return _use("chat", chat.target, servers)


def _use(role: str, target: Target, servers: tuple[Server, ...], facts: ModelFacts | None = None) -> Use:
    endpoint = target.endpoint
    address = shown(endpoint.address)
    row = described(facts, endpoint.infill is not None, target.template) if facts is not None else None
    return Use(
        role=role,
        provider=endpoint.name,
        preset=endpoint.preset,
        address=address,
        model=target.model,
        template=row.template if row else "",
        reason=row.reason if row else "",
        there=listed(target.model, next((found for found in servers if found.address == address), None)),
    )
