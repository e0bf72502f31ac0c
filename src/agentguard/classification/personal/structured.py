# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which formats does structured personal data have?

Data only: one row for each format. Patterns are in the dialect of RE2.
"""

from agentguard.classification.classes import EMAIL, PAYMENT_CARD
from agentguard.classification.formats.form import TokenFormat
from agentguard.classification.personal import cards, email

# Scripts that are written without blanks would take the words before an address along.
_LETTER = r"\p{Latin}\p{Cyrillic}\p{Greek}\pN_+%*/=?^{|}~&!#$-"
_LOCAL_PART = rf"[{_LETTER}.']*[{_LETTER}]"

PERSONAL_FORMATS: tuple[TokenFormat, ...] = (
    TokenFormat(
        name="email_address",
        data_class=EMAIL,
        keywords=("@",),
        before=64,
        width=255,
        pattern=rf"(?:{_LOCAL_PART}@)+"
        r"[\pL\pN-]+(?:\.[\pL\pN-]+)*\.(?:[A-Za-z]{2,24}|\pL{2,24})",
        documentation="https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2",
        confirm=email.confirmed,
    ),
    TokenFormat(
        name="payment_card_number",
        data_class=PAYMENT_CARD,
        pattern=r"[0-9](?:[ -]?[0-9]){11,}",
        shortest=12,
        documentation="https://www.iso.org/standard/70484.html",
        confirm=cards.confirmed,
    ),
)
