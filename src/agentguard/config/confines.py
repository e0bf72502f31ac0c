# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which limits, places of secrets and extra deciders does the file name?"""

from datetime import timedelta
from decimal import Decimal, InvalidOperation

from agentguard.config.document import DeciderTable, LimitTable, SecretStoreTable, Tell
from agentguard.config.identities import frozen_table, span_of
from agentguard.policy import DeciderSpec, LimitSpec, Path, SecretStoreSpec

_DECIDED_WITHIN = timedelta(seconds=2)


def limit_of(name: str, table: LimitTable, path: Path, tell: Tell) -> LimitSpec:
    """Return the limit that a table describes."""
    most = None
    if table.most is not None:
        most = _amount(table.most)
        if most is None:
            tell((*path, "most"), "must be an integer, or a decimal number in quotes")
    return LimitSpec(name=name, calls=table.calls, sum=table.sum, most=most)


def _amount(value: object) -> int | Decimal | None:
    if type(value) is int:
        return value
    if not isinstance(value, str):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def secret_store_of(table: SecretStoreTable) -> SecretStoreSpec:
    """Return the place of secrets that a table names."""
    return SecretStoreSpec(
        name=table.name or "",
        hosts=tuple(table.hosts or ()),
        paths=tuple(table.paths or ()),
        addresses=tuple(table.addresses or ()),
    )


def decider_of(table: DeciderTable, path: Path, tell: Tell) -> DeciderSpec:
    """Return the extra decider that a table names."""
    return DeciderSpec(
        name=table.name or "",
        options=frozen_table(table.options or {}, (*path, "options"), tell),
        tools=("*",) if table.tool is None else tuple(table.tool),
        models=table.models,
        within=span_of(table.within, _DECIDED_WITHIN, (*path, "within"), tell),
        approval=table.approval,
    )
