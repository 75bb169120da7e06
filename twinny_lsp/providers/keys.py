"""Gets an API key from where the settings say it is: a value, the environment, a file, a command.

Not for storing keys. No message and no log line holds one, not even a part of it.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from twinny_lsp.errors import SettingsError
from twinny_lsp.providers.endpoint import KeySource

_COMMAND_SECONDS = 5.0
_FILE_BYTES = 65536


async def resolve(source: KeySource, *, command_seconds: float = _COMMAND_SECONDS) -> str:
    """The key, or "" when none is set. Raises SettingsError, naming the place but never the content."""
    if source.value:
        return _checked(source.value.strip(), "apiKey")
    if source.env:
        key = os.environ.get(source.env, "").strip()
        if not key:
            raise SettingsError(
                f"apiKeyEnv: the environment variable {source.env} is not set for the language server. "
                "Set it for the editor's process, or use apiKeyFile or apiKeyCommand."
            )
        return _checked(key, f"apiKeyEnv {source.env}")
    if source.file:
        return _checked(await asyncio.to_thread(_from_file, source.file), f"apiKeyFile {source.file}")
    if source.command:
        return _checked(await _from_command(source.command, command_seconds), _command_name(source.command))
    return ""


def _from_file(name: str) -> str:
    try:
        with Path(name).expanduser().open("rb") as file:
            first = file.read(_FILE_BYTES).partition(b"\n")[0]
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no home folder"
        raise SettingsError(
            f"apiKeyFile: {name} cannot be read ({reason}). Put the key on its first line."
        ) from None
    key = first.decode("utf-8", "replace").lstrip("\ufeff").strip()
    if not key:
        raise SettingsError(f"apiKeyFile: the first line of {name} is empty. Put the key on its first line.")
    return key


async def _from_command(command: tuple[str, ...], seconds: float) -> str:
    name = _command_name(command)
    try:
        # No shell, and neither its output nor its complaints go anywhere but here: both may hold the key.
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a command"
        raise SettingsError(
            f"{name} could not be started ({reason}). Give the program's full path."
        ) from None
    try:
        output, _ = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        raise SettingsError(
            f"{name} gave no key within {seconds:g} s. It must not ask for anything."
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    key = output.partition(b"\n")[0].decode("utf-8", "replace").strip()
    if process.returncode or not key:
        ended = f"ended with status {process.returncode}" if process.returncode else "printed nothing"
        raise SettingsError(f"{name} {ended}. It must print the key on its first line.")
    return key


def _command_name(command: tuple[str, ...]) -> str:
    return f"apiKeyCommand {command[0]}"


def _checked(key: str, where: str) -> str:
    """Refuse what cannot stand in a header, before aiohttp says so with the key in its message."""
    if not (key.isascii() and key.isprintable()):
        raise SettingsError(f"{where}: the key has characters that no API key has (line ends, accents?).")
    return key
