"""What a project's own file, `.twinny.toml`, may say: less.

It comes with somebody's repository, so it can switch completion, context and embeddings off, narrow them and
hold more files back, and nothing else: no address, key, header, command, template, and nothing that the user
switched off comes on again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from twinny_lsp.config.problems import Problem, did_you_mean
from twinny_lsp.config.resolved import ChatSettings, CompletionSettings, ContextSettings, PrivacySettings
from twinny_lsp.config.spelling import snake
from twinny_lsp.languages import canonical

FILE_NAME = ".twinny.toml"
ANY = "*"
SIZES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "completion": ("max_tokens", "context_tokens", "suffix_tokens"),
        "context": ("tokens", "max_file_bytes"),
    }
)
SWITCHES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "completion": ("enabled", "cache", "speculate"),
        "context": ("enabled", "recent_edits", "open_files", "imports", "related", "notebook_cells"),
        "chat": ("embeddings",),
    }
)
_FROM_ZERO = frozenset({"suffix_tokens", "tokens"})
TRUST = (
    "left out: a project's file may come from anybody, so it can only switch completion off or narrow it; "
    "your own settings may say this"
)


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What one project file narrows. `languages` is by canonical id; `*` stands for all others.

    `off` and `sizes` are by (section, key). `deny` are patterns, `mask` switches the masking of secrets on.
    """

    source: str = ""
    off: frozenset[tuple[str, str]] = frozenset()
    languages: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    sizes: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    deny: tuple[str, ...] = ()
    mask: bool = False
    problems: tuple[Problem, ...] = ()

    def applied(self, settings: CompletionSettings, language_id: str) -> CompletionSettings:
        """The settings of a language, narrowed; never widened."""
        if not (self.off or self.languages or self.sizes):
            return settings
        changes = self._changes("completion", settings)
        enabled = changes.pop("enabled", True)
        if settings.enabled:
            if not enabled:
                changes |= {"enabled": False, "off_reason": f"completion is switched off by {self.source}"}
            elif not self.languages.get(canonical(language_id), self.languages.get(ANY, True)):
                changes |= {"enabled": False, "off_reason": f"this language is switched off by {self.source}"}
        narrowed = replace(settings, **changes)  # type: ignore[arg-type]
        return replace(narrowed, suffix_tokens=min(narrowed.suffix_tokens, narrowed.context_tokens))

    def chat(self, settings: ChatSettings) -> ChatSettings:
        """The same for chat: no embeddings."""
        if settings.embeddings is None or not self._changes("chat", settings):
            return settings
        off = f"embeddings are switched off by {self.source}"
        return replace(settings, embeddings=None, embeddings_off=off)

    def context(self, settings: ContextSettings) -> ContextSettings:
        """The same for context."""
        changes = self._changes("context", settings)
        return replace(settings, **changes) if changes else settings  # type: ignore[arg-type]

    def privacy(self, settings: PrivacySettings) -> PrivacySettings:
        """The same for privacy: more is held back."""
        if not (self.deny or self.mask):
            return settings
        return replace(
            settings, deny=(*settings.deny, *self.deny), mask_secrets=settings.mask_secrets or self.mask
        )

    def too_wide(self, completion: CompletionSettings, context: ContextSettings) -> tuple[Problem, ...]:
        """The sizes that are larger than the user's own, which hold."""
        own = {"completion": completion, "context": context}
        return tuple(
            Problem(self.source, f"{section}.{key}", "larger than in your own settings, which hold")
            for (section, key), size in self.sizes.items()
            if size > getattr(own[section], key)
        )

    def _changes(self, section: str, settings: object) -> dict[str, object]:
        changes: dict[str, object] = {key: False for part, key in self.off if part == section}
        for (part, key), size in self.sizes.items():
            if part == section:
                changes[key] = min(getattr(settings, key), size)
        return changes


NONE = Restrictions()


def restrictions(raw: Mapping[str, object], source: str) -> Restrictions:
    """Read a parsed project file; everything that is no restriction is reported and left out."""
    reader = _Reader(source)
    for key, value in raw.items():
        name = snake(key)
        if name in (*SWITCHES, "privacy"):
            if isinstance(value, Mapping):
                reader.table(name, value)
            else:
                reader.report(key, "should be a table of keys and values")
        elif name != "schema_version":
            reader.report(key, TRUST)
    return Restrictions(
        source,
        frozenset(reader.off),
        MappingProxyType(reader.languages),
        MappingProxyType(reader.sizes),
        tuple(reader.deny),
        reader.mask,
        tuple(reader.problems),
    )


class _Reader:
    """One file being read."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.problems: list[Problem] = []
        self.off: set[tuple[str, str]] = set()
        self.languages: dict[str, bool] = {}
        self.sizes: dict[tuple[str, str], int] = {}
        self.deny: list[str] = []
        self.mask = False

    def report(self, path: str, message: str) -> None:
        self.problems.append(Problem(self._source, path, message))

    def table(self, section: str, table: Mapping[str, object]) -> None:
        switches, sizes = SWITCHES.get(section, ()), SIZES.get(section, ())
        more = {"completion": ("languages",), "privacy": ("deny", "mask_secrets")}.get(section, ())
        for key, value in table.items():
            name, path = snake(key), f"{section}.{key}"
            if name in switches:
                self._switch((section, name), path, value)
            elif name in sizes:
                self._size((section, name), path, value)
            elif name not in more:
                self.report(path, f"{TRUST}{did_you_mean(key, (*switches, *sizes, *more))}")
            elif name == "languages":
                self._languages(path, value)
            elif name == "deny":
                self._deny(path, value)
            else:
                self._mask(path, value)

    def _switch(self, key: tuple[str, str], path: str, value: object) -> None:
        if value is False:
            self.off.add(key)
        elif value is True:
            self.report(path, TRUST)
        else:
            self.report(path, "should be `false`")

    def _size(self, key: tuple[str, str], path: str, value: object) -> None:
        least = 0 if key[1] in _FROM_ZERO else 1
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            self.sizes[key] = value
        else:
            self.report(path, f"should be a whole number, at least {least}")

    def _deny(self, path: str, value: object) -> None:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.report(path, "should be a list of patterns")
        elif any(one.startswith("!") for one in value):
            self.report(path, TRUST)  # an exception would let out what the user holds back
        else:
            from twinny_lsp.patterns import is_pattern

            self.deny += filter(is_pattern, value)
            if not all(map(is_pattern, value)):
                self.report(path, "not all of it are patterns of .gitignore; the others hold")

    def _mask(self, path: str, value: object) -> None:
        if value is True:
            self.mask = True
        else:
            self.report(path, TRUST if value is False else "should be `true`")

    def _languages(self, where: str, table: object) -> None:
        if not isinstance(table, Mapping):
            self.report(where, "should be a table of language ids")
            return
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
