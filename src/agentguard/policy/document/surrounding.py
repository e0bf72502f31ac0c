# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must be true of the program around the guard, as a policy file says it?"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agentguard.canonical import Frozen
from agentguard.policy.document.forms import names_form


class Strictness(StrEnum):
    """What becomes of something that the guard cannot hold in full.

    ``refuse``: it is an error. ``warn``: it is told in the log of the program, and in coverage.
    """

    REFUSE = "refuse"
    WARN = "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageSpec:
    """What ``[coverage]`` says.

    Attributes:
        require: the client libraries that must be guarded for the guard to start.
        partial: what becomes of a model of a framework whose client the guard does not know, so
            that it is guarded above the client alone.
        observers: what becomes of a framework's callbacks and tracers, which see prompts and
            results as they were before the guard hid anything.
        known_observers: those that may see them, by the full names of their classes, with ``*``
            for any text.
    """

    require: frozenset[str] = frozenset()
    partial: Strictness = Strictness.REFUSE
    observers: Strictness = Strictness.REFUSE
    known_observers: frozenset[str] = frozenset()


def coverage_form(coverage: CoverageSpec) -> Mapping[str, Frozen]:
    """Return how the table enters the digest of the policy."""
    return {
        "require": names_form(coverage.require),
        "partial": coverage.partial.value,
        "observers": coverage.observers.value,
        "known_observers": names_form(coverage.known_observers),
    }
