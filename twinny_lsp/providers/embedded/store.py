"""The models the embedded provider can run: those that were pulled, one the settings name, the tiny one.

A name finds a file here: a known model's name, or a file's name with or without `.gguf`. Not for getting
models (twinny_lsp/pull), nor for running them (model.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from twinny_lsp.errors import ModelMissing
from twinny_lsp.providers.embedded.catalogue import KNOWN, known
from twinny_lsp.providers.endpoint import Endpoint

TINY_FILE = Path(__file__).parents[2] / "assets" / "tiny-fim-q8_0.gguf"
TINY_NAME = "tiny-fim"
SUFFIX = ".gguf"


@dataclass(frozen=True, slots=True)
class Store:
    """`folder` has what was pulled; `chosen` is the file of the settings, which answers to every name."""

    folder: Path
    chosen: Path | None = None
    provider: str = "embedded"

    @classmethod
    def of(cls, endpoint: Endpoint) -> Store:
        """As the settings of the provider say."""
        folder = _path(endpoint.options.get("model_directory")) or default_folder()
        return cls(folder, _path(endpoint.options.get("model_path")), endpoint.name)

    def path(self, model: str) -> Path:
        """The file of a model ("": what there is without choosing). Raises ModelMissing. Reads a folder."""
        if self.chosen is not None:
            return self.chosen
        if model in ("", TINY_NAME, TINY_FILE.stem):
            return TINY_FILE
        if (found := self.pulled_as(model)) is not None:
            return found
        advice = f"Get it with `twinny-lsp pull {model}`."
        if known(model) is None:
            advice = "Get one with `twinny-lsp pull`, or name its file in `modelPath`."
            if names := [name for name, _ in self.models()]:
                advice = f"There is: {', '.join(names)}. {advice}"
        message = f"the embedded provider has no model {model} in {self.folder}. {advice}"
        raise ModelMissing(message, provider=self.provider)

    def pulled_as(self, model: str) -> Path | None:
        """The pulled file of that name, or None. Reads a folder."""
        wanted = {_plain(model)}
        if (listed := known(model)) is not None:
            wanted.add(_plain(listed.file))
        return next((path for path in self.pulled() if _plain(path.name) in wanted), None)

    def pulled(self) -> list[Path]:
        """The models in the folder, by name. Reads it; a folder that is not there has none."""
        try:
            return sorted(path for path in self.folder.iterdir() if path.suffix.lower() == SUFFIX)
        except OSError:
            return []

    def models(self) -> list[tuple[str, Path]]:
        """Every model there is, under the name the settings give it. Reads a folder."""
        if self.chosen is not None:
            return [(name_of(self.chosen), self.chosen)]
        return [*((name_of(path), path) for path in self.pulled()), (TINY_NAME, TINY_FILE)]


def default_folder() -> Path:
    """Where models go when the settings name no folder."""
    from platformdirs import user_data_path

    return user_data_path("twinny-lsp", appauthor=False) / "models"


def name_of(path: Path) -> str:
    """What a file is called in the settings: a known model by its name, others by their file's."""
    if path == TINY_FILE:
        return TINY_NAME
    return next((model.name for model in KNOWN if _plain(model.file) == _plain(path.name)), path.stem)


def _path(value: object) -> Path | None:
    """What is no text, or an empty one, counts as left out."""
    return Path(value).expanduser().absolute() if isinstance(value, str) and value else None


def _plain(name: str) -> str:
    return name.strip().lower().removesuffix(SUFFIX)
