# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How are findings hidden, and who gets the values back?

    placeholders  what stands in a text instead of a value
    vault         which placeholder stands for which value, for one session
    json_text     JSON inside a string, taken apart and put together without loss
    authored      which places the model wrote
    pieces        what is sensitive only when strings are read together
    spans         what is left to hide beside what must stay
    placed        what belongs to a class because of where it stands
    replacing     what stands instead of a value, and which class decides
    surrogates    values of the same shape
    telling       what only the name of a member gives away
    payload       hide the findings in every position of a JSON value
    hydration     turn placeholders back for a tool
    answer_text   one text that a model wrote: found, hidden, turned back
    json_position whether a value is put inside a JSON string
    answers       a whole answer, wherever in it a text stands
    tool_texts    what a tool said or what describes one: counted, taken out
    holding       how much of a growing text can no longer change
    growing       one growing text, released piece by piece
    streams       a streamed answer, event by event

It finds nothing by itself: the function that finds is an argument.
"""

from agentguard.redaction.answer_text import (
    AnswerBlocked,
    AnswerUncheckable,
    AnswerWithheld,
    replaced_text,
)
from agentguard.redaction.answers import checked_answer
from agentguard.redaction.hydration import (
    PlaceholderProblem,
    PlaceholderUnresolved,
    resolve_arguments,
)
from agentguard.redaction.json_text import leaves_of
from agentguard.redaction.payload import Redacted, redact_payload
from agentguard.redaction.placed import (
    NOTHING_PLACED,
    Area,
    PlacedClasses,
    Placing,
)
from agentguard.redaction.placeholders import (
    PLACEHOLDER,
    escape_placeholders,
    find_placeholders,
)
from agentguard.redaction.protocol_words import holds_requests_together, is_protocol_word
from agentguard.redaction.recalled import Recalled, RecallingFind
from agentguard.redaction.streams import Event, Released, Slot, StreamCheck, StreamForm
from agentguard.redaction.telling import names_a_credential
from agentguard.redaction.tool_texts import ToolTextWithheld, Treating, texts_in_order
from agentguard.redaction.vault import Issued, Vault, VaultScope

__all__ = [
    "NOTHING_PLACED",
    "PLACEHOLDER",
    "AnswerBlocked",
    "AnswerUncheckable",
    "AnswerWithheld",
    "Area",
    "Event",
    "Issued",
    "PlacedClasses",
    "PlaceholderProblem",
    "PlaceholderUnresolved",
    "Placing",
    "Recalled",
    "RecallingFind",
    "Redacted",
    "Released",
    "Slot",
    "StreamCheck",
    "StreamForm",
    "ToolTextWithheld",
    "Treating",
    "Vault",
    "VaultScope",
    "checked_answer",
    "escape_placeholders",
    "find_placeholders",
    "holds_requests_together",
    "is_protocol_word",
    "leaves_of",
    "names_a_credential",
    "redact_payload",
    "replaced_text",
    "resolve_arguments",
    "texts_in_order",
]
