# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does only the name of a member give away?

Such as the value of ``aws_secret_access_key``, which looks like any other forty characters.

INVARIANT: what is found behind a name lies inside the value (tests/redaction/test_telling.py).
"""

import functools
import re
from collections.abc import Callable, Sequence

from agentguard.redaction.pieces import Span
from agentguard.vocabulary import Finding

LONGEST_TELLING = 256
# The names of members come again with every call.
LONGEST_REMEMBERED = 64

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


def names_a_credential(key: str) -> bool:
    """Say whether the value of a member of this name is to be looked at together with it."""
    return _names(key) if len(key) <= LONGEST_REMEMBERED else _looked_at(key)


def _looked_at(key: str) -> bool:
    return _CREDENTIAL_KEY.search(key) is not None


_names = functools.lru_cache(maxsize=1024)(_looked_at)


def found_behind_key(key: str, text: str, find: Callable[[str], Sequence[Finding]]) -> list[Span]:
    """Return what is found in the value *text* when it is read behind its name, sorted."""
    head = f'{key[-LONGEST_TELLING:]}="'  # a longer name says no more, at each value's cost
    shift = len(head)
    spans = (
        (max(spot.start - shift, 0), min(spot.end - shift, len(text)), spot.data_class)
        for spot in find(f'{head}{text}"')
    )
    return [span for span in spans if span[0] < span[1]]
