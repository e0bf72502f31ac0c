# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which formats do credentials have?

form                     what a row is
documented               the formats, as data
detect_secrets_patterns  the patterns of detect-secrets' plugins as rules
validators, private_keys confirm a match or extend it
"""

from agentguard.classification.formats.detect_secrets_patterns import borrowed_rules
from agentguard.classification.formats.documented import TOKEN_FORMATS
from agentguard.classification.formats.form import TokenFormat

__all__ = ["TOKEN_FORMATS", "TokenFormat", "borrowed_rules"]
