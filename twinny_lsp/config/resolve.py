"""From merged sources to the settings the rest of the program reads (resolved.py).

The one place that chooses providers, models and templates. Nothing in here raises for a bad setting: it is
reported, and completion or chat is off with a reason where nothing usable is left.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from twinny_lsp.config import schema
from twinny_lsp.config.cleaning import Layer
from twinny_lsp.config.endpoints import asks_native, has_short_form, named_endpoint, unnamed_endpoint
from twinny_lsp.config.merge import Merged, merge
from twinny_lsp.config.problems import Problem, listed, near_or_known
from twinny_lsp.config.resolved import (
    ChatSettings,
    CompletionSettings,
    ContextSettings,
    Multiline,
    PrivacySettings,
    Surface,
    Target,
)
from twinny_lsp.config.restrict import NONE, Restrictions
from twinny_lsp.config.shown import shown
from twinny_lsp.config.spelling import dotted, snake
from twinny_lsp.errors import SettingsError
from twinny_lsp.languages import canonical
from twinny_lsp.providers.endpoint import Endpoint, Wire
from twinny_lsp.providers.presets import AUTOMATIC, CHAT, DEFAULT, NATIVE, PRESETS, SPECIAL_TEMPLATES, Preset

ANY = "*"
_CHAT_WIRES = frozenset({Wire.OPENAI_CHAT, Wire.OLLAMA_CHAT})
OFF = "completion is switched off in the settings (`completion.enabled`)"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, resolved. Immutable; equal settings are equal objects, but for `problems`."""

    completion: Mapping[str, CompletionSettings]
    """By language id as it was written; `*` for all others."""
    chat_settings: ChatSettings
    context_settings: ContextSettings
    privacy_settings: PrivacySettings
    endpoints: Mapping[str, Endpoint]
    """Every provider that has an address, the unnamed ones of the short form too."""
    unusable: Mapping[str, str]
    """Every other provider, and why, as a sentence."""
    names: tuple[str, ...]
    log_level: str
    template_directory: Path
    problems: tuple[Problem, ...] = ()
    restrictions: Restrictions = NONE
    merged: schema.Settings | None = field(default=None, repr=False)
    """The merged settings in the form people write; secrets in it are wrapped."""

    def completion_for(self, language_id: str) -> CompletionSettings:
        """What holds for completion in a language: its own entry, that of another name of it, or `*`."""
        found = self.completion.get(language_id)
        if found is None:
            same = canonical(language_id)
            found = next(
                (value for name, value in self.completion.items() if name != ANY and canonical(name) == same),
                self.completion[ANY],
            )
        return self.restrictions.applied(found, language_id)

    def chat(self) -> ChatSettings:
        """What holds for chat."""
        return self.restrictions.chat(self.chat_settings)

    def context(self) -> ContextSettings:
        """What a model may see besides the document."""
        return self.restrictions.context(self.context_settings)

    def privacy(self) -> PrivacySettings:
        """What a model may not see."""
        return self.restrictions.privacy(self.privacy_settings)

    def providers(self) -> tuple[str, ...]:
        """The names that `provider` may have, presets first."""
        return self.names

    def endpoint(self, name: str) -> Endpoint | None:
        """The endpoint of a provider; None where there is none, see `why_no_endpoint`."""
        return self.endpoints.get(name)

    def why_no_endpoint(self, name: str) -> str:
        """Why a provider has no endpoint, in words; "" if it has one."""
        if name in self.endpoints:
            return ""
        return self.unusable.get(name) or _no_such(name, self.names)

    def restricted(self, restrictions: Restrictions) -> Settings:
        """The same settings, narrowed by a project's file."""
        more = restrictions.too_wide(self.completion[ANY], self.context_settings)
        problems = (*self.problems, *restrictions.problems, *more)
        return replace(self, restrictions=restrictions, problems=tuple(dict.fromkeys(problems)))

    def as_json(self) -> dict[str, Any]:
        """All settings with their defaults, in camelCase, as plain JSON; no secret is in it."""
        return shown(self.merged) if self.merged is not None else {}


