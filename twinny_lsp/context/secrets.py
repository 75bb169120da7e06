"""Finds credentials in text and masks them, so that they are not sent along with code.

Precise rather than eager: what is masked has the well-known form of a credential, or is a value that looks
random and is assigned to a name like `password`. Hashes, UUIDs, names, placeholders and references to
variables stay, since a model needs them as they are.

Pure, and quick enough for the way of a keystroke: a text without a tell-tale word costs some searches in C.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Secret(NamedTuple):
    """`text[start:end]` is a credential; `kind` is for people."""

    start: int
    end: int
    kind: str


class _Form(NamedTuple):
    """A well-known form: where `pattern` matches, its group `it` is secret."""

    kind: str
    pattern: re.Pattern[str]


def _form(kind: str, pattern: str) -> _Form:
    return _Form(kind, re.compile(pattern))


_END = r"(?![A-Za-z0-9_-])"
_RUN = re.compile(r"[A-Za-z0-9_-]{16,}")
"""Every token below begins with one of these, or has one behind its first dot or colon."""

# By the first two characters of a run. The prefix is not masked: it tells the model what stands there.
# Prefixes and lengths are those the vendors publish.
_AWS = _form("AWS key", r"A(?:KIA|SIA|BIA|CCA)(?P<it>[A-Z2-7]{16})" + _END)
_STRIPE = _form("Stripe key", r"[sr]k_(?:live|test)_(?P<it>[A-Za-z0-9]{16,})" + _END)
_LONG = r"(?P<it>(?=[\w-]*\d)[A-Za-z0-9_-]{32,})" + _END
_FORMS: dict[str, tuple[_Form, ...]] = {
    "AK": (_AWS,),
    "AS": (_AWS,),
    "AB": (_AWS,),
    "AC": (_AWS,),
    "AA": (_form("bot token", r"(?<=\d{8}:)(?P<it>AA[\w-]{33})" + _END),),
    "AG": (_form("age key", r"AGE-SECRET-KEY-1(?P<it>[A-Z0-9]{58})"),),
    "AI": (_form("Google key", r"AIza(?P<it>[\w-]{35})" + _END),),
    "GO": (_form("Google secret", r"GOCSPX-(?P<it>[\w-]{28})" + _END),),
    "da": (_form("cloud token", r"dapi(?P<it>[0-9a-f]{32})"),),
    "do": (_form("cloud token", r"do[op]_v1_" + _LONG),),
    "ey": (_form("JSON web token", r"eyJ(?P<it>[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,})"),),
    "gh": (_form("GitHub token", r"gh[pousr]_(?P<it>[A-Za-z0-9]{36,255})" + _END),),
    "gi": (_form("GitHub token", r"github_pat_(?P<it>[A-Za-z0-9_]{60,})" + _END),),
    "gl": (_form("GitLab token", r"gl(?:pat|dt|rt|ptt|ft|cbt|soat)-(?P<it>(?=[\w-]*\d)[\w.-]{20,})"),),
    "gs": (_form("model provider's key", r"gsk_" + _LONG),),
    "hf": (_form("model provider's key", r"hf_" + _LONG),),
    "li": (_form("cloud token", r"lin_api_" + _LONG),),
    "np": (_form("npm token", r"npm_(?P<it>[A-Za-z0-9]{36})" + _END),),
    "pp": (_form("model provider's key", r"pplx-" + _LONG),),
    "py": (_form("PyPI token", r"pypi-AgE(?P<it>[\w-]{50,})"),),
    "r8": (_form("model provider's key", r"r8_" + _LONG),),
    "rk": (_STRIPE,),
    "sh": (_form("cloud token", r"shp(?:at|ss)_(?P<it>[0-9a-f]{32})" + _END),),
    "sk": (
        _STRIPE,
        _form(
            "model provider's key",
            r"sk-(?:[a-z0-9]{1,8}-){0,3}(?P<it>(?=[\w-]*\d)[\w-]*?(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{20,}[\w-]*)",
        ),
    ),
    "wh": (_form("webhook secret", r"whsec_(?P<it>[A-Za-z0-9+/=]{24,})"),),
    "xa": (
        _form("Slack token", r"xapp-(?P<it>\d-[A-Z0-9]+-\d+-[a-f0-9]{20,})"),
        _form("model provider's key", r"xai-" + _LONG),
    ),
    "xo": (_form("Slack token", r"xox[abeoprs]-(?P<it>(?=[\w-]*\d)[\w-]{10,})"),),
}
# Those that have a dot within their first characters: by what stands before the run.
_DOTTED: dict[str, _Form] = {
    "SG.": _form("SendGrid key", r"(?P<it>[\w-]{20,24}\.[\w-]{39,50})" + _END),
    "29.": _form("Google token", r"(?<=ya29\.)(?P<it>[\w-]{30,})"),
    "vs.": _form("cloud token", r"(?<=hvs\.)" + _LONG),
}
# Those without such a run: by a word that must be there.
_OTHERS: tuple[tuple[str, _Form], ...] = (
    (
        "hooks.slack.com",
        _form("Slack webhook", r"hooks\.slack\.com/(?:services|workflows)/(?P<it>T\w{6,}/\w{6,}/\w{16,})"),
    ),
    ("Key=", _form("Azure key", r"(?:Account|SharedAccess)Key=(?P<it>[\w+/]{40,}=*)")),
)
_PEM = re.compile(r"-----(?P<which>BEGIN|END) (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_LONGEST_KEY, _LONGEST_KEY_ROWS, _LONGEST_KEY_LINE = 16_000, 250, 200
_KEY_ROW = re.compile(r"[\s\"'+,]*[A-Za-z0-9+/=]{8,}(?:[\s\"'+,;)]|\\[nr])*$")
"""A line of a key's body, also of one in a string of several lines."""
_BASE64 = re.compile(r"(?:(?<=\\[nr])|(?<![\\A-Za-z0-9+/]))[A-Za-z0-9+/]{8,}={0,2}")

