"""Looks at every address a model server may be at, all at once and for a bounded time.

Asks the known ports of this machine and what the settings name; nothing else, and a key only goes where the
settings send it. No question here makes a model generate, but llama.cpp's /infill for nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from twinny_lsp.config.resolve import ANY, Settings
from twinny_lsp.config.resolved import Target
from twinny_lsp.doctor.findings import Model, Server
from twinny_lsp.doctor.fingerprint import OPENAI, Identity, identify
from twinny_lsp.errors import ProviderError, TwinnyError
from twinny_lsp.exchange import ModelFacts
from twinny_lsp.fim.families import Choice, Kind, choose, membership
from twinny_lsp.providers.base import Provider, State
from twinny_lsp.providers.brand import match_name
from twinny_lsp.providers.endpoint import Endpoint, Link, Timeouts
from twinny_lsp.providers.presets import METERED, PRESETS

SURVEY_S = 3.0
MAX_MODELS = 12
MAX_SHOWN_CLOSELY = 5
"""So many models whose name tells nothing are asked for one by one."""
_LATE = "It did not answer in time."
_TIMEOUTS = Timeouts(connect=1.0, first_byte=2.0, idle=2.0)
_OPENAI_SPEAKERS = METERED | {
    *("lmstudio", "litellm", "oobabooga", "vllm", "tabbyapi", "koboldcpp", "tgi"),
    OPENAI,
}
_ASKED_CLOSELY = frozenset({"ollama", "openwebui", "llamacpp"})


def is_loopback(url: str) -> bool:
    """Whether an address is this machine, by its text alone: nothing is resolved."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


KNOWN: tuple[tuple[str, str], ...] = (
    *((preset.name, preset.base_url) for preset in PRESETS.values() if is_loopback(preset.base_url)),
    ("openwebui", "http://127.0.0.1:3000"),
)
"""(preset, address) of every server that may run here without a word in the settings."""


