# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which formats of personal data have words of their own?

Data only: one row for each format. Patterns are in the dialect of RE2.
"""

from agentguard.classification.classes import (
    DATE_OF_BIRTH,
    EMAIL,
    PAYMENT_CARD,
    POSTAL_ADDRESS,
    WEB_ADDRESS,
)
from agentguard.classification.formats.form import TokenFormat
from agentguard.classification.personal import addresses, cards, dates, email, web
from agentguard.vocabulary import Profile

# Letters of any script, roughly: exact classes take ten times as long to compile.
_ANY_LETTER = (
    r"A-Za-z\x{C0}-\x{1FFF}\x{2C00}-\x{2FEF}\x{3041}-\x{D7FF}\x{F900}-\x{FDFF}\x{10000}-\x{3FFFF}"
)
# Scripts that are written without blanks would take the words before an address along.
_LETTER = r"A-Za-z0-9\x{C0}-\x{52F}\x{1E00}-\x{1FFF}_+%*/=?^{|}~&!#$-"
_LOCAL_PART = rf"[{_LETTER}.']*[{_LETTER}]"
_LABEL = rf"[{_ANY_LETTER}0-9-]+"
_ENDING = rf"(?:[A-Za-z]{{2,24}}|[{_ANY_LETTER}]{{2,24}})"

_UPU = "https://www.upu.int/en/postal-solutions/programmes-services/addressing-solutions"


def _address(
    name: str, keywords: tuple[str, ...], pattern: str, *, before: int, group: int = 0
) -> TokenFormat:
    return TokenFormat(
        name=f"{name}_address",
        data_class=POSTAL_ADDRESS,
        keywords=keywords,
        before=before,
        width=96,
        group=group,
        pattern=pattern,
        confirm=addresses.confirmed,
        profile=Profile.BALANCED,
        documentation=_UPU,
    )


PERSONAL_FORMATS: tuple[TokenFormat, ...] = (
    TokenFormat(
        name="email_address",
        data_class=EMAIL,
        keywords=("@",),
        before=64,
        width=255,
        pattern=rf"(?:{_LOCAL_PART}@)+{_LABEL}(?:\.{_LABEL})*\.{_ENDING}",
        documentation="https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2",
        confirm=email.confirmed,
    ),
    TokenFormat(
        name="quoted_email_address",
        data_class=EMAIL,
        keywords=('"@',),
        before=66,
        width=255,
        pattern=r'"[^"@\s\\]+"@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}',
        documentation="https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2",
    ),
    TokenFormat(
        name="spelled_email_address",
        data_class=EMAIL,
        keywords=(
            "[at]",
            "(at)",
            "{at}",
            "[AT]",
            "(AT)",
            " at ",
            "[dot]",
            "(dot)",
            " dot ",
        ),
        before=64,
        width=96,
        pattern=r"(?i)[a-z0-9_.+-]+\s?(?:\[\s?at\s?\]|\(\s?at\s?\)|\{at\}|\sat)\s?[a-z0-9-]+"
        r"(?:\s?(?:\[\s?dot\s?\]|\(\s?dot\s?\)|\{dot\}|\sdot)\s?[a-z0-9-]{2,24}){1,3}",
        documentation="https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2",
        profile=Profile.PARANOID,
    ),
    TokenFormat(
        name="payment_card_number",
        data_class=PAYMENT_CARD,
        pattern=r"[0-9](?:[ -]?[0-9]){11,}"
        r"|[2-6][0-9]{3}(?:(?:[._]| [|-] | {2,3})[0-9]{4}){3}"
        r"|3[47][0-9]{2}(?:[._]| [|-] | {2,3})[0-9]{6}(?:[._]| [|-] | {2,3})[0-9]{5}",
        shortest=12,
        documentation="https://www.iso.org/standard/70484.html",
        confirm=cards.confirmed,
    ),
    TokenFormat(
        name="date_of_birth_in_words",
        data_class=DATE_OF_BIRTH,
        keywords=dates.KEYWORDS,
        width=96,
        pattern=dates.WRITTEN,
        confirm=dates.confirmed,
        profile=Profile.BALANCED,
        documentation="https://www.iso.org/iso-8601-date-and-time-format.html",
    ),
    TokenFormat(
        name="web_address",
        data_class=WEB_ADDRESS,
        keywords=web.KEYWORDS,
        before=128,
        width=512,
        pattern=web.PATTERN,
        confirm=web.confirmed,
        documentation="https://www.rfc-editor.org/rfc/rfc3986",
    ),
    _address("english", addresses.ENGLISH_KEYWORDS, addresses.ENGLISH, before=72),
    _address("joined", addresses.JOINED_KEYWORDS, addresses.JOINED, before=64),
    _address("leading", addresses.LEADING_KEYWORDS, addresses.LEADING, before=1),
    _address("french", addresses.FRENCH_KEYWORDS, addresses.FRENCH, before=16),
    _address("box", addresses.BOX_KEYWORDS, addresses.BOX, before=16),
    _address("american", addresses.STATE_KEYWORDS, addresses.STATE, before=64),
    _address("code", addresses.CODE_KEYWORDS, addresses.CODE, before=1, group=1),
    _address("named", addresses.NAMED_KEYWORDS, addresses.NAMED, before=2, group=1),
)
