# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a name promise of the value beside it?

Reads names as programs, headers and people write them: ``dbPassword``, ``DB_PASSWORD``,
``db.password``, ``X-Api-Key``, ``contraseña``. It looks at no value.

INVARIANT: every word that tells is found by its gate, so that none is missed for speed
(tests/classification/test_contextual_names.py).
"""

import re
from enum import IntEnum
from functools import lru_cache


class Worth(IntEnum):
    """How much of a secret the value of this name is before anybody looked at it."""

    NOTHING = 0
    # A drawn value right beside it is a secret.
    FAINT = 1
    # A drawn value near it is a secret.
    HINT = 2
    # A value that is no word is a secret.
    KEY = 3
    # What a person thought of is a secret, too.
    PASSWORD = 4


# Pieces of words in small letters; a text without one of them names nothing.
GATE: tuple[str, ...] = (
    *(
        "pass",
        "pw",
        "pswd",
        "securestring",
        "secret",
        "token",
        "key",
        "auth",
        "cred",
        "bearer",
        "private",
    ),
    *("access", "api", "sign", "sig", "salt", "cookie", "jwt", "dsn"),
    *("webhook", "encrypt", "hmac", "seed", "mnemonic", "otp"),
    *("kennwort", "contrase", "senha", "clave", "motdepasse", "mot de passe", "mdp", "wachtwoord"),
    *("parola", "heslo", "haslo", "has\u0142o", "losenord", "l\u00f6senord", "adgangskode"),
    *("salasana", "jelszo", "sifre", "\u015fifre", "geheim", "schluessel", "schl\u00fcssel"),
    *("\u043f\u0430\u0440\u043e\u043b\u044c", "\u5bc6\u7801", "\u5bc6\u78bc", "\u53e3\u4ee4"),
    *(
        "\u30d1\u30b9\u30ef\u30fc\u30c9",
        "\ube44\ubc00\ubc88\ud638",
        "identified by",
        "identified with",
    ),
    *("\uc554\ud638", "\u79d8\u5bc6", "\u5bc6\u94a5", "\u0441\u0435\u043a\u0440\u0435\u0442"),
)

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+")

_PASSWORD = re.compile(
    r"pass(?:w(?:or)?d|wrd|word|wort|phrase|code)|(?<![a-z])pass(?![a-z])|pwd|pswd|(?<![a-z])psw"
    r"|(?<![a-z])pw(?![a-z])|requirepass|sshpass|secure ?string|identified with"
    r"|kennwort|contrase|senha|mot ?de ?passe|(?<![a-z])mdp|wachtwoord|parola|heslo"
    r"|has[l\u0142]o|l[o\u00f6]senord|adgangskode|salasana|jelszo|[s\u015f]ifre"
    r"|\u043f\u0430\u0440\u043e\u043b\u044c|\u5bc6[\u7801\u78bc]|\u53e3\u4ee4"
    r"|\u30d1\u30b9\u30ef\u30fc\u30c9|\ube44\ubc00\ubc88\ud638|identified by|\uc554\ud638"
)
_KEY = re.compile(
    r"secret|token|api ?key|(?:access|auth|private|secret|encryption|signing|master|service|license"
    r"|account|admin|consumer|app|shared|deploy|license|server|client|write|read|storage|crypt) ?key"
    r"|credential|bearer|authorization|geheim|clave|\u79d8\u5bc6|\u5bc6\u94a5"
    r"|\u0441\u0435\u043a\u0440\u0435\u0442|(?<![a-z])creds?(?![a-z])"
)
_HINT = re.compile(
    r"(?<![a-z])(?:api|auth|oauth|access|private|jwt|hmac|webhook|encrypt(?:ed|ion)?|basicauth)"
    r"(?![a-z])|key(?![a-z])|schl(?:ue|\u00fc)ssel|(?:auth|access|private)(?![a-z])"
)
_FAINT = re.compile(
    r"(?<![a-z])(?:sig|signature|sign|signing|salt|cookie|dsn|seed|mnemonic"
    r"|otp)(?![a-z])"
)
# Behind a word that tells, these say that the value is about a secret and none itself.
_ABOUT = re.compile(
    r"(?<![a-z])(?:id|ids|name|names|type|types|file|files|filename|path|dir|directory|url|uri"
    r"|urls|endpoint|host|length|len|size|count|max|min|limit|limits|ttl|age|expir\w*|timeout|field"
    r"|fields|label|title|placeholder|hint|prompt|message|msg|error|policy|policies|format|pattern"
    r"|regex|regexp|param|params|parameter|header|headers|class|enabled|required|valid|validator"
    r"|reset|forgot|strength|manager|provider|generator|encoder|input|box|form|column|attr"
    r"|attribute|prefix|suffix|scope|scopes|uri|usage|version|store|source|button|text|desc"
    r"|description|algorithm|alg|method|mode|function|hash|hashes|digest|ref|index|idx|kind|status"
    r"|budget|rate|cost|price|window|position|offset|ring|word|words|board|code|codes|dict|list"
    r"|map|set|array|tuple|iterator|func|handler|callback|factory|service|client|server|bearer)"
    r"(?:s)?\Z"
)
_HARMLESS = re.compile(
    r"public(?: [a-z]+){0,2}? (?:key|token|sig|signature)s?(?: token)?|(?<![a-z])pub ?key|(?<![a-z])(?:foreign|primary|partition|sort|hot|cache|composite|unique|idempotency|dedup\w*|shard|routing)"
    r" ?key|key ?(?:board|word|stroke|frame|note|ring)|(?<![a-z])(?:mon|don|tur|hoc|joc|whis)keys?(?![a-z])|compass"
    r"|passage|passenger|author(?!iz)|token ?(?:iz|is)|bypass|passed|passing|passive|accessib"
    r"|(?<![a-z])(?:next|page|paging|pagination|continuation|sync|idempotency|request|change|action|cancel\w*"
    r"|resume|cursor|marker) ?tokens?|max ?tokens|(?<![a-z])(?:num|total|prompt|completion|input|output|n|stop|special|pad|eos|bos|unk|mask) ?tokens?"
)
_LESS = {
    Worth.FAINT: Worth.NOTHING,
    Worth.HINT: Worth.FAINT,
    Worth.KEY: Worth.HINT,
    Worth.PASSWORD: Worth.HINT,
}
# PassWord is written as two words.
_PASS_WORD = re.compile(r"(?<![a-z])pass (?=(?:word|phrase|code|wd)s?(?![a-z]))")
_MOST = 96


def split(name: str) -> str:
    """Return a name as words in small letters with blanks between."""
    words = " ".join(_WORD.findall(_HUMP.sub(" ", name))).lower()
    return _PASS_WORD.sub("pass", words)


@lru_cache(maxsize=2048)
def worth(name: str) -> Worth:
    """Say what a name promises."""
    words = split(name[-_MOST:])
    # Only what is harmless is left out: the public password of an author is a password.
    words = _HARMLESS.sub(" ", words)
    found = Worth.NOTHING
    if _PASSWORD.search(words):
        found = Worth.PASSWORD
    elif _KEY.search(words):
        found = Worth.KEY
    elif _HINT.search(words):
        found = Worth.HINT
    elif _FAINT.search(words):
        found = Worth.FAINT
    return _LESS[found] if found and _ABOUT.search(words) else found
