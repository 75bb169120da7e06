"""Where a model comes from: a known name or an address, and which addresses are taken at all.

https, or plain http to this machine. Not for asking a server anything: that is fetch.py.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from twinny_lsp.errors import PullError
from twinny_lsp.providers.embedded.catalogue import KNOWN, known
from twinny_lsp.providers.embedded.store import name_of

_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+ -]{0,200}\.gguf", re.IGNORECASE)
_PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PAGE = "huggingface.co"
"""A site whose pages show a file at `/blob/`, which is where people copy the address from."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file to get: its address, what it is called on disk and in the settings; `sha256` may be ""."""

    url: str
    file: str
    name: str
    sha256: str = ""


def source_of(what: str, sha256: str = "") -> Source:
    """What `twinny-lsp pull WHAT` means. Raises PullError."""
    checksum = sha256.strip().lower().removeprefix("sha256:")
    if checksum and not _SHA256.fullmatch(checksum):
        raise PullError("A SHA-256 checksum has 64 hexadecimal digits.")
    if "://" in what:
        url = _to_file(what)
        check_address(url)
        file = unquote(urlsplit(url).path).rpartition("/")[2]
        _check_file(file)
        return Source(url, file, name_of(Path(file)), checksum)
    model = known(what)
    if model is None:
        names = [model.name for model in KNOWN]
        near = difflib.get_close_matches(what.lower().replace(":", "-"), names, 1, 0.5)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise PullError(
            f"No model {what} is known. {hint}`twinny-lsp pull` lists the known ones; any other comes by the "
            "address of its GGUF file (https://…)."
        )
    return Source(model.url, model.file, model.name, checksum)


def check_address(url: str, came_from: str = "") -> None:
    """Raise PullError for an address that is not taken; `came_from` is the one that redirected to it."""
    by = f"{shown(came_from)} sends us on to {shown(url)}: " if came_from else f"{shown(url)}: "
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise PullError(f"{by}that is no address.") from error
    if parts.scheme not in ("https", "http") or not host:
        raise PullError(f"{by}an address begins with https://.")
    if parts.username or parts.password:
        raise PullError(f"{by}an address with a name or a password in it is not taken.")
    here = is_this_machine(host)
    if parts.scheme == "http" and not here:
        raise PullError(f"{by}a model is only taken over https (or from this machine).")
    if here and came_from and not is_this_machine(urlsplit(came_from).hostname or ""):
        raise PullError(f"{by}another machine does not get to send us to this one.")


def next_address(url: str, location: str) -> str:
    """Where a redirect leads. Raises PullError for an address that is not taken."""
    if not location:
        raise PullError(f"{shown(url)} redirects, but does not say where to.")
    try:
        following = urljoin(url, location)
    except ValueError as error:
        raise PullError(f"{shown(url)} redirects to something that is no address.") from error
    check_address(following, url)
    return following


def is_this_machine(host: str) -> bool:
    """Whether a host is the loopback, by its text alone: nothing is resolved."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown(url: str) -> str:
    """An address for a person: without its query, which may hold a signature, and without a password."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _to_file(url: str) -> str:
    """The address of the file that a page shows; any other address as it is, without its fragment."""
    parts = urlsplit(url.strip())
    path = parts.path
    if parts.hostname == _PAGE and path.count("/blob/") == 1:
        path = path.replace("/blob/", "/resolve/")
    return urlunsplit((parts.scheme.lower(), parts.netloc, path, parts.query, ""))


def _check_file(file: str) -> None:
    if not _FILE.fullmatch(file):
        raise PullError(f"The address must be that of a GGUF file, with a plain name and .gguf: {file!r}")
    if _PART.search(file):
        raise PullError(
            f"{file} is one part of several. Choose a file in one piece, or get all parts into one folder "
            "yourself and name the first one in `providers.embedded.modelPath`."
        )
