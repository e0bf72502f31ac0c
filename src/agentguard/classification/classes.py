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
MEDIA = "media"
ANSWER = "answer"

API_KEY = "api_key"
CREDENTIAL = "credential"
JWT = "jwt"
PRIVATE_KEY = "private_key"

BANK_ACCOUNT = "bank_account"
CRYPTO_WALLET = "crypto_wallet"
DATE_OF_BIRTH = "date_of_birth"
DRIVING_LICENCE = "driving_licence"
EMAIL = "email"
IP_ADDRESS = "ip_address"
MAC_ADDRESS = "mac_address"
MEDICAL_ID = "medical_id"
NATIONAL_ID = "national_id"
PASSPORT = "passport"
PAYMENT_CARD = "payment_card"
PHONE = "phone"
POSTAL_ADDRESS = "postal_address"
TAX_ID = "tax_id"

# Looked for only where a policy names them: models need addresses of pages, and names take a
# model of language.
COMPANY = "company"
PERSON = "person"
PLACE = "place"
WEB_ADDRESS = "web_address"
NAMED_ONLY = frozenset({COMPANY, PERSON, PLACE, WEB_ADDRESS})

# Content that is no text; ``binary`` is what nothing else was recognised as.
IMAGE = "image"
AUDIO = "audio"
VIDEO = "video"
PDF = "pdf"
BINARY = "binary"

# What a model or a tool may say to make whoever reads it act or be deceived.
HIDDEN_UNICODE = "hidden_unicode"
REMOTE_IMAGE = "remote_image"
DATA_LINK = "data_link"
INSTRUCTIONS = "instructions"
ECHOED_INSTRUCTIONS = "echoed_instructions"
SAID = frozenset({HIDDEN_UNICODE, REMOTE_IMAGE, DATA_LINK, INSTRUCTIONS, ECHOED_INSTRUCTIONS})

_REDACT, _TOKENISE, _BLOCK = Action.REDACT, Action.TOKENISE, Action.BLOCK

BUILT_IN_CLASSES: tuple[DataClass, ...] = (
    *(
        DataClass(name=name, family=PII, action=_TOKENISE)
        for name in (
            BANK_ACCOUNT,
            COMPANY,
            CRYPTO_WALLET,
            DATE_OF_BIRTH,
            DRIVING_LICENCE,
            EMAIL,
            IP_ADDRESS,
            MAC_ADDRESS,
            MEDICAL_ID,
            NATIONAL_ID,
            PASSPORT,
            PAYMENT_CARD,
            PERSON,
            PHONE,
            PLACE,
            POSTAL_ADDRESS,
            TAX_ID,
            WEB_ADDRESS,
        )
    ),
    DataClass(name=API_KEY, family=SECRET, action=_REDACT, in_answers=_REDACT),
    DataClass(name=PRIVATE_KEY, family=SECRET, action=_REDACT, in_answers=_REDACT),
    DataClass(name=JWT, family=SECRET, action=_REDACT, in_answers=_REDACT),
    DataClass(name=CREDENTIAL, family=SECRET, action=_REDACT, in_answers=_REDACT),
    DataClass(name=IMAGE, family=MEDIA, action=_BLOCK),
    DataClass(name=AUDIO, family=MEDIA, action=_BLOCK),
    DataClass(name=VIDEO, family=MEDIA, action=_BLOCK),
    DataClass(name=PDF, family=MEDIA, action=_BLOCK),
    DataClass(name=BINARY, family=MEDIA, action=_BLOCK),
    DataClass(
        name=HIDDEN_UNICODE,
        family=ANSWER,
        action=_REDACT,
        in_answers=_REDACT,
        in_definitions=_BLOCK,
    ),
    DataClass(name=REMOTE_IMAGE, family=ANSWER, action=_REDACT, in_answers=_REDACT),
    DataClass(name=DATA_LINK, family=ANSWER, action=_REDACT),
    DataClass(name=INSTRUCTIONS, family=ANSWER, action=_REDACT),
    DataClass(name=ECHOED_INSTRUCTIONS, family=ANSWER, action=_REDACT, in_answers=_REDACT),
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
        any_case: whether upper and lower case count the same in the values.
    """

    name: str
    patterns: tuple[str, ...] = ()
    values: tuple[str, ...] = field(default=(), repr=False)
    any_case: bool = False
