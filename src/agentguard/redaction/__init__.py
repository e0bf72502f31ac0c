# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How are findings hidden, and who gets the values back?

    placeholders  what stands in a text instead of a value
    vault         which placeholder stands for which value, for one session
    json_text     JSON inside a string, taken apart and put together without loss
    authored      which places the model wrote
    pieces        what is sensitive only when strings are read together
    payload       hide the findings in every position of a JSON value
    hydration     turn placeholders back, for the user or for a tool

It finds nothing by itself: the function that finds is an argument.
"""

from agentguard.redaction.hydration import (
    Hydrated,
    PlaceholderProblem,
    PlaceholderUnresolved,
    hydrate_text,
    resolve_arguments,
)
from agentguard.redaction.payload import Redacted, redact_payload
from agentguard.redaction.placeholders import (
    PLACEHOLDER,
    escape_placeholders,
    find_placeholders,
)
from agentguard.redaction.vault import Issued, Vault

__all__ = [
    "PLACEHOLDER",
    "Hydrated",
    "Issued",
    "PlaceholderProblem",
    "PlaceholderUnresolved",
    "Redacted",
    "Vault",
    "escape_placeholders",
    "find_placeholders",
    "hydrate_text",
    "redact_payload",
    "resolve_arguments",
]
