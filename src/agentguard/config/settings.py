# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a configuration file come to?

Values that reading a file gives; nothing here is read, built or opened.

INVARIANT: known values do not appear in a repr (tests/config/test_load.py).
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from agentguard.classification import Detector, OwnClass
from agentguard.classification.engine import Rule
from agentguard.errors import Problem
from agentguard.policy import IssuerSpec, Policy
from agentguard.redaction import VaultScope
from agentguard.vocabulary import KnownValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where the parts of this deployment lie; no part of the policy's digest.

    Attributes:
        store: the SQLite file of approvals and audit streams, absolute.
    """

    store: Path


class LedgerPlace(StrEnum):
    """Where budgets and the stop are kept."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


class RatesPlace(StrEnum):
    """Where rates are counted: in this process, or for many."""

    MEMORY = "memory"
    REDIS = "redis"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """Where budgets, rates and the stop are kept; no part of the policy's digest.

    Attributes:
        file: the SQLite file, absolute; None for a server.
        address: where the PostgreSQL server is; None for a file.
        rates: where the Redis server is that counts rates; None for this process.
    """

    file: Path | None
    address: str | None = field(default=None, repr=False)
    rates: str | None = field(default=None, repr=False)


class VaultPlace(StrEnum):
    """Where the vault is kept beyond the process."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings:
    """How the vault is kept beyond the process; no part of the policy's digest.

    Attributes:
        scope: how far a placeholder stands for the same value.
        tenant: whose the sessions are for which the host names no tenant.
        file: the SQLite file, absolute; None for a server.
        address: where the PostgreSQL server is; None for a file.
        key: what the values are sealed with.
        old_keys: what values that are there already may be sealed with.
        expire_after: how long a value is kept, None for as long as nobody erases it.
    """

    scope: VaultScope
    tenant: str | None
    file: Path | None
    address: str | None = field(repr=False)
    key: bytes = field(repr=False)
    old_keys: tuple[bytes, ...] = field(repr=False)
    expire_after: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsSettings:
    """How the facts of decisions are kept; no part of the policy's digest.

    Attributes:
        key: what they are sealed with.
        old_keys: what facts that are there already may be sealed with.
        expire_after: how long they are kept, None for as long as nobody erases them.
        tenant: whose the sessions are for which the host names no tenant.
    """

    key: bytes = field(repr=False)
    old_keys: tuple[bytes, ...] = field(default=(), repr=False)
    expire_after: timedelta | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A configuration file, read and checked.

    Attributes:
        policy: the compiled policy.
        own: the organisation's own classes.
        known: values of built-in classes and values from the environment.
        detectors: those of other packages that the policy names.
        rules: those of the files of rules that the policy names.
        named: the classes that have a table, some of which are looked for only then.
        deployment: where the parts lie.
        path: the file that was read, absolute.
        vault: how the vault is kept beyond the process, None for not at all.
        names_model: the package of a model of language, or the folder with one, absolute; None
            for none.
        signed_by: the public key of who signed the policy, None where nobody need.
        facts: how the facts of decisions are kept, None for not at all.
        issuers: whose tokens say who is calling.
        ledger: where budgets, rates and the stop are kept.
    """

    policy: Policy
    own: tuple[OwnClass, ...]
    known: tuple[KnownValue, ...] = field(repr=False)
    detectors: tuple[Detector, ...]
    named: frozenset[str]
    deployment: Deployment
    path: Path
    vault: VaultSettings | None = None
    rules: tuple[Rule, ...] = ()
    names_model: str | None = None
    signed_by: str | None = None
    facts: FactsSettings | None = None
    issuers: tuple[IssuerSpec, ...] = ()
    ledger: LedgerSettings | None = None


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
