# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who said what stands in a conversation, and where does a value come from?"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

# In a rule's words: "user", "system", "model", "untrusted", "tool:NAME" for a field that the
# policy trusts, "host", "approved", "plan"; and "nowhere", which is no word of ``Origins.words``.
OriginWord: TypeAlias = str


class Speaker(StrEnum):
    """Who speaks in a conversation."""

    SYSTEM = "system"
    USER = "user"
    TOOL = "tool"
    MODEL = "model"


class UserMessages(StrEnum):
    """Which messages count as the user's own words.

    ``all`` that a request marks as the user's, the ``first`` of a conversation, or only what the
    program ``told`` the guard.
    """

    ALL = "all"
    FIRST = "first"
    TOLD = "told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """A part of a request that somebody said.

    Attributes:
        pointer: the JSON pointer of the part in the payload; everything below it belongs to it.
        speaker: who said it.
        tool: for what a tool said, the tool's name where the request tells it.
    """

    pointer: str = field(repr=False)
    speaker: Speaker
    tool: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Where one value among the arguments of a call was seen before.

    Attributes:
        words: every origin that may be relied on, in the words of rules; none of them is
            ``untrusted``. Empty where the value stands nowhere, or only where nothing is
            relied on.
        untrusted: whether it stands in untrusted content as well.
        carries: whether the text holds an address, an account or a link that comes from
            untrusted content and from nothing that may be relied on.
        addresses: for each address, account or link that it is or holds, the origins of that one.
        nowhere: whether it is a number, a date or a time of which everything that the model
            could have it from is known, and nothing holds it: the model computed it. Where that is
            not certain it is false.
        sources: for people, where it was seen, in words without payload, such as
            ``the result of read_email (call 3)``.
    """

    words: frozenset[OriginWord] = frozenset()
    untrusted: bool = False
    carries: bool = False
    addresses: tuple[frozenset[OriginWord], ...] = ()
    nowhere: bool = False
    sources: tuple[str, ...] = ()


class Remember(StrEnum):
    """What a person's approval of a call counts for, beyond this call, in its conversation.

    ``value``: the values in doubt, in the same arguments of the same tool. ``source``: what the
    values in doubt came from.
    """

    NOTHING = "nothing"
    VALUE = "value"
    SOURCE = "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why somebody is asked about an argument: where its value comes from, for people to read.

    Attributes:
        argument: the argument's name in the policy; empty for the call as a whole.
        told: where its value was seen and where it was not, in words that hold no payload.
    """

    argument: str
    told: str
