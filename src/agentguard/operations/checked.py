# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which versions of an SDK were the tables checked against?

A version between two checked ones counts as checked: what it sends and no checked one sends is
listed nowhere and refused. A newer or an older one is unknown.
It does not know which version is installed.
"""

import csv
import re
from functools import lru_cache
from importlib.resources import files

from agentguard.operations.table import Operation

FILE = "checked.csv"
COLUMNS = ("sdk", "version")
Numbers = tuple[int, int]

_VERSION = re.compile(r"(\d+)\.(\d+)(?![^.\-+a-z])")


def numbers_of(version: str) -> Numbers | None:
    """Return major and minor number of a version, None if it does not begin with them."""
    found = _VERSION.match(version)
    return None if found is None else (int(found[1]), int(found[2]))


@lru_cache
def checked_versions(sdk: str) -> tuple[str, ...]:
    """Return the versions that the table of an SDK was checked against, lowest first."""
    text = files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    found = [row["version"] for row in csv.DictReader(text.splitlines()) if row["sdk"] == sdk]
    return tuple(sorted(found, key=_ordered))


def is_checked(sdk: str, version: str) -> bool:
    """Say whether a version lies between the lowest and the highest checked one."""
    found, known = numbers_of(version), checked_versions(sdk)
    return found is not None and _ordered(known[0]) <= found <= _ordered(known[-1])


def is_sent_by(operation: Operation, version: str) -> bool:
    """Say whether a version of the SDK can send an operation, as far as the table knows."""
    found = numbers_of(version)
    if found is None:
        return True
    begun = not operation.since or _ordered(operation.since) <= found
    return begun and (not operation.until or found < _ordered(operation.until))


def _ordered(version: str) -> Numbers:
    return numbers_of(version) or (0, 0)
