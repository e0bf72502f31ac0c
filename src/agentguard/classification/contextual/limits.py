# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""From how many bits of surprise on is a token a secret, in each profile?

The better its surroundings, the less a token must look drawn. A limit that nothing reaches says
that the profile does not look for such tokens.

INVARIANT: no limit of a louder profile is above that of a quieter one
(tests/classification/test_contextual_limits.py).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agentguard.vocabulary import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bits of surprise, each from which on a token is a secret.

    Attributes:
        password: the value of a password's name.
        key: the value of a key's or token's name.
        hint: the value of a name that only hints at one.
        blank: the word behind such a name, with nothing but blanks between.
        chosen: the value of a password's name that is no word and may have been thought of.
        written: the value of a password's name, whatever it is.
        typed: one long run of letters and digits behind a name, which may have been typed in.
        near: a token near a name.
        near_hexadecimal: a token of hexadecimal digits near a name.
        alone: a token without a name, between quotes or blanks.
        inside: a token without a name, inside something else.
        hexadecimal: a token of hexadecimal digits without a name.
        whole: a token that is the whole text.
        field: a token of hexadecimal digits that a line gives to one name.
    """

    password: float
    key: float
    hint: float
    blank: float
    chosen: float
    written: float
    typed: float
    near: float
    near_hexadecimal: float
    alone: float
    inside: float
    hexadecimal: float
    whole: float
    field: float


LIMITS: Mapping[Profile, Limits] = MappingProxyType(
    {
        Profile.STRICT: Limits(
            password=14,
            key=24,
            hint=32,
            blank=45,
            chosen=4,
            written=20,
            typed=12,
            near=50,
            near_hexadecimal=60,
            alone=90,
            inside=120,
            whole=math.inf,
            field=math.inf,
            hexadecimal=math.inf,
        ),
        Profile.BALANCED: Limits(
            password=10,
            key=15,
            hint=22,
            blank=25,
            chosen=-30,
            written=15,
            typed=-math.inf,
            near=26,
            near_hexadecimal=30,
            alone=45,
            inside=60,
            whole=math.inf,
            field=55,
            hexadecimal=math.inf,
        ),
        Profile.PARANOID: Limits(
            password=5,
            key=8,
            hint=12,
            blank=15,
            chosen=-math.inf,
            written=-math.inf,
            typed=-math.inf,
            near=15,
            near_hexadecimal=18,
            alone=25,
            inside=30,
            whole=45,
            field=25,
            hexadecimal=30,
        ),
    }
)
