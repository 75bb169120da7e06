"""Settings from the client: initializationOptions, workspace/configuration, didChangeConfiguration.

What they mean is `config`'s business; here they are fetched, and what changed is acted on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from twinny_lsp.lsp.notices import Level, Notice

if TYPE_CHECKING:
    from twinny_lsp.config.resolve import Settings
    from twinny_lsp.config.resolved import ChatSettings, CompletionSettings
    from twinny_lsp.config.store import Change, SettingsStore
    from twinny_lsp.lsp.server import TwinnyServer

log = logging.getLogger(__name__)

SECTION = "twinny-lsp"
ANSWER_S = 3.0
"""How long the start waits for workspace/configuration; a later answer counts as a change."""
FILE_CHECK_S = 1.0
TOPIC = "settings"
SHOWN_AT_ONCE = 5
DECIDING = (".provider", ".model", ".type", ".baseUrl")
"""Keys without which there is nobody to ask."""


class SettingsSync:
    """Keeps the store up to date with the client and the user's file."""

    def __init__(self, server: TwinnyServer) -> None:
        self._server = server
        self._checked_at = 0.0
        self._session: dict[str, dict[str, str]] = {}

    @property
    def _store(self) -> SettingsStore:
        return self._server.backend.store

    def settings(self) -> Settings:
        """What holds outside of any workspace folder."""
        self._check_file()
        return self._store.global_settings()

    def completion_settings(self, uri: str, language: str) -> CompletionSettings:
        """What holds for completion in a document."""
        self._check_file()
        settings = self._store.completion_for(uri, language)
        self._report()  # a project's file may have been read for it
        return settings

    def chat_settings(self) -> ChatSettings:
        """What holds for chat."""
        return self.settings().chat()

    async def start(self) -> None:
        """Take what `initialize` brought and ask the client for the rest."""
        from twinny_lsp.config.store import Source

        self._store.subscribe(self._changed)
        params = self._server.initialize_params
        self._store.update(Source.INITIALIZATION, params.initialization_options if params else None)
        pulling = self._server.run_task(self._pull(), "ask for settings")
        await asyncio.wait({pulling}, timeout=ANSWER_S)
        await self._register()
        self._set_log_level()
        self._report()

    async def did_change_configuration(self, params: lsp.DidChangeConfigurationParams) -> None:
        """The settings may be in the message, or to be asked for; what is asked for is the stronger."""
        from twinny_lsp.config.store import Source

        if not await self._server.ready():
            return
        if params.settings:
            self._store.update(Source.EDITOR, params.settings)
        await self._pull()
        self._report()

    async def did_change_folders(self, _: lsp.DidChangeWorkspaceFoldersParams) -> None:
        """Other roots have other settings."""
        if not await self._server.ready():
            return
        self._store.set_roots(self._server.roots)
        self._server.backend.gatherer.roots_changed()
        await self._pull()
        self._report()

    def override(self, section: str, chosen: dict[str, str]) -> None:
        """Settings the user chose by a command, stronger than all others until the server ends.

        Another provider makes an earlier choice of model void.
        """
        earlier = {} if "provider" in chosen else self._session.get(section, {})
        self._use_session(self._session | {section: earlier | self._fitting(section, chosen)})

    async def save(self, section: str, chosen: dict[str, str]) -> dict[str, str]:
        """Write that choice into the user's own file. It holds now, too, where other settings are stronger.

        Gives `saved`, the file, and `note`: why the choice would not last, or "". Raises SettingsError where
        the file cannot be changed; then nothing is chosen.
        """
        from twinny_lsp.config.saving import save
        from twinny_lsp.config.sources import shown_path

        path = self._store.user_file
        await asyncio.to_thread(save, path, section, chosen)
        self._store.user_file_changed()
        self._use_session({name: values for name, values in self._session.items() if name != section})
        if self._holds(section, self._fitting(section, chosen)):
            return {"saved": shown_path(path), "note": ""}
        self.override(section, chosen)
        note = f"Settings of your editor are stronger than this file: change {section} there, too."
        return {"saved": shown_path(path), "note": note}

    def _fitting(self, section: str, chosen: dict[str, str]) -> dict[str, str]:
        """The choice, without the FIM template of another model that weaker settings may name."""
        from twinny_lsp.providers.presets import AUTOMATIC, SPECIAL_TEMPLATES

        merged = self.settings().merged
        if section != "completion" or "model" not in chosen or merged is None:
            return chosen
        same = chosen.get("provider", merged.completion.provider) == merged.completion.provider
        if same and merged.completion.fim_template not in ("", *SPECIAL_TEMPLATES):
            return chosen | {"fim_template": AUTOMATIC}
        return chosen

    def _holds(self, section: str, chosen: dict[str, str]) -> bool:
        part = getattr(self.settings().merged, section, None)
        return all(getattr(part, key, None) == value for key, value in chosen.items())

    def _use_session(self, session: dict[str, dict[str, str]]) -> None:
        from twinny_lsp.config.store import Source

        self._session = session
        self._store.update(Source.SESSION, session)
        self._report()

    async def _pull(self) -> None:
        """`workspace/configuration` for the whole and for each folder; null says nothing."""
        from twinny_lsp.config.store import Source

        workspace = self._server.client_capabilities.workspace
        if not (workspace and workspace.configuration):
            return
        scopes: Sequence[str | None] = (None, *self._server.roots)
        items = [lsp.ConfigurationItem(scope_uri=scope, section=SECTION) for scope in scopes]
        try:
            answers = await self._server.workspace_configuration_async(lsp.ConfigurationParams(items))
        except JsonRpcException as error:
            log.warning("the client did not tell its settings: %s", error.code)
            return
        for scope, answer in zip(scopes, answers or (), strict=False):
            # Null for the whole may just mean that the client keeps its settings elsewhere (it pushes them).
            if answer is not None or scope is not None:
                self._store.update(Source.EDITOR, answer, scope)
        self._report()

    async def _register(self) -> None:
        """Ask to be told of changes, where the client wants to be asked."""
        workspace = self._server.client_capabilities.workspace
        changes = workspace.did_change_configuration if workspace else None
        if not (changes and changes.dynamic_registration):
            return
        registration = lsp.Registration(
            id="twinny-lsp-settings",
            method=lsp.WORKSPACE_DID_CHANGE_CONFIGURATION,
            register_options={"section": SECTION},
        )
        with contextlib.suppress(JsonRpcException, TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await self._server.client_register_capability_async(lsp.RegistrationParams([registration]))

    def _check_file(self) -> None:
        """Notice a change of the user's file; one `stat` a second at most."""
        now = time.monotonic()
        if now - self._checked_at >= FILE_CHECK_S:
            self._checked_at = now
            if self._store.user_file_changed():
                self._report()

    def _changed(self, change: Change) -> None:
        """Act on a change: providers nobody names any more are closed, what failed gets a new chance."""
        from twinny_lsp.config.store import Part

        if change & {Part.PROVIDERS, Part.COMPLETION, Part.CHAT, Part.TEMPLATES}:
            self._server.notices.forget_all_but(TOPIC)
        if change - {Part.LOG}:
            self._server.backend.engine.settings_changed()
        if change & {Part.CONTEXT, Part.PRIVACY}:
            self._server.backend.gatherer.settings_changed()
        if Part.PROVIDERS in change:
            endpoints = [*self._store.global_settings().endpoints.values()]
            for root in self._server.roots:
                endpoints += self._store.for_document(f"{root}/x").endpoints.values()
            self._server.run_task(self._server.backend.registry.keep(endpoints), "close unused providers")
        if Part.TEMPLATES in change:
            self._server.backend.prompts.use_directory(self._store.global_settings().template_directory)
        if Part.LOG in change:
            self._set_log_level()

    def _set_log_level(self) -> None:
        if not self._server.log_level_fixed:
            logging.getLogger("twinny_lsp").setLevel(self.settings().log_level.upper())

    def _report(self) -> None:
        """Say what is new and wrong in the settings, all of it in one message; hints go along."""
        new = self._store.take_problems()
        wrong = [problem for problem in self._store.problems() if not problem.hint]
        notices = [Notice(TOPIC, str(problem), f"settings: {problem}") for problem in wrong]
        self._server.notices.replace(TOPIC, notices, quiet=True)
        if not new:
            return
        # What switches something off first: only so many fit into a message.
        new = tuple(sorted(new, key=lambda problem: (problem.hint, not problem.path.endswith(DECIDING))))
        lines = [str(problem) for problem in new[:SHOWN_AT_ONCE]]
        if len(new) > SHOWN_AT_ONCE:
            lines.append(f"and {len(new) - SHOWN_AT_ONCE} more: see `twinny-lsp config check`")
        level = Level.INFO if all(problem.hint for problem in new) else Level.WARNING
        self._server.tell("settings: " + "\n".join(lines), level)
