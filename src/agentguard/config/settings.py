# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a configuration file come to?

Values that reading a file gives; nothing here is read, built or opened.

INVARIANT: known values do not appear in a repr (tests/config/test_load.py).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from agentguard.classification import OwnClass
from agentguard.errors import Problem
from agentguard.policy import Policy
from agentguard.vocabulary import KnownValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where the parts of this deployment lie; no part of the policy's digest.

    Attributes:
        store: the SQLite file of approvals and audit streams, absolute.
    """

    store: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A configuration file, read and checked.

    Attributes:
        policy: the compiled policy.
        own: the organisation's own classes.
        known: values of built-in classes and values from the environment.
        named: the classes that have a table, some of which are looked for only then.
        deployment: where the parts lie.
        path: the file that was read, absolute.
    """

    policy: Policy
    own: tuple[OwnClass, ...]
    known: tuple[KnownValue, ...] = field(repr=False)
    named: frozenset[str]
    deployment: Deployment
    path: Path


class Severity(StrEnum):
    """Whether a remark keeps the policy from being used."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What a check of a configuration file found."""

    problem: Problem
    severity: Severity

    def __str__(self) -> str:
        return f"{self.severity}: {self.problem}"
