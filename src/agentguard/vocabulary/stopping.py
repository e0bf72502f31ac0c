# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What can an operator stop?

A stop holds words of operators and names of the policy, and nothing of a call.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class StopScope(StrEnum):
    """What a stop is about.

    ``all``: every call. ``who``: every call with an identity in its chain. ``tool``: every call of
    a tool. ``person``: every call for a person. ``session``: every call in a session, by its id or
    its key in the audit log. ``tenant``: every call for a tenant.
    """

    ALL = "all"
    WHO = "who"
    TOOL = "tool"
    PERSON = "person"
    SESSION = "session"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One thing that was stopped.

    Attributes:
        scope: what it is about.
        key: the identity, the tool, the person, the session or the tenant; empty for everything.
        by: who says that they stopped it.
        since: when, in seconds since 1970.
        why: the operator's own words.
    """

    scope: StopScope
    key: str
    by: str
    since: int
    why: str = field(repr=False)
