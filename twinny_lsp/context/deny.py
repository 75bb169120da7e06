"""Which files are held back by their name alone: those that may hold secrets, and those that tell nothing.

Pure: a path in, a verdict out, so that it is known before anything is read. Ignore files are ignores.py's.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """SECRET: no model may see it, so there is no completion in it either. NOISE: of no use as context."""

    SECRET = "secret"  # noqa: S105 - no secret
    NOISE = "noise"


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a file is held back; `reason` ends a sentence that begins with the file's name."""

    kind: Kind
    reason: str


# Compared in lower case. A folder's name holds back all that is in it.
_PRIVATE_FOLDERS = """
    .ssh .aws .azure .gnupg .kube .password-store .terraform.d .vault .secrets .chef .oci .aliyun
    legacy_credentials
"""
_PRIVATE_PATHS = ("/.docker/config.json", "/.gem/credentials", "/.cargo/credentials", "/gh/hosts.yml")
_PRIVATE_FILES = """
    .env .env.* *.env .envrc .dev.vars
    *.pem *.key *.p12 *.pfx *.p8 *.jks *.keystore *.bks *.ppk *.crt *.cer *.der *.csr *.p7b *.asc *.gpg *.pgp
    *.age *.kdbx *.kdb *.psafe3 *.agilekeychain *.keychain *.keychain-db *.ovpn *.mobileprovision
    id_rsa id_dsa id_ecdsa id_ed25519 id_rsa.* id_dsa.* id_ecdsa.* id_ed25519.* *_rsa *_dsa *_ecdsa *_ed25519
    authorized_keys known_hosts kubeconfig kubeconfig.y*ml *.kubeconfig
    *.tfstate *.tfstate.* *.tfvars *.tfvars.json .terraformrc terraform.rc
    .netrc _netrc .npmrc .yarnrc.yml .pypirc .pgpass .my.cnf .mylogin.cnf .htpasswd shadow .vault_pass*
    .git-credentials .gitcookies .dockercfg .dockerconfigjson .s3cfg .boto .vault-token .authinfo .authinfo.*
    .rclone.conf rclone.conf .databrickscfg .msmtprc .fetchmailrc .cvspass .credentials .credentials.*
    client_secret*.json client-secret*.json service-account*.json service_account*.json serviceaccount*.json
    google-services.json googleservice-info.plist application_default_credentials.json firebase-adminsdk*.json
    *.secret *.secrets token.json .token *.token auth.json .auth.json
    .bash_history .zsh_history .sh_history fish_history .python_history .psql_history .mysql_history
    .sqlite_history .node_repl_history .irb_history .lesshst .viminfo
    wallet.dat *.wallet *.mnemonic cookies.txt cookies.sqlite logins.json key3.db key4.db
"""
_PRIVATE_WORDS = ("credentials", "secrets", "secret", "passwords")
_DATA = "json yml yaml toml ini xml csv txt properties env conf cfg enc yml.enc sops.yaml tfvars"
"""Endings that make a file of such a name data: `secrets.py` is code, and its secrets are masked."""
_NOT_PRIVATE = """
    .env.example .env.*.example .env.sample .env.template .env.dist .env.defaults .env.schema example.env
    sample.env template.env *.pub *.d.ts
"""
_NOISE_FOLDERS = """
    .git .hg .svn .bzr node_modules bower_components site-packages __pycache__ .venv venv .tox .nox
    .mypy_cache .ruff_cache .pytest_cache .hypothesis .terraform .next .nuxt .svelte-kit .angular .turbo
    .parcel-cache .gradle .idea .vs .cache .eggs deriveddata pods elm-stuff dist-newstyle .stack-work
    .dart_tool .bundle .serverless
"""
_NOISE_FILES = """
    *.lock *.lockb *.lockfile *-lock.json *-lock.yaml npm-shrinkwrap.json packages.lock.json pubspec.lock
    go.sum go.work.sum
    *.min.js *.min.css *.min.mjs *.min.html *-min.js *.bundle.js *.bundle.css *.chunk.js *.chunk.css *.map
    *_pb2.py *_pb2.pyi *_pb2_grpc.py *.pb.go *.pb.cc *.pb.h *.pb.rs *_grpc.pb.go *.pb.gw.go *.pulsar.go
    *.g.dart *.freezed.dart *.mocks.dart *.designer.cs *.g.cs *.g.i.cs *.generated.* *_generated.* *.gen.*
    *_gen.go zz_generated* *_mock.go *.snap *.ambr *.tsbuildinfo
    *.svg *.csv *.tsv *.log *.ndjson *.jsonl *.geojson *.ipynb_checkpoints *.po *.pot *.mo *.xlf
    *.png *.jpg *.jpeg *.gif *.bmp *.ico *.webp *.avif *.heic *.tif *.tiff *.psd *.pdf *.mp3 *.mp4 *.wav *.ogg
    *.flac *.mov *.avi *.mkv *.webm *.zip *.gz *.bz2 *.xz *.zst *.7z *.rar *.tar *.tgz *.jar *.war *.whl *.egg
    *.exe *.dll *.so *.dylib *.a *.o *.obj *.lib *.class *.pyc *.pyo *.pyd *.wasm *.bin *.dat *.db *.sqlite
    *.sqlite3 *.mdb *.parquet *.arrow *.feather *.npy *.npz *.pkl *.pickle *.h5 *.onnx *.pt *.pth *.gguf
    *.safetensors *.ttf *.otf *.woff *.woff2 *.eot *.iso *.dmg *.deb *.rpm *.apk *.ipa .ds_store
"""


