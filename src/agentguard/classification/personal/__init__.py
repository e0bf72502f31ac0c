# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a text hold personal data?

    structured    formats with words of their own, as data
    numbers       numbers of people, by their outline and by the words near them
    identities    how states write numbers of people, as data
    registrations how taxes, health, banks and papers write theirs, as data
    layout        the form of such a row
    context       what the words around a number say
    cards, checks, email, ibans, networks, phones
                  confirm what was found
    openings      what of a text that still grows may be the beginning of something

Names of persons and places are not looked for here.
"""

from agentguard.classification.personal.context import speaks_of_personal_data
from agentguard.classification.personal.numbers import PersonalNumbers
from agentguard.classification.personal.openings import Opening, openings
from agentguard.classification.personal.structured import PERSONAL_FORMATS

__all__ = [
    "PERSONAL_FORMATS",
    "Opening",
    "PersonalNumbers",
    "openings",
    "speaks_of_personal_data",
]
