# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does only the name of a member give away?

Such as the value of ``aws_secret_access_key``, which looks like any other forty characters, and the
digits behind ``phoneNumber``.

INVARIANT: what is found behind a name lies inside the value (tests/redaction/test_telling.py).
"""

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeGuard

from agentguard.redaction.pieces import Span
from agentguard.vocabulary import Finding

LONGEST_TELLING = 256
# The names of members come again with every call.
LONGEST_REMEMBERED = 64
# A value of more lines is a text of its own.
MOST_LINES = 8
_LINE = re.compile(r"[^\r\n]+")
_AROUND = " \t\"'`\u201c\u201d"

# Members that say no more than that they hold something, and those that say beside them what.
_HOLDING = frozenset(
    {
        *("value", "val", "content", "text", "string", "data", "default", "plain", "plaintext"),
        *("raw", "current", "old", "new", "previous", "next", "stringvalue", "secretstring", "v"),
        *("_", "#text", "$", "$t"),
    }
)
_NAMING = frozenset(
    {
        *("name", "key", "label", "field", "variable", "var", "env", "header", "parameter", "k"),
        *("param", "attribute", "property", "option", "setting", "title", "question", "prompt"),
    }
)
_PAIR = 2

_LETTER = re.compile("[A-Za-z]")
# The words of ``classification.contextual.names``, without the longer ones that hold a shorter.
_CREDENTIAL_KEY = re.compile(
    r"(?i)key|secret|token|pass|pw|pswd|securestring|auth|cred|connection|bearer|private|access|api|sig|salt"
    r"|cookie|jwt|dsn|webhook|encrypt|hmac|seed|mnemonic|otp|kennwort|contrase|senha"
    r"|clave|mdp|wachtwoord|parola|heslo|has[l\u0142]o|l[o\u00f6]senord|adgangskode|salasana|jelszo"
    r"|[s\u015f]ifre|geheim|schl(?:ue|\u00fc)ssel|\u043f\u0430\u0440\u043e\u043b\u044c"
    r"|\u0441\u0435\u043a\u0440\u0435\u0442|\u5bc6[\u7801\u78bc\u94a5]|\u53e3\u4ee4"
    r"|\u30d1\u30b9\u30ef\u30fc\u30c9|\ube44\ubc00\ubc88\ud638|\uc554\ud638|\u79d8\u5bc6"
    r"|identified"
)
# What a provider sealed must come back to it as it was, and is nobody's credential.
_SEALED = frozenset(
    {
        *("signature", "thought_signature", "thoughtSignature"),
        *("encrypted_content", "encrypted_index", "encrypted_stdout"),
    }
)
# Of the phrases of ``classification.personal`` those that name what stands behind them.
_PERSONAL_KEY = re.compile(
    r"\b(?:ssn|social (?:security|insurance)|national (?:id|insurance|identity)|nino|dni|nie|cpf|curp"
    r"|aadhaar|bsn|pesel|personnummer|hetu|nric|personal (?:number|code)|(?:id|identity) card"
    r"|tax|taxpayer|tin|ein|vat|nif|siret|cnpj|cuit|steuer(?:nummer|id)?"
    r"|passport|reisepass|licen[cs]e|permis|phone|telephone|tel|mobile|cell|fax|whatsapp|handy"
    r"|telefono|telefon|movil|iban|account (?:number|no|nr)|bank account|konto(?:nummer)?|cuenta"
    r"|routing|sort code|bic|swift|birth|birthday|birthdate|dob|geburtsdatum|nacimiento|naissance"
    r"|patient|nhs|medicare|insurance|mrn|npi|wallet|address|zip|postcode)\b"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def tells(key: str) -> bool:
    """Say whether the value of a member of this name is to be looked at together with it."""
    return _names(key) if len(key) <= LONGEST_REMEMBERED else _looked_at(key)


def _looked_at(key: str) -> bool:
    if key in _SEALED:
        return False
    words = " ".join(_WORD.findall(key[-LONGEST_TELLING:])).lower()
    return names_a_credential(key) or _PERSONAL_KEY.search(words) is not None


def names_a_credential(key: str) -> bool:
    """Say whether a name may be that of a credential."""
    if _CREDENTIAL_KEY.search(key) is not None:
        return True
    # What reads like a name although it mixes scripts is left to who reads it together.
    return not key.isascii() and (
        _LETTER.search(key) is not None or unicodedata.normalize("NFKC", key).isascii()
    )


def name_of(step: str | int, beside: Iterable[object], outer: str) -> str:
    """Return the name that tells what a member or an item is, which may not be its own.

    ``value`` is told by the ``name`` beside it, or by the name of what holds both; the second of
    two items by the first.

    Args:
        step: the name of the member, or the index of the item.
        beside: the members of its object as pairs, or the items of its array.
        outer: the name of what holds it.
    """
    if isinstance(step, int):
        pair = tuple(beside) if step == 1 else ()
        return pair[0] if len(pair) == _PAIR and _is_name(pair[0]) else outer
    if step.lower() not in _HOLDING:
        return step
    pairs = (pair for pair in beside if isinstance(pair, tuple) and len(pair) == _PAIR)
    named = (value for name, value in pairs if str(name).lower() in _NAMING and _is_name(value))
    return next(named, outer or step)


def _is_name(node: object) -> TypeGuard[str]:
    return isinstance(node, str) and len(node) <= LONGEST_REMEMBERED and tells(node)


_names = functools.lru_cache(maxsize=1024)(_looked_at)


def found_behind_key(key: str, text: str, find: Callable[[str], Sequence[Finding]]) -> list[Span]:
    """Return what is found in the value *text* when it is read behind its name, sorted."""
    head = f'{key[-LONGEST_TELLING:]}="'  # a longer name says no more, at each value's cost
    shift = len(head)
    spans: list[Span] = []
    for start, value in _values(text):
        for spot in find(f'{head}{value}"'):
            first, last = max(spot.start - shift, 0), min(spot.end - shift, len(value))
            if first < last:
                spans.append((start + first, start + last, spot.data_class))
    return sorted(spans)


def _values(text: str) -> Iterator[tuple[int, str]]:
    """Yield a text and the values on its lines, without what stands around them, with places."""
    yield 0, text
    lines = list(islice(_LINE.finditer(text), MOST_LINES + 1))
    for line in lines if len(lines) <= MOST_LINES else ():
        value = line.group().strip(_AROUND)
        # A quote inside a value would end it.
        value = value.replace('"', "'")
        if value and value != text:
            yield line.start() + len(line.group()) - len(line.group().lstrip(_AROUND)), value
