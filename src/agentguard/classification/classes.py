# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which classes of data does agentguard find by itself, and what does it do with them?

The built-in classes with their default actions, the shape of an organisation's own class, and
what a detector is. Classes of media are recognised by the form of a request's content, classes of
answers in answers alone; the others in every text.
A policy may give a class another action; the names stay.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from agentguard.vocabulary import Action, DataClass, Finding

SECRET = "secret"  # noqa: S105 - the name of a family of classes
PII = "pii"
ORGANISATION = "organisation"
MEDIA = "media"
ANSWER = "answer"

API_KEY = "api_key"
CREDENTIAL = "credential"
EMAIL = "email"
JWT = "jwt"
PAYMENT_CARD = "payment_card"
PRIVATE_KEY = "private_key"

# Content that is no text; ``binary`` is what nothing else was recognised as.
IMAGE = "image"
AUDIO = "audio"
VIDEO = "video"
PDF = "pdf"
BINARY = "binary"

# What an answer may hold to make its reader's program act or its reader be deceived.
HIDDEN_UNICODE = "hidden_unicode"
REMOTE_IMAGE = "remote_image"

_REDACT, _TOKENISE, _BLOCK = Action.REDACT, Action.TOKENISE, Action.BLOCK

BUILT_IN_CLASSES: tuple[DataClass, ...] = (
    DataClass(name=EMAIL, family=PII, action=_TOKENISE),
    DataClass(name=PAYMENT_CARD, family=PII, action=_TOKENISE),
    DataClass(name=API_KEY, family=SECRET, action=_REDACT, in_answers=_REDACT),
    DataClass(name=PRIVATE_KEY, family=SECRET, action=_REDACT, in_answers=_REDACT),
    DataClass(name=JWT, family=SECRET, action=_REDACT, in_answers=_REDACT),
    DataClass(name=CREDENTIAL, family=SECRET, action=_REDACT, in_answers=_REDACT),
    DataClass(name=IMAGE, family=MEDIA, action=_BLOCK),
    DataClass(name=AUDIO, family=MEDIA, action=_BLOCK),
    DataClass(name=VIDEO, family=MEDIA, action=_BLOCK),
    DataClass(name=PDF, family=MEDIA, action=_BLOCK),
    DataClass(name=BINARY, family=MEDIA, action=_BLOCK),
    DataClass(name=HIDDEN_UNICODE, family=ANSWER, action=_REDACT, in_answers=_REDACT),
    DataClass(name=REMOTE_IMAGE, family=ANSWER, action=_REDACT, in_answers=_REDACT),
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