def shown(address: str) -> str:
    """An address without a name and password that may stand in it."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if host else address


def fits(preset: str, brand: str) -> bool:
    """Whether a server of that brand can be asked as `preset` says."""
    if preset in (brand, OPENAI):
        return bool(brand)
    return brand == OPENAI and preset in _OPENAI_SPEAKERS


def targets_of(settings: Settings) -> list[Target]:
    """Everything the settings may ask: completion in every language, its fallbacks, chat."""
    completions = settings.completion.values()
    found = [target for each in completions for target in (each.target, *each.fallback)]
    return [target for target in (*found, settings.chat().target) if target is not None]


def configured(settings: Settings) -> list[Endpoint]:
    """The endpoints the user has chosen or set, each once; presets nobody touched are not among them."""
    named = settings.merged.providers if settings.merged is not None else {}
    wanted = [settings.completion[ANY].target, settings.chat().target]
    endpoints = [target.endpoint for target in (*filter(None, wanted), *targets_of(settings))]
    endpoints += [endpoint for name in named if (endpoint := settings.endpoint(name)) is not None]
    made: list[Endpoint] = []
    for endpoint in endpoints:
        if endpoint.base_url and endpoint not in made:
            made.append(endpoint)
    return made


@dataclass(slots=True)
class _Place:
    """One address under examination; what is known so far stays when time is up."""

    address: str
    presets: list[str] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)
    """The models the settings ask for here."""
    identity: Identity | None = None
    state: State | None = None
    detail: str = ""
    models: list[Model] = field(default_factory=list)
    more: int = 0

    def found(self) -> Server | None:
        """None where nothing is and nothing was expected."""
        names = tuple(dict.fromkeys(endpoint.name for endpoint in self.endpoints))
        if self.identity is None and (not names or self.state is None):
            if not names:
                return None
            self.detail = self.detail or _LATE
        elif self.state is None and self.identity is not None and not self.identity.brand:
            self.detail = _LATE  # something is there, but time was up before it had said what
        state = self.state or (State.READY if self.identity and self.identity.brand else State.DOWN)
        brand = self.identity.brand if self.identity else ""
        title = self.identity.title if self.identity else ""
        if not title and self.endpoints:
            preset = self.endpoints[0].preset
            title = PRESETS[preset].title
            brand = preset if state in (State.READY, State.LOADING) else ""
        return Server(
            shown(self.address), brand, title, state, self.detail, names, tuple(self.models), self.more
        )


async def survey(
    settings: Settings, known: Iterable[tuple[str, str]] = KNOWN, seconds: float = SURVEY_S
) -> tuple[Server, ...]:
    """Every server that answers, and every configured one; those in use first, then the known ones."""
    places: dict[str, _Place] = {}
    for endpoint in configured(settings):
        places.setdefault(_key(endpoint.address), _Place(endpoint.address)).endpoints.append(endpoint)
    for target in targets_of(settings):
        if (place := places.get(_key(target.endpoint.address))) is not None:
            place.wanted.append(target.model)
    for preset, address in known:
        places.setdefault(_key(address), _Place(address)).presets.append(preset)
    await asyncio.gather(*(_bounded(place, settings, seconds) for place in places.values()))
    return tuple(server for place in places.values() if (server := place.found()) is not None)


def _key(address: str) -> str:
    return address.replace("//localhost:", "//127.0.0.1:").lower()


async def _bounded(place: _Place, settings: Settings, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await _look(place, settings)


async def _look(place: _Place, settings: Settings) -> None:
    link = place.endpoints[0].link if place.endpoints else Link()
    if is_loopback(place.address) or link.socket:
        base_url = place.endpoints[0].base_url if place.endpoints else place.address
        place.identity = await identify(base_url, link)
        if place.identity is None:
            place.state = State.DOWN
            return
    endpoint = _whom_to_ask(place, settings)
    if endpoint is None:
        place.state = State.REFUSING
        return
    from twinny_lsp.providers.http import HttpProvider

    provider = HttpProvider(replace(endpoint, timeouts=_TIMEOUTS))
    try:
        await _question(place, provider, endpoint)
    finally:
        await provider.close()


def _whom_to_ask(place: _Place, settings: Settings) -> Endpoint | None:
    """The settings' own endpoint where it fits what answers; else that brand's preset, without a key."""
    if place.identity is None or not place.identity.brand:
        # Unknown, or not asked who it is: only what the settings say can tell, and only if they say so.
        return place.endpoints[0] if place.endpoints else None
    brand = place.identity.brand
    for endpoint in place.endpoints:
        if fits(endpoint.preset, brand):
            return endpoint
    own = settings.endpoint(brand)
    if own is not None and _key(own.address) == _key(place.address):
        return own
    preset = PRESETS[brand]
    return Endpoint(preset.name, preset.name, place.address, preset.completion, preset.chat, preset.infill)


async def _question(place: _Place, provider: Provider, endpoint: Endpoint) -> None:
    health = await provider.health()
    place.state, place.detail = health.state, health.detail
    if health.server and place.identity and place.identity.brand:
        place.identity = replace(place.identity, title=health.server)
    if health.state is not State.READY:
        return
    try:
        listed = await provider.models()
    except TwinnyError as error:
        place.state, place.detail = State.REFUSING, str(error)
        return
    if listed and place.identity is not None and not place.identity.brand:
        # Nothing was to be learned without the key; with it, it answers as the settings say.
        title = health.server or PRESETS[endpoint.preset].title
        place.identity = Identity(endpoint.preset, title)
    rows = _bounded_list(listed, place.wanted)
    place.more = len(listed) - len(rows)
    place.models = [described(facts, endpoint.infill is not None) for facts in rows]
    place.models = await rows_of(provider, endpoint, rows)


async def rows_of(provider: Provider, endpoint: Endpoint, listed: list[ModelFacts]) -> list[Model]:
    """Models with the template each would get. The few whose name says nothing are asked for one by one."""
    native = endpoint.infill is not None
    rows = [described(facts, native) for facts in listed]
    if endpoint.preset in _ASKED_CLOSELY:
        unclear = [index for index, facts in enumerate(listed) if len(listed) == 1 or _unclear(facts)]
        for index in unclear[:MAX_SHOWN_CLOSELY]:
            rows[index] = await _closely(provider, listed[index], native)
    return rows


def _bounded_list(listed: list[ModelFacts], wanted: Iterable[str]) -> list[ModelFacts]:
    """The first of them, and those the settings name wherever they stand."""
    names = [facts.name for facts in listed]
    keep = {name for model in wanted if (name := match_name(model, names)) is not None}
    room = MAX_MODELS - len(keep)
    rows: list[ModelFacts] = []
    for facts in listed:
        if facts.name in keep:
            rows.append(facts)
        elif room > 0:
            room -= 1
            rows.append(facts)
    return rows


def _unclear(facts: ModelFacts) -> bool:
    return membership(facts.name).use is None


async def _closely(provider: Provider, facts: ModelFacts, native: bool) -> Model:
    try:
        told = await provider.facts(facts.name)
    except ProviderError:
        return described(facts, native)
    return described(replace(told, loaded=facts.loaded if told.loaded is None else told.loaded), native)


def described(facts: ModelFacts, native_route: bool, setting: str = "automatic") -> Model:
    """One row of a model list: the template it would get and why."""
    choice = choose(facts.name, setting, facts, native_route)
    return Model(facts.name, template_name(choice), choice.reason, facts.loaded, facts.context_tokens)


def template_name(choice: Choice) -> str:
    """What a choice is called in the settings; "" for none."""
    if choice.custom:
        return "custom-template"
    if choice.kind in (Kind.NATIVE, Kind.CHAT):
        return choice.kind.value
    return choice.family.name if choice.kind is Kind.RAW and choice.family else ""
