# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which classes of data does agentguard find by itself, and what does it do with them?

The built-in classes with their default actions, the shape of an organisation's own class, and
what a detector is.
A policy may give a class another action; the names stay.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from agentguard.vocabulary import Action, DataClass, Finding

SECRET = "secret"  # noqa: S105 - the name of a family of classes
PII = "pii"
ORGANISATION = "organisation"

API_KEY = "api_key"
CREDENTIAL = "credential"
EMAIL = "email"
JWT = "jwt"
PAYMENT_CARD = "payment_card"
PRIVATE_KEY = "private_key"

BUILT_IN_CLASSES: tuple[DataClass, ...] = (
    DataClass(name=EMAIL, family=PII, action=Action.TOKENISE),
    DataClass(name=PAYMENT_CARD, family=PII, action=Action.TOKENISE),
    DataClass(name=API_KEY, family=SECRET, action=Action.REDACT),
    DataClass(name=PRIVATE_KEY, family=SECRET, action=Action.REDACT),
    DataClass(name=JWT, family=SECRET, action=Action.REDACT),
    DataClass(name=CREDENTIAL, family=SECRET, action=Action.REDACT),
)


class Detector(Protocol):
    """Something that points at sensitive places of a text, and keeps no state while it does."""

    @property
    def name(self) -> str:
        """What stands in a finding's ``detector``."""

    def detect(self, text: str) -> Iterable[Finding]:
        """Return the findings in *text*, in any order; offsets count characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnClass:
    """A class of data that the organisation defines by pattern, by value list, or by both.

    Attributes:
        name: such as ``order_id``; unique in a policy.
        patterns: regular expressions in the dialect of RE2; the whole match is hidden.
        values: exact values, at least four characters each.
    """

    name: str
    patterns: tuple[str, ...] = ()
    values: tuple[str, ...] = field(default=(), repr=False)