class _Names:
    """Patterns for names, sorted by kind: one expression for all of them would take long to compile."""

    def __init__(self, patterns: Iterable[str]) -> None:
        kinds: dict[str, list[str]] = {"whole": [], "end": [], "other": []}
        for pattern in patterns:
            rest = pattern.removeprefix("*")
            kind = "other" if re.search(r"[*?\[]", rest) else "whole" if rest == pattern else "end"
            kinds[kind].append(rest if kind == "end" else pattern)
        self._whole, self._ends = frozenset(kinds["whole"]), tuple(kinds["end"])
        self._others = re.compile("|".join(map(fnmatch.translate, kinds["other"])) or "(?!)")

    def __contains__(self, name: str) -> bool:
        return name in self._whole or name.endswith(self._ends) or bool(self._others.match(name))


_PRIVATE_NAME = _Names(
    (
        *_PRIVATE_FILES.split(),
        *_PRIVATE_WORDS,
        *(f"*{word}.{ending}" for word in _PRIVATE_WORDS for ending in _DATA.split()),
    )
)
_PRIVATE_FOLDER, _NOISE_FOLDER = frozenset(_PRIVATE_FOLDERS.split()), frozenset(_NOISE_FOLDERS.split())
_NOT_PRIVATE_NAME, _NOISE_NAME = _Names(_NOT_PRIVATE.split()), _Names(_NOISE_FILES.split())

_PRIVATE = Denial(Kind.SECRET, "is held back: files of this name usually hold secrets")
_IN_PRIVATE_FOLDER = Denial(Kind.SECRET, "is held back: it is in a folder that usually holds secrets")
_NOISE = Denial(Kind.NOISE, "is held back: made by a program, or not text")


@lru_cache(maxsize=4096)
def denied(path: str) -> Denial | None:
    """The built-in list's verdict on a path (forward slashes); None: nothing speaks against it."""
    *folders, name = path.lower().split("/")
    if not _PRIVATE_FOLDER.isdisjoint(folders):
        return _IN_PRIVATE_FOLDER
    if f"/{path.lower()}".endswith(_PRIVATE_PATHS):
        return _PRIVATE
    if name in _PRIVATE_NAME and name not in _NOT_PRIVATE_NAME:
        return _PRIVATE
    if not _NOISE_FOLDER.isdisjoint(folders) or name in _NOISE_NAME:
        return _NOISE
    return None


_GENERATED = re.compile(
    r"@generated\b|(?i:code generated .{0,60}do not edit|automatically generated|auto-?generated (?:by|file))"
)
_HEAD_CHARS = 1_000
_LONGEST_LINE = 2_000
_MEAN_LINE = 250


def useless(text: str) -> str:
    """Why a file's text is of no use as context: binary, generated or minified; "" if it is of use."""
    head = text[:_HEAD_CHARS]
    if "\0" in head:
        return "it is no text"
    if _GENERATED.search(head):
        return "it was made by a program"
    lines = text.count("\n") + 1
    if len(text) > _LONGEST_LINE and (len(text) > _MEAN_LINE * lines or "\n" not in text[:_LONGEST_LINE]):
        return "its lines are too long to be written by hand"
    return ""
