# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a tool, and how much may be done with it?"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from agentguard.canonical import Frozen
from agentguard.vocabulary import Impact


class Idempotency(StrEnum):
    """What makes it harmless to run a tool twice with the same arguments."""

    KEY = "key"
    NATURAL = "natural"
    NONE = "none"


class HostedDenial(StrEnum):
    """What becomes of a request that names a hosted tool which is not allowed."""

    REFUSE = "refuse"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """What a tool is.

    Attributes:
        name: the tool's name.
        impact: what it can do to the world.
        receives: the data classes and families it may receive; ``*`` is every class.
        definition: the pinned digest of its definition, None if it is not pinned.
        idempotency: what makes a second run harmless.
        hosted: the provider's types of a tool that runs at the provider; empty for a function.
        environments: those that it may run in; empty for every one.
        schema: the JSON Schema of its arguments, None where the policy holds none.
        resource: what kind of object it acts on, such as ``order``; the host's hook says which
            ones a call is about. None where that is not checked.
        targets: the arguments that say where an effect lands.
        outward: whether it sends something out of the organisation.
        trusted: the places of its results that may be relied on, as JSON pointers with ``*`` for
            any one step; ``""`` is the whole result.
        returns: the data classes and families that its results are of, whatever is found in them.
        verbs: words with which people ask for it.
        http: the methods of requests that it stands for; empty for a function.
        http_headers: names of headers, in lower case, that may be sent and are not looked at.
        private_hosts: hosts and networks with private addresses that its requests may go to.
        polls: whether the same call may give the same result many times.
        within: how long a call may take, None for as long as it does.
        plan: whether an approved call of it is a plan, within which nobody is asked again.
    """

    name: str
    impact: Impact
    receives: frozenset[str] = frozenset()
    definition: str | None = None
    idempotency: Idempotency = Idempotency.NONE
    hosted: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset()
    schema: Frozen = None
    resource: str | None = None
    targets: tuple[str, ...] = ()
    outward: bool = False
    trusted: tuple[str, ...] = ()
    returns: frozenset[str] = frozenset()
    verbs: tuple[str, ...] = ()
    http: frozenset[str] = frozenset()
    http_headers: frozenset[str] = frozenset()
    private_hosts: frozenset[str] = frozenset()
    polls: bool = False
    within: timedelta | None = None
    plan: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSpec:
    """How much the rules that name it may let happen in one session, all together.

    Either ``calls``, or ``sum`` with ``most``.

    Attributes:
        name: its name in the policy.
        calls: how many calls.
        sum: the argument that is added up.
        most: what the sum may be at most.
    """

    name: str
    calls: int | None = None
    sum: str | None = None
    most: int | Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretStoreSpec:
    """A place of secrets that no model call and no argument may reach.

    Attributes:
        name: its name in the policy.
        hosts: host names, ``*.`` for everything below one.
        paths: files and folders, absolute.
        addresses: beginnings of other names for what it holds, such as ``vault://``.
    """

    name: str
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