_ADDRESS = re.compile(r"://(?P<user>[^\s:/@\"'`<>{}$]{0,64}):(?P<it>[^\s/,@\"'`<>]{3,128})@[\w\[.%$-]")

_NAMES = ("passw", "passphrase", "pwd", "secret", "token", "credential", "authorization")
_KEYS = tuple(
    f"{word}{joint}"
    for word in ("api", "access", "auth", "private", "account", "encryption", "signing", "master")
    for joint in ("", "_", "-")
)
"""With `key` behind them, such names too."""

# name = "value", "name": "value", name: value (YAML), NAME=value (shell, ini), name => 'value', <name>value<.
_ASSIGNED = re.compile(
    r"(?P<name>[\w.-]{3,80})"
    r"(?:[\"'\]]{0,2}\s{0,20}(?::[\w.&' \[\]]{1,24}=|:=|=>|[:=]|,(?=\s*[\"']))\s{0,20}"
    r"|[ \t]{1,8}(?=[\"'])|>(?=[^<\s]+</))"
    r"(?:[A-Za-z]{0,2}(?P<quote>[\"'`])(?P<quoted>(?:(?!(?P=quote))[^\n\\]|\\.){8,400})(?P=quote)"
    r"|(?:(?i:bearer|basic|token)[ ]+)?(?P<bare>[^\s\"'`,;<>&(){}\[\]]{12,400})"
    r"(?=[ \t]*(?:\Z|[<&\r\n\"'`]|[ \t]#)))"
)
_SCHEME = re.compile(r"(?:bearer|basic|token)\s+", re.IGNORECASE)

