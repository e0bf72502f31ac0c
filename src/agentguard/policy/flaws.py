# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a flaw of a policy, and where does it stand?

A flaw is located by the path of keys in the policy file, so that whoever read the file can add
the line. Which flaws there are say the modules that look for them.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from agentguard.policy.document import PolicyDocument

Path: TypeAlias = tuple[str | int, ...]

IDENTITY = re.compile(r"(agent|service|user):[A-Za-z0-9][A-Za-z0-9._@+/-]{0,199}")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Flaw:
    """One mistake: where it stands in the policy file, and what is wrong with it.

    Attributes:
        path: the key.
        message: what is wrong, and what to do.
        item: which of several texts there is meant, None for all of them.
    """

    path: Path
    message: str
    item: str | None = None


def key_of(path: Path) -> str:
    """Return a path as it is shown: ``rule[2].args.amount``, counted from 0.

    A name that is more than letters and digits is written in quotes and in ASCII, as TOML takes
    it: what a file calls a key is shown at terminals.
    """
    key = ""
    for part in path:
        if isinstance(part, int):
            key += f"[{part}]"
        else:
            name = part if _BARE_KEY.fullmatch(part) else json.dumps(part)
            key += f".{name}" if key else name
    return key


def duplicates(table: str, key: str, names: Iterable[str]) -> Iterator[Flaw]:
    """Find names that are declared twice in a table."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield Flaw((table, index, key), f"{name!r} is declared twice")
        seen.add(name)


def undeclared(kind: str, name: str, table: str) -> str:
    """Return that a name is not declared, and with which table it would be."""
    return f"{kind} {name!r} is not declared: add [{key_of((table, name))}]"


def declared_identities(document: PolicyDocument) -> frozenset[str]:
    """Return the ids of the identities that a document declares."""
    return frozenset(identity.id for identity in document.identities)


def is_person(name: str) -> bool:
    """Say whether a name is the id of a person."""
    return name.startswith("user:") and IDENTITY.fullmatch(name) is not None
