# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a text hold personal data?

    structured   the formats, as data
    cards, email confirm what a pattern found

Names of persons and places are not looked for here.
"""

from agentguard.classification.personal.structured import PERSONAL_FORMATS

__all__ = ["PERSONAL_FORMATS"]