_NOT_THE_VALUE = re.compile(
    r"(?i)hash|sha\d|md5|digest|checksum|fingerprint|public|regex|pattern|label|placeholder|hint|message|"
    r"title|description|prompt|(?:url|uri|path|file|dir|name|type|id|endpoint|count|header|field|key_id|"
    r"limit|length|expir\w*|ttl|prefix|suffix|format|class|scope|policy|version|env|column|param)s?$"
)
_PLACEHOLDER = re.compile(
    r"(?i)change.?me|example|placeholder|dummy|sample|your[_-]|insert|replace|redacted|todo|fixme|fake|"
    r"not.?a?.?real|invalid|default|foobar|test|mock|stub|xxx|\*\*\*|\.\.\.|1234567|abcdef|qwerty|hunter2|"
    r"password|passw0rd|secret|lorem|deadbeef|"
    r"^(?:pass|pw|pwd|admin|root|guest|user|tiger|postgres|mysql|rabbit|minio\w*|foo|bar|baz)$"
)
_REFERENCE = re.compile(
    r"[$%#@]\{|\$\(|\{\{|\}\}|<%|%>|^\$[A-Za-z_]\w*$|\$[A-Z_]{3}|%\(|%[sdv]\b|\{\w*\}|^<.*>$|^%\w+%$"
)
_EXPRESSION = re.compile(r"\[[^\]]*-[^\]]*\]|\\[dwsb]|\(\?|\{\d+,?\d*\}|^\^|\.\*|://")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WORDS = re.compile(r"[A-Za-z]*\d{0,4}(?:[ _./:\\@-][A-Za-z]*\d{0,4})*")
"""Words and what joins them: a name, a path, a sentence."""


def find(text: str) -> tuple[Secret, ...]:
    """The credentials in `text`, in order and without overlap."""
    found = list(_well_known(text))
    # An address or a name only tells where a value stands; a form tells which part of it is secret.
    found += [
        other
        for other in (*_in_addresses(text), *_assigned(text))
        if not any(other.start < one.end and one.start < other.end for one in found)
    ]
    kept: list[Secret] = []
    for secret in sorted(found):
        if not kept or secret.start >= kept[-1].end:
            kept.append(secret)
        elif secret.end > kept[-1].end:
            kept[-1] = kept[-1]._replace(end=secret.end)
    return tuple(kept)


def mask(text: str) -> str:
    """The text with `x` in the place of each character of a credential: same length, same lines."""
    parts, at = [], 0
    for secret in find(text):
        parts += [text[at : secret.start], _masked(text[secret.start : secret.end])]
        at = secret.end
    return "".join((*parts, text[at:])) if parts else text


def rest_of_keys(lines: Sequence[str], first: int, last: int) -> tuple[str, str]:
    """The text right above row `first` and right below row `last` that belongs to a key of which these rows
    show a part: without its header or footer it would not be known for one.
    """
    top, bottom = first, last + 1
    while 0 < top < len(lines) and first - top < _LONGEST_KEY_ROWS and _of_key(lines[top]):
        top -= 1
    while 0 < bottom < len(lines) and bottom - last < _LONGEST_KEY_ROWS and _of_key(lines[bottom - 1]):
        bottom += 1
    return "".join(lines[top:first]), "".join(lines[last + 1 : bottom])


def _of_key(line: str) -> bool:
    return len(line) < _LONGEST_KEY_LINE and _KEY_ROW.match(line) is not None


def _masked(secret: str) -> str:
    return "".join(char if char.isspace() else "x" for char in secret)


def _well_known(text: str) -> Iterator[Secret]:
    for run in _RUN.finditer(text):
        at = run.start()
        forms = _FORMS.get(text[at : at + 2], ())
        if (dotted := _DOTTED.get(text[at - 3 : at])) is not None:
            forms = (*forms, dotted)
        for form in forms:
            match = form.pattern.match(text, at)
            if match is not None and not _dummy(match["it"]):
                yield Secret(match.start("it"), match.end("it"), form.kind)
    if "PRIVATE KEY-----" in text or "KEY BLOCK-----" in text:
        yield from _private_keys(text)
    for sign, form in _OTHERS:
        if sign in text:
            for match in form.pattern.finditer(text):
                if not _dummy(match["it"]):
                    yield Secret(match.start("it"), match.end("it"), form.kind)


def _private_keys(text: str) -> Iterator[Secret]:
    """The lines of base64 between header and footer, or next to the one that there is."""
    done = 0
    for mark in _PEM.finditer(text):
        if mark["which"] == "BEGIN":
            end = text.find("-----END", mark.end(), mark.end() + _LONGEST_KEY)
            begin, end = mark.end(), end if end >= 0 else _base64_down(text, mark.end())
        else:
            begin, end = max(done, _base64_up(text, mark.start())), mark.start()
        for run in _BASE64.finditer(text, begin, end):
            yield Secret(run.start(), run.end(), "private key")
        done = max(done, end)


