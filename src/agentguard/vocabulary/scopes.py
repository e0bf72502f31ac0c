# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a program say that one run needs, and nothing beyond?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class Reads(StrEnum):
    """What becomes of tools that only read and send nothing out.

    ``free``: they stay as the rules say. ``listed``: they must be listed like others.
    """

    FREE = "free"
    LISTED = "listed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The tools and targets that a run needs, for ``scope=`` and ``guard.narrow``.

    It gives no rights: rules and grants must allow each call as well. At least one of ``tools``,
    ``targets``, ``calls`` and ``sums`` is given.

    Attributes:
        tools: the tools, each with what its arguments may be, written as ``args`` of a rule; None
            for a tool, or a mere list of tools, leaves the arguments to the rules. None for all
            that the targets leave; an empty list for no tool but those that only read.
        targets: the only values that may stand in the arguments that ``targets`` of a tool names,
            at any depth, with their types.
        reads: whether tools that only read must be listed as well.
        calls: how many calls of tools it is good for, beside those that are free.
        sums: what an argument may add up to over all calls.
    """

    tools: Mapping[str, Mapping[str, object] | None] | Iterable[str] | None = field(
        default=None, repr=False
    )
    targets: Iterable[object] | None = field(default=None, repr=False)
    reads: Reads | str = Reads.FREE
    calls: int | None = None
    sums: Mapping[str, int | Decimal] = field(default_factory=dict, repr=False)
