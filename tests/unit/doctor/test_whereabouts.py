from __future__ import annotations

import pytest

from twinny_lsp.doctor.whereabouts import Kind, read_text, whereabouts


@pytest.mark.parametrize(
    ("environment", "version", "files", "kind", "word"),
    [
        ({}, "Linux version 6.1", (), Kind.LOCAL, ""),
        ({"SSH_CONNECTION": "1 2 3 4"}, "Linux", (), Kind.SSH, "ssh -R"),
        ({}, "Linux version 5.15-microsoft-standard-WSL2", (), Kind.WSL, "mirrored"),
        ({"WSL_DISTRO_NAME": "Debian"}, "", (), Kind.WSL, "Windows"),
        ({}, "Linux", ("/.dockerenv",), Kind.CONTAINER, "host.docker.internal"),
        ({"CODESPACES": "true"}, "Linux", (), Kind.CONTAINER, "container itself"),
        ({"SSH_CLIENT": "x"}, "Linux", ("/run/.containerenv",), Kind.CONTAINER, "container"),
    ],
)
def test_where(
    environment: dict[str, str], version: str, files: tuple[str, ...], kind: Kind, word: str
) -> None:
    found = whereabouts(environment, lambda _: version, lambda path: path in files)
    assert found.kind is kind
    assert word in found.advice
    assert bool(found.advice) is (kind is not Kind.LOCAL)


def test_what_cannot_be_read_is_empty() -> None:
    assert read_text("/nowhere/at/all") == ""
