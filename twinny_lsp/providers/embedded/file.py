"""A model file as it lies there: whether it can be run at all, and what its header says.

Everything that can be known without a process. Not for running it: that is model.py.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from stat import S_ISREG

from twinny_lsp.errors import ModelMissing, Unsupported
from twinny_lsp.providers.embedded.failures import damaged
from twinny_lsp.providers.embedded.gguf import GgufFacts, NotGguf, NotWhole, read_facts
from twinny_lsp.providers.presets import INSTALL_HINT


class ModelFile:
    """One file; its header is read again only when the file has changed."""

    def __init__(self, path: Path, provider: str) -> None:
        self._path, self._provider = path, provider
        self._known: tuple[tuple[int, int], GgufFacts] | None = None

    def header(self) -> GgufFacts:
        """What the file says of itself. Blocks.

        Raises what the user has to hear: Unsupported (no llama.cpp here, not a model), ModelMissing (no
        such file), ServerFailure (its end is missing).
        """
        path, name = self._path, self._provider
        if importlib.util.find_spec("xllamacpp") is None:
            raise Unsupported(f"the embedded model needs llama.cpp: {INSTALL_HINT}", provider=name)
        try:
            stat = path.stat()
            if not S_ISREG(stat.st_mode):
                raise NotGguf("not a file")
            stamp = (stat.st_size, stat.st_mtime_ns)
            if self._known is None or self._known[0] != stamp:
                self._known = (stamp, read_facts(path))
        except FileNotFoundError:
            raise ModelMissing(f"there is no model file {path}", provider=name) from None
        except OSError as error:
            message = f"cannot read the model file {path}: {error.strerror}"
            raise ModelMissing(message, provider=name) from error
        except NotWhole as error:
            raise damaged(path, str(error), name) from error
        except NotGguf as error:
            raise Unsupported(f"not a GGUF model: {path} ({error})", provider=name) from error
        return self._known[1]
