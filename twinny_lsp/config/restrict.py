"""What a project's own file, `.twinny.toml`, may say: less.

It comes with somebody's repository, so it can switch completion off and narrow it, and nothing else: no
address, key, header, command, template, and nothing that the user switched off comes on again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from twinny_lsp.config.problems import Problem, did_you_mean
from twinny_lsp.config.resolved import CompletionSettings
from twinny_lsp.config.spelling import snake
from twinny_lsp.languages import canonical

FILE_NAME = ".twinny.toml"
ANY = "*"
SIZES = ("max_tokens", "context_tokens", "suffix_tokens")
SWITCHES = ("enabled", "cache", "speculate")
TRUST = (
    "left out: a project's file may come from anybody, so it can only switch completion off or narrow it; "
    "your own settings may say this"
)


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What one project file narrows. `languages` is by canonical id; `*` stands for all others."""

    source: str = ""
    off: frozenset[str] = frozenset()
    languages: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    sizes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    problems: tuple[Problem, ...] = ()

    def applied(self, settings: CompletionSettings, language_id: str) -> CompletionSettings:
        """The settings of a language, narrowed; never widened."""
        if not (self.off or self.languages or self.sizes):
            return settings
        changes: dict[str, object] = {name: False for name in ("cache", "speculate") if name in self.off}
        changes |= {name: min(getattr(settings, name), size) for name, size in self.sizes.items()}
        if settings.enabled:
            if "enabled" in self.off:
                changes |= {"enabled": False, "off_reason": f"completion is switched off by {self.source}"}
            elif not self.languages.get(canonical(language_id), self.languages.get(ANY, True)):
                changes |= {"enabled": False, "off_reason": f"this language is switched off by {self.source}"}
        narrowed = replace(settings, **changes)  # type: ignore[arg-type]
        return replace(narrowed, suffix_tokens=min(narrowed.suffix_tokens, narrowed.context_tokens))

    def too_wide(self, settings: CompletionSettings) -> tuple[Problem, ...]:
        """The sizes that are larger than the user's own, which hold."""
        return tuple(
            Problem(self.source, f"completion.{name}", "larger than in your own settings, which hold")
            for name, size in self.sizes.items()
            if size > getattr(settings, name)
        )


NONE = Restrictions()


def restrictions(raw: Mapping[str, object], source: str) -> Restrictions:
    """Read a parsed project file; everything that is no restriction is reported and left out."""
    reader = _Reader(source)
    for key, value in raw.items():
        name = snake(key)
        if name == "completion" and isinstance(value, Mapping):
            reader.completion(value)
        elif name == "completion":
            reader.report(key, "should be a table of keys and values")
        elif name != "schema_version":
            reader.report(key, TRUST)
    return Restrictions(
        source,
        frozenset(reader.off),
        MappingProxyType(reader.languages),
        MappingProxyType(reader.sizes),
        tuple(reader.problems),
    )


class _Reader:
    """One file being read."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.problems: list[Problem] = []
        self.off: set[str] = set()
        self.languages: dict[str, bool] = {}
        self.sizes: dict[str, int] = {}

    def report(self, path: str, message: str) -> None:
        self.problems.append(Problem(self._source, path, message))

    def completion(self, table: Mapping[str, object]) -> None:
        for key, value in table.items():
            name, path = snake(key), f"completion.{key}"
            if name in SWITCHES:
                self._switch(name, path, value)
            elif name in SIZES:
                self._size(name, path, value)
            elif name == "languages" and isinstance(value, Mapping):
                self._languages(value)
            elif name == "languages":
                self.report(path, "should be a table of language ids")
            else:
                meant = did_you_mean(key, (*SWITCHES, *SIZES, "languages"))
                self.report(path, f"{TRUST}{meant}")

    def _switch(self, name: str, path: str, value: object) -> None:
        if value is False:
            self.off.add(name)
        elif value is True:
            self.report(path, TRUST)
        else:
            self.report(path, "should be `false`")

    def _size(self, name: str, path: str, value: object) -> None:
        least = 0 if name == "suffix_tokens" else 1
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            self.sizes[name] = value
        else:
            self.report(path, f"should be a whole number of tokens, at least {least}")

    def _languages(self, table: Mapping[str, object]) -> None:
        for key, value in table.items():
            path, enabled = f"completion.languages.{key}", value
            if isinstance(value, Mapping):
                enabled = value.get("enabled", True)
                if set(value) - {"enabled"}:
                    self.report(path, TRUST)
            if not isinstance(enabled, bool):
                self.report(path, "should be `false`")
                continue
            name = ANY if key == ANY else canonical(key)
            # Two names of one language: off holds.
            self.languages[name] = enabled and self.languages.get(name, True)
            if enabled and value is True and table.get(ANY) is not False:
                self.report(path, TRUST)
