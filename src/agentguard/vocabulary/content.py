# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is in a call, and what happens to it before it leaves?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Action(StrEnum):
    """What happens to a finding of a class before anything leaves.

    ``redact`` and ``tokenise`` both leave a placeholder; only a tokenised value can be turned
    back. ``format_preserving`` leaves a value of the same shape. ``label`` lets it pass, counted.
    """

    BLOCK = "block"
    REDACT = "redact"
    TOKENISE = "tokenise"
    KEEP_LAST_FOUR = "keep_last_four"
    HASH = "hash"
    FORMAT_PRESERVING = "format_preserving"
    LABEL = "label"


class Profile(StrEnum):
    """How much a guard takes for sensitive, from few false findings to few missed values.

    Each profile finds all that the one before it finds.
    """

    STRICT = "strict"
    BALANCED = "balanced"
    PARANOID = "paranoid"

    def includes(self, other: "Profile") -> bool:
        """Say whether what *other* looks for is looked for, too."""
        order = list(Profile)
        return order.index(other) <= order.index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataClass:
    """A class of data that is found and hidden.

    Attributes:
        name: such as ``email``; unique in a policy.
        family: ``secret``, ``pii`` or ``organisation``, of which a tool may receive a whole
            family; ``media`` for content that is no text; ``answer`` for what is only looked for
            in what models and tools say.
        action: what happens to a finding of this class before anything leaves.
        in_answers: what happens to one in an answer of a model: label, redact or block.
        in_results: the same for what a tool gave back.
        in_definitions: the same for what describes a tool.
        approvers_see: whether an approver is shown the value itself.
        environments: those in which it may occur; empty for every one.
    """

    name: str
    family: str
    action: Action
    in_answers: Action = Action.LABEL
    in_results: Action = Action.LABEL
    in_definitions: Action = Action.LABEL
    approvers_see: bool = False
    environments: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """The type that stands in a placeholder of this class."""
        return self.name.upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place that a detector pointed at, without the text.

    Attributes:
        start: the first character, counted in the text that was given to the detector.
        end: one past the last character.
        data_class: the name of the class found.
        detector: the name of the detector.
        covers: the names of the other classes that were found in the same place.
    """

    start: int
    end: int
    data_class: str
    detector: str
    covers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownValue:
    """A value that is known beforehand to belong to a class, and must never leave."""

    value: str = field(repr=False)
    data_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What classification found out about a call, without the content.

    Attributes:
        counts: how many findings of each class.
        in_address: the classes found in what cannot be hidden: paths, queries and headers.
        empty: whether the call has no content beside its address.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    in_address: frozenset[str] = frozenset()
    empty: bool = False