def load(layers: Iterable[Layer], *, templates: Collection[str] = ()) -> Settings:
    """Resolve cleaned sources, weakest first. `templates` are the names of the known model families.

    Without `templates`, no name of a template is questioned.
    """
    layers = tuple(layers)
    problems = [problem for layer in layers for problem in layer.problems]
    merged = merge(layers)
    work = _Work(merged, schema.Settings.model_validate(merged.values), frozenset(templates), problems)
    work.build_endpoints()
    completion, chat, privacy = work.completion(), work.chat(), work.privacy()
    settings = work.settings
    return Settings(
        completion=MappingProxyType(completion),
        chat_settings=chat,
        context_settings=ContextSettings(**settings.context.model_dump()),
        privacy_settings=privacy,
        endpoints=MappingProxyType(work.endpoints),
        unusable=MappingProxyType(work.unusable),
        names=tuple(dict.fromkeys([*PRESETS, *settings.providers])),
        log_level=settings.log.level,
        template_directory=Path(os.path.expanduser(settings.templates.directory)),
        problems=tuple(dict.fromkeys(problems)),
        merged=settings,
    )


def _no_such(name: str, known: Collection[str]) -> str:
    return f"no provider has this name{near_or_known(name, known)}"


@dataclass(frozen=True, slots=True)
class _Choice:
    """What one part of the settings chooses, where it says so, and what comes of it."""

    path: tuple[str, ...]
    provider: str
    model: str
    template: str
    target: Target | None = None
    off: str = ""


