"""The commands of `workspace/executeCommand`, but for chat; docs/lsp-extensions.md says what each takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcInvalidParams

from twinny_lsp.errors import TwinnyError
from twinny_lsp.lsp.arguments import choice, flag, take, text
from twinny_lsp.lsp.chat import in_full
from twinny_lsp.lsp.notices import Level

if TYPE_CHECKING:
    from twinny_lsp.config.resolved import Target
    from twinny_lsp.lsp.server import TwinnyServer
    from twinny_lsp.lsp.sync import SettingsSync
    from twinny_lsp.providers.endpoint import Endpoint

Command = Callable[[Any], Awaitable[Any]]
USES = ("completion", "chat")


class Commands:
    """Handlers by name. Each takes one optional object and raises -32602 when it does not fit."""

    def __init__(self, server: TwinnyServer, sync: SettingsSync) -> None:
        self._server, self._sync = server, sync

    def table(self) -> dict[str, Command]:
        """Name (without `twinny-lsp.`) → handler."""

        return {
            "models": self._told(self.models, lambda given: ", ".join(m["name"] for m in given["models"])),
            "useModel": self._told(self.use_model, _chosen),
            "useProvider": self._told(self.use_provider, _chosen),
            "toggle": self._told(self.toggle, lambda given: f"completion is {_on(given['enabled'])}"),
            "status": self._told(self.status, _standing),
            "why": self.why,
            "doctor": self.doctor,
            "clearCache": self.clear_cache,
        }

    def _told(self, command: Command, say: Callable[[dict[str, Any]], str]) -> Command:
        """The command; where the client throws its result away, what it says is shown as a message."""

        async def run(argument: Any = None) -> Any:
            result = await command(argument)
            if self._server.profile.hides_results:
                self._server.tell(say(result), Level.INFO)
            return result

        return run

    async def models(self, argument: Any = None) -> dict[str, Any]:
        """What a provider has; by default the one that completes."""
        await self._server.require_ready()
        name = text(take(argument, ("provider",)), "provider")
        target = self._target("completion")
        endpoint = self._endpoint(name) if name else target.endpoint if target else None
        if endpoint is None:
            raise TwinnyError("no provider is set up for completion")
        try:
            models = await self._server.backend.registry.provider(endpoint).models()
        except TwinnyError as error:
            raise TwinnyError(in_full(error)) from error
        return {
            "provider": endpoint.name,
            "model": target.model if target and target.endpoint == endpoint else None,
            "models": [
                {"name": model.name, "loaded": model.loaded, "contextTokens": model.context_tokens}
                for model in models
            ],
        }

    async def use_model(self, argument: Any = None) -> dict[str, Any]:
        """Another model, until the server ends or for good."""
        await self._server.require_ready()
        given = take(argument, ("model", "for", "save"))
        model, use = text(given, "model"), choice(given, "for", USES)
        if not model:
            raise JsonRpcInvalidParams("`model` is missing")
        return {"model": model} | await self._choose(use, {"model": model}, flag(given, "save"))

    async def use_provider(self, argument: Any = None) -> dict[str, Any]:
        """Another provider, until the server ends or for good; with its usual model unless one is named."""
        await self._server.require_ready()
        given = take(argument, ("provider", "model", "for", "save"))
        name, model, use = text(given, "provider"), text(given, "model"), choice(given, "for", USES)
        self._endpoint(name)
        chosen = {"provider": name} | ({"model": model} if model else {})
        kept = await self._choose(use, chosen, flag(given, "save"))
        target = self._target(use)
        return {"provider": name, "model": target.model if target else None} | kept

    async def _choose(self, use: str, chosen: dict[str, str], save: bool | None) -> dict[str, Any]:
        """Take the choice; `saved` is the file it was written to, `note` what keeps it from lasting."""
        if not save:
            self._sync.override(use, chosen)
            return {"saved": None, "note": ""}
        return await self._sync.save(use, chosen)

    async def toggle(self, argument: Any = None) -> dict[str, bool]:
        """Switch completion off or on until the server ends."""
        wanted = flag(take(argument, ("enabled",)), "enabled")
        self._server.enable(not self._server.enabled if wanted is None else wanted)
        return {"enabled": self._server.enabled}

    async def status(self, argument: Any = None) -> dict[str, Any]:
        """What a status line or a person wants to know."""
        take(argument, ())
        state, message = self._server.state()
        target = self._target("completion") if state != "starting" else None
        return {
            "state": state,
            "message": message,
            "provider": target.endpoint.name if target else None,
            "model": target.model if target else None,
            "answering": self._answering(state),
            "enabled": self._server.enabled,
            "problems": [notice.message for notice in self._server.notices.current],
            "last": self._last_figures(state),
        }

    def _answering(self, state: str) -> dict[str, str] | None:
        """Whose suggestions come now, if any do."""
        answers = self._server.backend.engine.standing().answers if state != "starting" else None
        return {"provider": answers.endpoint.name, "model": answers.model} if answers else None

    def _last_figures(self, state: str) -> dict[str, Any] | None:
        """How the last completion went, in short: for status lines."""
        result = self._server.backend.engine.last_result() if state != "starting" else None
        record = result.record if result else None
        if result is None or record is None:
            return None
        outcome = record.outcome
        return {
            "ms": round(record.took_ms, 1) if record.took_ms is not None else None,
            "source": result.source.value,
            "shown": record.shown,
            "promptTokens": outcome.prompt,
            "cachedTokens": outcome.cached,
            "generatedTokens": outcome.generated,
        }

    async def why(self, argument: Any = None) -> dict[str, Any]:
        """The last request told step by step, and what is wrong now; also shown as a message."""
        await self._server.require_ready()
        uri = text(take(argument, ("uri",)), "uri")
        result = self._server.backend.engine.last_result(uri)
        problems = [notice.message for notice in self._server.notices.current]
        lines = list(problems)
        if not self._server.enabled:
            lines.append("Completion is switched off (twinny-lsp.toggle).")
        if result is None:
            lines.append("No completion was asked for here yet." if uri else "No document was named.")
        elif result.reason not in problems:
            lines.append(f"Last request: {result.reason or f'{len(result.candidates)} shown'}")
        told = "\n".join([*lines, *(f"- {step}" for step in (result.steps if result else ()))])
        self._server.tell(told, Level.INFO)
        record = result.record.as_json() if result and result.record else None
        return {
            "text": told,
            "steps": list(result.steps) if result else [],
            "problems": problems,
            "record": record,
        }

    async def doctor(self, argument: Any = None) -> dict[str, str]:
        """What `twinny-lsp doctor` prints, with the settings this client gave."""
        await self._server.require_ready()
        take(argument, ())
        from twinny_lsp.doctor.examine import examine
        from twinny_lsp.doctor.report import as_text

        return {"text": as_text(await examine(self._sync.settings()))}

    async def clear_cache(self, argument: Any = None) -> None:
        """Forget all completions that were kept."""
        await self._server.require_ready()
        take(argument, ())
        self._server.backend.engine.clear()

    def _target(self, use: str) -> Target | None:
        settings = self._sync.settings()
        return settings.chat().target if use == "chat" else settings.completion_for("plaintext").target

    def _endpoint(self, name: str) -> Endpoint:
        settings = self._sync.settings()
        endpoint = settings.endpoint(name)
        if endpoint is None:
            raise JsonRpcInvalidParams(f"`{name}`: {settings.why_no_endpoint(name)}")
        return endpoint


def _on(enabled: bool) -> str:
    return "on" if enabled else "off"


def _chosen(result: dict[str, Any]) -> str:
    names = [result[key] for key in ("provider", "model") if result.get(key)]
    return " ".join(filter(None, [f"{', '.join(names)} from now on.", result["note"]]))


def _standing(result: dict[str, Any]) -> str:
    whom = f"{result['model']} on {result['provider']}" if result["model"] else "no model"
    return f"{result['state']}: {whom}, completion is {_on(result['enabled'])}. {result['message']}".strip()
