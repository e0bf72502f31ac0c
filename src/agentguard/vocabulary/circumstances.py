# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What else does a decision depend on, beside the call and who makes it?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from agentguard.vocabulary.flow import Origins
from agentguard.vocabulary.who import Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What was found out beforehand, since deciding itself looks nothing up.

    What is left out is read strictly: without a time every rule in shadow is in force, without an
    environment nothing that is tied to one applies, a path that was not resolved is below nothing.

    Attributes:
        now: the time.
        environment: the environment that the call is made in.
        grants: what the call must keep within.
        paths: for texts among the arguments where they lead in the file system, every link
            followed; None where that could not be found out.
        resources: the objects that the call is about, as ids without their kind; None where no
            hook said so.
        spent: what the session has used up of a limit, by the limit's key.
        origins: for arguments of a tool call where the values in it come from, one for each text
            and number at any depth; an argument that is left out comes from nowhere.
        conversation: what has happened in the conversation so far, in the words of ``after``:
            ``untrusted``, ``class:NAME``, ``family:NAME``, ``tool:NAME``, ``asked:TOOL``; None
            where nobody looked, which is read as all of them but ``asked``.
    """

    now: datetime | None = None
    environment: str | None = None
    grants: tuple[Grant, ...] = ()
    paths: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    resources: tuple[str, ...] | None = field(default=None, repr=False)
    spent: Mapping[str, Decimal] = field(default_factory=dict)
    origins: Mapping[str, tuple[Origins, ...]] = field(default_factory=dict, repr=False)
    conversation: frozenset[str] | None = field(default=None)
