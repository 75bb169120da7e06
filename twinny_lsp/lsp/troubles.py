"""What happens when a model server or a template fails, and when it works again: who is told, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twinny_lsp.errors import Loading, ModelMissing, ProviderError, TwinnyError
from twinny_lsp.lsp.notices import TEMPLATE, Level, of_error

if TYPE_CHECKING:
    from twinny_lsp.config.resolved import Target
    from twinny_lsp.lsp.first_run import FirstRun
    from twinny_lsp.lsp.server import TwinnyServer


class Troubles:
    """Between the engine, which reports, and the user, who is told once."""

    def __init__(self, server: TwinnyServer, first_run: FirstRun) -> None:
        self._server, self._first_run = server, first_run
        self._hinted: set[str] = set()

    def failed(self, error: TwinnyError, target: Target, *, told: bool = False) -> None:
        """A request to `target` failed. `told`: the user sees the error anyway, as a command's answer."""
        if isinstance(error, ModelMissing) and not told:
            self._server.run_task(self._offer(error, target), "offer installed models")
            return
        self._report(error, target, quiet=told)

    def worked(self, target: Target) -> None:
        """A request to `target` succeeded: what was wrong with it is over."""
        from twinny_lsp.providers.presets import CUSTOM

        self._server.notices.resolve(f"provider:{target.endpoint.name}", target.model)
        if target.template == CUSTOM:
            self._server.notices.resolve(TEMPLATE)

    def back(self, target: Target) -> None:
        """A server that failed was asked how it is, and is well again."""
        self._server.notices.resolve(f"provider:{target.endpoint.name}", target.model)

    def pushed_out(self, target: Target, other: str) -> None:
        """Two models of one server take each other's memory: each switch is a load. A hint, once a server."""
        name = target.endpoint.name
        if name in self._hinted:
            return
        self._hinted.add(name)
        from twinny_lsp.providers.presets import PRESETS

        keep_both = PRESETS[target.endpoint.preset].keep_both
        self._server.tell(
            f"{name} loads {target.model} and {other} in turn, since they do not fit into its memory "
            "together; each switch takes as long as a load. Set one model for both (completion.model, "
            f"chat.model) or a smaller one{keep_both and f', or {keep_both}'}.",
            Level.INFO,
        )

    async def _offer(self, error: ProviderError, target: Target) -> None:
        asked = await self._first_run.offer(target, error)
        self._report(error, target, quiet=asked)

    def _report(self, error: TwinnyError, target: Target, *, quiet: bool) -> None:
        quiet = quiet or (isinstance(error, Loading) and self._server.shows_loading)
        self._server.notices.report(of_error(error, target.model, target.endpoint.name), quiet=quiet)
