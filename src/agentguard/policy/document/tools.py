# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a tool, and how much may be done with it?"""

from dataclasses import dataclass
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