class _Work:
    """One resolving under way."""

    def __init__(
        self, merged: Merged, settings: schema.Settings, templates: frozenset[str], problems: list[Problem]
    ) -> None:
        self.settings = settings
        self.endpoints: dict[str, Endpoint] = {}
        self.unusable: dict[str, str] = {}
        self._merged, self._templates, self._problems = merged, templates, problems

    def build_endpoints(self) -> None:
        for name in dict.fromkeys([*PRESETS, *self.settings.providers]):
            preset = self._preset(name)
            if preset is None:
                continue
            report = self._reporter("providers", name)
            try:
                self.endpoints[name] = named_endpoint(name, preset, self._provider(name), report)
            except SettingsError as error:
                self.unusable[name] = str(error)

    def completion(self) -> dict[str, CompletionSettings]:
        """By language id; `*` is always there."""
        section = self.settings.completion
        template = self._template(("completion",), section.fim_template)
        if not template and asks_native(section):
            template = NATIVE
        choice = _Choice(("completion",), section.provider or DEFAULT, section.model, template)
        endpoint, unfit = self._endpoint(section, "completion", choice)
        choice = self._resolved(choice, "completion", endpoint, unfit)
        base = self._base(section, choice)
        languages = dict(section.languages)
        if ANY in languages:
            own = languages.pop(ANY)
            choice = self._with_language(choice, ANY, own, endpoint)
            base = _in_language(base, choice, own, section.enabled)
        result = {ANY: base}
        for name, own in languages.items():
            result[name] = _in_language(
                base, self._with_language(choice, name, own, endpoint), own, section.enabled
            )
        return result

    def chat(self) -> ChatSettings:
        """What holds for chat."""
        section = self.settings.chat
        choice = _Choice(("chat",), section.provider or DEFAULT, section.model, "")
        choice = self._resolved(choice, "chat", *self._endpoint(section, "chat", choice))
        name, model = section.embeddings.provider or DEFAULT, section.embeddings.model
        embeddings = _Choice(("chat", "embeddings"), name, model, "")
        if model or name != DEFAULT:
            embeddings = self._resolved(embeddings, "embeddings", self.endpoints.get(name))
        return ChatSettings(
            target=choice.target,
            system=section.system_message,
            temperature=section.temperature,
            max_tokens=section.max_tokens,
            off_reason=choice.off,
            commit_style=section.commit_style,
            commit_tokens=section.commit_tokens,
            embeddings=embeddings.target,
            embeddings_off=embeddings.off,
        )

    def privacy(self) -> PrivacySettings:
        """What no model may see. A pattern that is none is told: who wrote it relies on it."""
        from twinny_lsp.patterns import is_pattern

        section = self.settings.privacy
        for key, patterns in (("deny", section.deny), ("allow", section.allow)):
            for at, pattern in enumerate(patterns, 1):
                if not is_pattern(pattern):
                    self._report(("privacy", key), f"entry {at} is no pattern of .gitignore; the others hold")
        names = tuple(section.ignore_files)
        return PrivacySettings(tuple(section.deny), tuple(section.allow), names, section.mask_secrets)

    def _base(self, section: schema.CompletionSection, choice: _Choice) -> CompletionSettings:
        return CompletionSettings(
            enabled=section.enabled and choice.target is not None,
            target=choice.target,
            off_reason=choice.off if section.enabled else OFF,
            fallback=self._fallback(),
            surface=Surface(section.surface),
            menu_position=section.menu_position,
            multiline=Multiline(section.multiline),
            debounce_ms=None if section.debounce == "auto" else section.debounce,
            temperature=section.temperature,
            max_tokens=section.max_tokens,
            context_tokens=section.context_tokens,
            suffix_tokens=min(section.suffix_tokens, section.context_tokens),
            candidates=section.candidates,
            cache=section.cache,
            speculate=section.speculate,
            suffix_first=section.suffix_first,
            max_file_bytes=section.max_file_bytes,
            automatic=section.automatic,
        )

    def _with_language(
        self, above: _Choice, name: str, own: schema.LanguageSettings, section_endpoint: Endpoint | None
    ) -> _Choice:
        """The choice of a language: what it says itself, else what is said above it and still fits."""
        if not (own.provider or own.model or own.fim_template):
            return above
        path = ("completion", "languages", name)
        provider = own.provider or above.provider
        same = provider == above.provider
        model = own.model or (above.model if same else "")
        keeps = (same and model == above.model) or above.template in SPECIAL_TEMPLATES
        template = self._template(path, own.fim_template) or (above.template if keeps else "")
        choice = _Choice(path, provider, model, template)
        named = provider != (self.settings.completion.provider or DEFAULT)
        endpoint = self.endpoints.get(provider) if named else section_endpoint
        return self._resolved(choice, "completion", endpoint)

    def _endpoint(self, section: schema.Addressed, role: str, choice: _Choice) -> tuple[Endpoint | None, str]:
        """The named endpoint of a section, or the short form laid over it; and why there is none."""
        preset = self._preset(choice.provider, silent=True)
        if preset is None or not has_short_form(section):
            return self.endpoints.get(choice.provider), ""
        section = section.model_copy(update={"provider": choice.provider})
        provider = self._provider(choice.provider)
        try:
            endpoint = unnamed_endpoint(preset, provider, section, role, self._reporter(role))
        except SettingsError as error:
            return None, str(error)
        self.endpoints[endpoint.name] = endpoint
        return endpoint, ""

    def _resolved(self, choice: _Choice, role: str, endpoint: Endpoint | None, unfit: str = "") -> _Choice:
        """The choice with its target, or with the reason in words why there is none.

        `unfit` says what is wrong with the endpoint, where that is not the named provider's fault.
        """
        preset = self._preset(choice.provider, silent=True)
        if preset is None:
            reason = self.unusable.get(choice.provider) or _no_such(choice.provider, self._known())
            return self._off(choice, "provider", reason)
        if endpoint is None or getattr(endpoint, role) is None:
            reason = preset.why_never(role) or unfit or self.unusable.get(choice.provider, "")
            return self._off(choice, "provider", reason)
        model = choice.model or _usual_model(preset, endpoint, role)
        if not model:
            return self._off(choice, "model", f"no model is chosen, and {preset.title} has no usual one")
        template = _template_at(choice, preset, endpoint, model) if role == "completion" else ""
        return replace(choice, target=Target(endpoint, model, template or AUTOMATIC))

    def _off(self, choice: _Choice, key: str, reason: str) -> _Choice:
        path = choice.path if choice.path[-1] == "fallback" else (*choice.path, key)
        self._report(path, reason)
        return replace(choice, off=f"`{dotted(path)}`: {reason}")

    def _fallback(self) -> tuple[Target, ...]:
        path, targets = ("completion", "fallback"), []
        for entry in self.settings.completion.fallback:
            said = schema.ModelChoice(provider=entry) if isinstance(entry, str) else entry
            name = said.provider or DEFAULT
            choice = _Choice(path, name, said.model, self._template(path, said.fim_template))
            target = self._resolved(choice, "completion", self.endpoints.get(name)).target
            if target is not None:
                targets.append(target)
        return tuple(targets)

    def _template(self, path: tuple[str, ...], said: str) -> str:
        name = said.strip().lower()
        known = SPECIAL_TEMPLATES | self._templates
        if not name or not self._templates or name in known:
            return name
        message = f"no template has this name, the automatic one is used{near_or_known(name, sorted(known))}"
        self._report((*path, "fim_template"), message)
        return AUTOMATIC

    def _preset(self, name: str, *, silent: bool = False) -> Preset | None:
        """The preset a provider is built on; None for an unknown provider or type."""
        if name not in PRESETS and name not in self.settings.providers:
            return None
        written = self._provider(name).type.strip()
        kind = written.lower() or (name if name in PRESETS else "openai-compatible")
        if kind not in PRESETS and not silent:
            self._report(("providers", name, "type"), f"no such type{near_or_known(kind, PRESETS)}")
            self.unusable[name] = f"the type of provider `{name}` is unknown; known: {listed(PRESETS)}"
        return PRESETS.get(kind)

    def _known(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*PRESETS, *self.settings.providers]))

    def _provider(self, name: str) -> schema.ProviderSettings:
        return self.settings.providers.get(name) or schema.ProviderSettings()

    def _reporter(self, *path: str) -> Callable[[str, str], None]:
        def report(key: str, message: str) -> None:
            self._report((*path, key), message)

        return report

    def _report(self, path: tuple[str, ...], message: str) -> None:
        origin = self._merged.origin(*path[:-1], snake(path[-1]))
        problem = Problem(origin, dotted(path), message)
        if problem not in self._problems:
            self._problems.append(problem)


