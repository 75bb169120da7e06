"""`twinny-lsp config [show|schema|path|check]`: the settings as they hold here, outside of any editor."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from twinny_lsp.cli.console import complain, out, out_json, read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from twinny_lsp.config.store import SettingsStore


def run(options: argparse.Namespace) -> int:
    """0; `check` gives 1 when something is wrong."""
    return {"show": show, "schema": schema, "path": path, "check": check}[options.what]()


def show() -> int:
    """All settings with their defaults, and which source sets what. No secret is shown."""
    store = read_settings()
    settings = store.global_settings()
    out_json(
        {
            "settings": settings.as_json(),
            "sources": [{"source": "defaults"}, _user_file(store.user_file)],
            "problems": [str(problem) for problem in settings.problems],
        }
    )
    return 0


def _user_file(file: Path) -> dict[str, Any]:
    from twinny_lsp.config.cleaning import clean
    from twinny_lsp.config.sources import PATH_VARIABLE, read_toml, shown_path

    read = read_toml(file)
    sets = list(_keys(clean(read.table, "").values)) if read.table is not None else []
    moved = {"movedBy": PATH_VARIABLE} if os.environ.get(PATH_VARIABLE) else {}
    return {"source": shown_path(file), "there": read.stamp is not None, "sets": sets, **moved}


def _keys(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Dotted keys, without what they are set to."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _keys(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"


def schema() -> int:
    """The JSON schema, for editors that check and complete JSON settings."""
    from twinny_lsp.config.schema import json_schema

    out_json(json_schema())
    return 0


def path() -> int:
    """The user file's path on stdout; on stderr, whether it is there."""
    from twinny_lsp.config.sources import PATH_VARIABLE, user_config_path

    file = user_config_path()
    out(str(file))
    moved = f", named by {PATH_VARIABLE}" if os.environ.get(PATH_VARIABLE) else ""
    complain(f"({'it is there' if file.is_file() else 'it is not there: the defaults hold'}{moved})")
    return 0


def check() -> int:
    """Every problem of the user's file and templates, a line each; hints do not count."""
    store = read_settings()
    problems = store.problems()
    for problem in problems:
        out(f"hint: {problem}" if problem.hint else str(problem))
    wrong = [str(problem) for problem in problems if not problem.hint]
    wrong += [said for said in (_template(store), _completion(store)) if said and said not in wrong]
    if wrong:
        return 1
    out(f"{store.user_file}: {'no problem' if store.user_file.is_file() else 'not there; the defaults hold'}")
    return 0


def _template(store: SettingsStore) -> str:
    """What is wrong with the user's own FIM template, if there is one."""
    from twinny_lsp.errors import TemplateError
    from twinny_lsp.fim.custom import CustomTemplates

    try:
        CustomTemplates(store.global_settings().template_directory).load()
    except TemplateError as error:
        out(str(error))
        return str(error)
    return ""


def _completion(store: SettingsStore) -> str:
    """A completion that is switched on and yet has nobody to ask is a problem, too."""
    settings = store.global_settings()
    base = settings.completion_for("plaintext")
    if base.target is None and not any(not problem.hint for problem in settings.problems):
        out(base.off_reason)
        return base.off_reason
    return ""
