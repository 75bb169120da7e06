"""All sources of settings as they are now, and the settings of each document made from them.

Pure but for the two kinds of settings files; knows nothing of LSP. Whoever talks to the client calls `update`
with what came and asks for `take_problems` afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from twinny_lsp.config.cleaning import SECTION, Layer, clean
from twinny_lsp.config.owner import without_owner_keys
from twinny_lsp.config.problems import Problem
from twinny_lsp.config.resolve import Settings, load
from twinny_lsp.config.resolved import CompletionSettings
from twinny_lsp.config.restrict import NONE, Restrictions, restrictions
from twinny_lsp.config.sources import (
    Stamp,
    nearest_project_file,
    path_of,
    read_toml,
    section,
    shown_path,
    stamp_of,
    user_config_path,
)

RECHECK_SECONDS = 2.0
MAX_FOLDERS = 1000


class Source(StrEnum):
    """Who sets, weakest first. The user's file is read by the store itself."""

    INITIALIZATION = "initializationOptions"
    EDITOR = "workspace/configuration"
    SESSION = "this session"


class Part(StrEnum):
    """The parts of the settings somebody may have to act on when they change."""

    PROVIDERS = "providers"
    COMPLETION = "completion"
    CHAT = "chat"
    CONTEXT = "context"
    PRIVACY = "privacy"
    TEMPLATES = "templates"
    LOG = "log"


Change = frozenset[Part]
"""What changed, for any workspace folder; empty when nothing did."""

NOTHING: Change = frozenset()


@dataclass(slots=True)
class _Project:
    """A project file as it was last read."""

    path: Path | None
    stamp: Stamp | None
    narrowed: Restrictions
    checked_at: float