def _in_language(
    base: CompletionSettings, choice: _Choice, own: schema.LanguageSettings, enabled: bool
) -> CompletionSettings:
    """The settings of one language. What `*` switches off, a language's own entry switches on again."""
    off = choice.off if enabled else OFF
    if enabled and not own.enabled:
        off = "completion is off for this language (`completion.languages`)"
    enabled = enabled and own.enabled and choice.target is not None
    return replace(
        base,
        enabled=enabled,
        target=choice.target,
        off_reason="" if enabled else off,
        multiline=Multiline(own.multiline) if own.multiline else base.multiline,
        temperature=base.temperature if own.temperature is None else own.temperature,
        max_tokens=own.max_tokens or base.max_tokens,
    )


def _usual_model(preset: Preset, endpoint: Endpoint, role: str) -> str:
    """The preset's model; of a GGUF file of the user's the name, since its template is chosen by that."""
    file = endpoint.options.get("model_path")
    return Path(str(file)).stem if file else preset.usual_model(role)


def _template_at(choice: _Choice, preset: Preset, endpoint: Endpoint, model: str) -> str:
    """The template that is asked for, else native where the path is for that only, else the preset's."""
    said = choice.template
    wire = endpoint.completion.wire if endpoint.completion else None
    if said in ("", AUTOMATIC) and wire in _CHAT_WIRES:
        return CHAT  # nothing else can be asked there
    if said in ("", AUTOMATIC) and wire is Wire.OPENAI_FIM:
        return NATIVE
    if said:
        return said
    if endpoint.infill is not None and preset.infill is None:
        return NATIVE
    return preset.template_for(model)