def _base64_down(text: str, at: int) -> int:
    """Where the lines of base64 end that begin below `at`."""
    at = text.find("\n", at) + 1
    while at > 0:
        end = text.find("\n", at)
        if not _BASE64.search(text, at, end if end >= 0 else len(text)):
            return at
        at = end + 1
    return len(text)


def _base64_up(text: str, at: int) -> int:
    """Where the lines of base64 begin that end above `at`."""
    begin = text.rfind("\n", 0, at) + 1
    while begin > 0:
        above = text.rfind("\n", 0, begin - 1) + 1
        if not _BASE64.fullmatch(text[above : begin - 1].strip("\r \t\"'+,")):
            return begin
        begin = above
    return begin


def _dummy(value: str) -> bool:
    """Whether a value in a well-known form is only there to show the form."""
    return "EXAMPLE" in value or "xxxx" in value.lower() or len(set(value)) < 6


def _in_addresses(text: str) -> Iterator[Secret]:
    at = text.find("://")
    while at >= 0:
        match = _ADDRESS.match(text, at)
        if match is not None and not _harmless(match["it"]) and match["it"] != match["user"]:
            yield Secret(match.start("it"), match.end("it"), "password in an address")
        at = text.find("://", at + 3)


def _harmless(value: str) -> bool:
    """Whether a value stands for another one, or is nobody's."""
    return bool(_REFERENCE.search(value) or _PLACEHOLDER.search(value)) or len(set(value)) < 4


def _assigned(text: str) -> Iterator[Secret]:
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters get longer
        lowered = text
    done = 0
    for at in _tell_tales(lowered):
        if at < done:
            continue
        match = _ASSIGNED.match(text, _name_start(text, at), at + 500)
        if match is None:
            continue
        done = match.end("name")
        group = "quoted" if match["quoted"] else "bare"
        start, value = match.start(group), match[group]
        if scheme := _SCHEME.match(value):
            start, value = start + scheme.end(), value[scheme.end() :]
        if _looks_secret(match["name"], value, quoted=group == "quoted"):
            yield Secret(start, match.end(group), "value of a secret's name")


def _tell_tales(lowered: str) -> list[int]:
    """Where a word stands that a secret's name could have, in order."""
    places: list[int] = []
    for name in _NAMES:
        places += _all(lowered, name)
    places += (at for at in _all(lowered, "key") if lowered.endswith(_KEYS, max(0, at - 12), at))
    return sorted(places)


def _all(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + len(word))


def _name_start(text: str, at: int) -> int:
    """Where the name begins that the word at `at` is a part of."""
    least = max(0, at - 40)
    while at > least and (text[at - 1].isalnum() or text[at - 1] in "_-."):
        at -= 1
    return at


def _looks_secret(name: str, value: str, *, quoted: bool) -> bool:
    if _NOT_THE_VALUE.search(name) or _harmless(value) or _EXPRESSION.search(value):
        return False
    if " " in value or _WORDS.fullmatch(value):
        return False
    if _UUID.fullmatch(value):
        return "token" not in name.lower()
    if not quoted and not _random(value, 3.2):
        return False
    kinds = sum(
        any(map(kind, value))
        for kind in (str.isdigit, str.islower, str.isupper, lambda char: not char.isalnum())
    )
    if "pass" in name.lower() or "pwd" in name.lower():
        return kinds >= 3 or (kinds >= 2 and _random(value, 3.2))
    return len(value) >= 16 and kinds >= 2 and _random(value, 3.0)


def _random(value: str, least: float) -> bool:
    """Whether it has letters and digits, and at least so many bits of entropy per character."""
    if not any(char.isdigit() for char in value) or not any(char.isalpha() for char in value):
        return False
    size = len(value)
    entropy = -sum(count / size * math.log2(count / size) for count in Counter(value).values())
    return entropy >= least