class SettingsStore:
    """The settings of every document. `templates` are the names of the known model families.

    `roots` are the workspace folders' URIs. `subscribe` is for those who rebuild something on change.
    """

    def __init__(
        self,
        *,
        user_file: Path | None = None,
        roots: Collection[str] = (),
        templates: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.user_file = user_file or user_config_path()
        self._templates, self._clock = frozenset(templates), clock
        self._roots: dict[str, Path | None] = {}
        self._layers: dict[tuple[Source, str], Layer] = {}
        self._user = Layer("")
        self._user_stamp: Stamp | None = None
        self._resolved: dict[str, Settings] = {}
        self._projects: dict[Path, _Project] = {}
        self._narrowed: dict[tuple[str, Path], Settings] = {}
        self._listeners: list[Callable[[Change], None]] = []
        self._told: set[Problem] = set()
        self._problems: tuple[Problem, ...] | None = None
        self._read_user_file()
        self.set_roots(roots)

    def update(self, source: Source, value: object, scope: str | None = None) -> Change:
        """Take what a source says now; it replaces what it said before. None: it says nothing.

        `value` is parsed JSON, flat or under the section's name; `scope` is the URI of the workspace
        folder it is for, None for all.
        """
        key = (source, _folder(scope) if scope else "")
        layer = without_owner_keys(clean(section(value), source.value))
        if self._layers.get(key, Layer(source.value)) == layer:
            return NOTHING
        return self._changing(lambda: self._layers.__setitem__(key, layer))

    def user_file_changed(self) -> Change:
        """Read the user's file again if it changed. A file that no longer parses leaves what held."""
        if stamp_of(self.user_file) == self._user_stamp:
            return NOTHING
        return self._changing(self._read_user_file)

    def project_files_changed(self) -> None:
        """Look at every project file anew at its next use."""
        self._projects.clear()
        self._narrowed.clear()
        self._problems = None

    def set_roots(self, roots: Collection[str]) -> None:
        """The workspace folders, as URIs."""
        self._roots = {_folder(uri): path_of(uri) for uri in roots}
        self._resolved.clear()
        self.project_files_changed()

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` after each change; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def global_settings(self) -> Settings:
        """The settings outside of any workspace folder."""
        return self._for_scope("")

    def for_document(self, uri: str) -> Settings:
        """What holds for a document: its workspace folder's settings, narrowed by its project's file."""
        path = path_of(uri)
        scope = self._scope_of(path)
        settings = self._for_scope(scope)
        root = self._roots.get(scope)
        if path is None or root is None:
            return settings
        narrowed = self._narrowing(path, root)
        if narrowed is NONE:
            return settings
        key = (scope, path.parent)
        cached = self._narrowed.get(key)
        if cached is None or cached.restrictions is not narrowed:
            cached = self._narrowed[key] = settings.restricted(narrowed)
            self._problems = None
        return cached

    def completion_for(self, uri: str, language_id: str) -> CompletionSettings:
        """What holds for completion in one document."""
        return self.for_document(uri).completion_for(language_id)

    def problems(self) -> tuple[Problem, ...]:
        """All that is wrong now, each once: of every workspace folder and every project file in use."""
        if self._problems is None:
            found: dict[Problem, None] = {}
            for scope in ("", *self._roots):
                found.update(dict.fromkeys(self._for_scope(scope).problems))
            for settings in self._narrowed.values():
                found.update(dict.fromkeys(settings.problems))
            self._problems = tuple(found)
        return self._problems

    def take_problems(self) -> tuple[Problem, ...]:
        """Those not taken before. One that went away and comes again is new again."""
        current = self.problems()
        if len(current) == len(self._told) and self._told.issuperset(current):
            return ()
        new = tuple(problem for problem in current if problem not in self._told)
        self._told = set(current)
        return new

    def _changing(self, change: Callable[[], None]) -> Change:
        scopes = ("", *self._roots)
        before = [self._for_scope(scope) for scope in scopes]
        change()
        self._resolved.clear()
        self._narrowed.clear()
        self._problems = None
        changed: set[Part] = set()
        for scope, old in zip(scopes, before, strict=True):
            changed |= _difference(old, self._for_scope(scope))
        result = frozenset(changed)
        if result:
            for listener in tuple(self._listeners):
                listener(result)
        return result

    def _for_scope(self, scope: str) -> Settings:
        found = self._resolved.get(scope)
        if found is None:
            layers = [self._user]
            for source in Source:
                layers += [
                    self._layers[key]
                    for key in dict.fromkeys([(source, ""), (source, scope)])
                    if key in self._layers
                ]
            found = self._resolved[scope] = load(layers, templates=self._templates)
        return found

    def _scope_of(self, path: Path | None) -> str:
        """The innermost workspace folder of a file; a document without a file has the only one there is."""
        if path is None:
            return next(iter(self._roots)) if len(self._roots) == 1 else ""
        around = [
            (len(root.parts), uri) for uri, root in self._roots.items() if root and path.is_relative_to(root)
        ]
        return max(around)[1] if around else ""

    def _read_user_file(self) -> None:
        source = shown_path(self.user_file)
        read = read_toml(self.user_file)
        self._user_stamp = read.stamp
        if read.problem is not None:
            self._user = Layer(source, self._user.values, (read.problem,))
        else:
            # Under the section's name too, as it stands in an editor's settings.
            table = read.table or {}
            self._user = clean(section(table) if SECTION in table else table, source)

    def _narrowing(self, document: Path, root: Path) -> Restrictions:
        """What the nearest project file narrows; looked for again only after a while."""
        now = self._clock()
        known = self._projects.get(document.parent)
        if known is not None and now - known.checked_at < RECHECK_SECONDS:
            return known.narrowed
        path = nearest_project_file(document, root)
        stamp = stamp_of(path) if path is not None else None
        if known is not None and (known.path, known.stamp) == (path, stamp):
            known.checked_at = now
            return known.narrowed
        narrowed = _read_project(path, known) if path is not None else NONE
        if len(self._projects) >= MAX_FOLDERS:
            self.project_files_changed()
        self._narrowed = {key: value for key, value in self._narrowed.items() if key[1] != document.parent}
        self._problems = None
        self._projects[document.parent] = _Project(path, stamp, narrowed, now)
        return narrowed


def _read_project(path: Path, known: _Project | None) -> Restrictions:
    """A project's file; one that no longer parses leaves what held."""
    read = read_toml(path)
    source = shown_path(path)
    if read.problem is None:
        return restrictions(read.table or {}, source)
    before = known.narrowed if known is not None and known.path == path else NONE
    return replace(before, source=source, problems=(read.problem,))


def _difference(old: Settings, new: Settings) -> set[Part]:
    pairs = {
        Part.PROVIDERS: (old.endpoints, new.endpoints),
        Part.COMPLETION: (old.completion, new.completion),
        Part.CHAT: (old.chat(), new.chat()),
        Part.CONTEXT: (old.context(), new.context()),
        Part.PRIVACY: (old.privacy(), new.privacy()),
        Part.TEMPLATES: (old.template_directory, new.template_directory),
        Part.LOG: (old.log_level, new.log_level),
    }
    return {part for part, (before, after) in pairs.items() if before != after}


def _folder(uri: str) -> str:
    return uri.rstrip("/")
