"""`twinny-lsp pull [NAME|URL]`: get a model for the embedded provider, or say which fit this machine."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from twinny_lsp.cli.console import complain, out, read_settings
from twinny_lsp.errors import SettingsError, TwinnyError
from twinny_lsp.providers.presets import INSTALL_HINT

if TYPE_CHECKING:
    from twinny_lsp.providers.embedded.machine import Machine
    from twinny_lsp.providers.embedded.store import Store
    from twinny_lsp.providers.endpoint import Endpoint
    from twinny_lsp.pull.source import Source
    from twinny_lsp.pull.transfer import Progress, Pulled

_STEP_PERCENT = 10
"""Where no terminal is, a line is printed each time so much more has come."""

_REDRAW_SECONDS = 0.2


def run(options: argparse.Namespace) -> int:
    """0 when the model is there (or the list was printed), 1 when not, 130 after Ctrl-C."""
    from twinny_lsp.providers.embedded.store import Store
    from twinny_lsp.pull.source import source_of

    try:
        endpoint = _endpoint()
        store = Store.of(endpoint)
        if options.list or not options.model:
            from twinny_lsp.providers.embedded.machine import measure

            out(listing(store, measure()))
            return 0
        source = source_of(options.model, options.sha256)
        pulled = asyncio.run(_pull(source, store, endpoint))
    except TwinnyError as error:
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        complain("Stopped. What came is kept: the same command goes on from there.")
        return 130
    return _say(source, pulled, store)


def _endpoint() -> Endpoint:
    """The embedded provider as the settings have it. Raises SettingsError where they make it unusable."""
    settings = read_settings().global_settings()
    endpoint = settings.endpoint("embedded")
    if endpoint is None:
        raise SettingsError(f"providers.embedded: {settings.why_no_endpoint('embedded')}")
    return endpoint


async def _pull(source: Source, store: Store, endpoint: Endpoint) -> Pulled:
    from twinny_lsp.pull.source import shown
    from twinny_lsp.pull.transfer import Job, pull

    out(f"{source.name}: {shown(source.url)}")
    out(f"to {store.folder / source.file}")
    meter = Meter(sys.stdout.isatty())
    try:
        return await pull(Job(source, store.folder, endpoint, meter.show))
    finally:
        meter.end()


# --- progress ---


class Meter:
    """One line that is drawn over on a terminal, a line now and then elsewhere."""

    def __init__(self, terminal: bool) -> None:
        self._terminal = terminal
        self._drawn = self._shown = 0.0
        self._width = 0
        self._begun: tuple[float, int] | None = None
        self._checking = False

    def show(self, progress: Progress) -> None:
        """Print how far it is, not too often."""
        now = time.monotonic()
        if progress.news:
            self.end()
            out(progress.news)
            self._begun = None
            return
        if self._begun is None or progress.checking != self._checking or progress.done < self._begun[1]:
            self._begun, self._checking, self._shown = (now, progress.done), progress.checking, 0.0
        share = progress.done / progress.total * 100 if progress.total else 0.0
        if not self._terminal:
            done = progress.done == progress.total and share > self._shown
            if done or share >= self._shown + _STEP_PERCENT:
                self._shown = share
                out(self._line(progress, now))
        elif now - self._drawn >= _REDRAW_SECONDS or progress.done == progress.total:
            self._drawn = now
            line = self._line(progress, now)
            out(f"\r{line.ljust(self._width)}", end="")
            self._width = len(line)

    def end(self) -> None:
        """Leave the line that is drawn over."""
        if self._width:
            out("")
            self._width = 0

    def _line(self, progress: Progress, now: float) -> str:
        since, before = self._begun or (now, 0)
        rate = (progress.done - before) / (now - since) if now > since else 0.0
        line = f"{'checking' if progress.checking else 'got'} {_size(progress.done)}"
        if progress.total:
            line += f" of {_size(progress.total)}, {progress.done * 100 // progress.total} %"
        if rate and not progress.checking:
            line += f", {_size(int(rate))}/s"
            if progress.total and progress.total > progress.done:
                line += f", {_time((progress.total - progress.done) / rate)} left"
        return line


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _time(seconds: float) -> str:
    whole = int(seconds) + 1
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min" if whole >= 120 else f"{whole} s"


# --- afterwards ---


def _say(source: Source, pulled: Pulled, store: Store) -> int:
    """What came, whether it will do, and how to use it; 1 for a file that is no model."""
    from twinny_lsp.providers.embedded.gguf import NotGguf, read_facts
    from twinny_lsp.providers.embedded.machine import measure
    from twinny_lsp.providers.embedded.options import context_for, lacks_memory

    try:
        header = read_facts(pulled.path)
    except (NotGguf, OSError) as error:
        complain(f"{pulled.path} is no usable model: {error}. Delete it.")
        return 1
    if pulled.already:
        out("It is there already. To get it anew, delete the file.")
    elif pulled.checked:
        out(f"Its checksum is {pulled.checked}.")
    elif pulled.sized:
        out("Its size is right; no checksum was told for it.")
    else:
        out("Neither its size nor a checksum was told for it.")
    machine = measure()
    if not header.insert:
        out("Note: this model has no tokens for fill-in-the-middle: choose another one for completion.")
    if (lack := lacks_memory(header, context_for(header, machine), machine)) is not None:
        out(f"Note: {lack}.")
    if importlib.util.find_spec("xllamacpp") is None:
        out(f"Note: the embedded provider needs llama.cpp: {INSTALL_HINT}.")
    if store.chosen is not None:
        out("Note: `modelPath` is set, and holds whatever model is named: remove it, or name this file.")
    out(f'\nTo use it:\n\n    [completion]\n    provider = "embedded"\n    model = "{source.name}"\n')
    out("in the file that `twinny-lsp config path` names, or the same in your editor's settings.")
    return 0


# --- the list ---


def listing(store: Store, machine: Machine) -> str:
    """The known models, how each would do on this machine, and what is pulled beside them."""
    from twinny_lsp.providers.embedded.catalogue import CONTEXT_TOKENS, KNOWN
    from twinny_lsp.providers.embedded.options import amount, threads_for

    pulled = dict(store.models())
    rows = [("MODEL", "SIZE", "MEMORY", "FITS", "PULLED", "")]
    rows += [
        (
            model.name,
            amount(model.file_bytes),
            amount(model.memory),
            _fits(model.memory, machine),
            "yes" if model.name in pulled else "",
            model.note,
        )
        for model in KNOWN
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    known = {model.name for model in KNOWN}
    others = [name for name, path in pulled.items() if name not in known and path.parent == store.folder]
    more = [f"Also pulled: {', '.join(others)}."] if others else []
    memory = f", {amount(machine.memory)} of memory" if machine.memory else ""
    free = f" ({amount(machine.available)} free now)" if machine.available else ""
    cores = f"{machine.cores} core{'s' if machine.cores > 1 else ''}"
    return "\n".join(
        [
            *lines,
            "",
            f"This machine: {cores}{memory}{free}; a model computes on {threads_for(machine)} of the cores.",
            f"MEMORY is what a model takes while it runs, with a context of {CONTEXT_TOKENS} tokens.",
            *more,
            f"Models are kept in {_short(store.folder)}.",
            "`twinny-lsp pull NAME` gets one; another comes by its file's address: `twinny-lsp pull https://…`.",
        ]
    )


def _fits(needed: int, machine: Machine) -> str:
    if not machine.memory:
        return "?"
    if needed > machine.memory:
        return "no"
    if machine.available and needed > machine.available:
        return "not now"
    return "yes" if needed <= machine.memory / 2 else "tight"


def _short(path: Path) -> str:
    try:
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    except ValueError:
        return str(path)
