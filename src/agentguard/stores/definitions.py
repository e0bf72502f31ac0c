# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which definition of a server's tool is trusted, and which was seen since?

The first one that is seen is trusted; another one is kept beside it until somebody approves it. It
decides nothing about calls.

INVARIANT: of any number of processes that see a tool first, one makes its definition the trusted
one, and only an approval of exactly what was seen exchanges it (tests/stores/test_definitions.py).
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from agentguard.canonical import instant
from agentguard.stores.connections import connect_writing, failure, patiently, transaction
from agentguard.stores.reading import SqliteReader

T = TypeVar("T")

FIRST_USE = "first use"
_COLUMNS = "tool, trusted, trusted_content, trusted_at, trusted_by, seen, seen_content, seen_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenDefinition:
    """What a server says of one tool.

    Attributes:
        tool: the tool's name in the policy.
        digest: of its definition.
        content: the definition, as canonical JSON.
    """

    tool: str
    digest: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDefinition:
    """What is kept of one tool.

    Attributes:
        tool: the tool's name in the policy.
        trusted, trusted_content: the digest and the text of the definition that counts.
        trusted_at, trusted_by: since when, and who approved it; ``FIRST_USE`` where nobody did.
        seen, seen_content, seen_at: the same of another one that was seen since, None for none.
    """

    tool: str
    trusted: str
    trusted_content: bytes = field(repr=False)
    trusted_at: str
    trusted_by: str
    seen: str | None = None
    seen_content: bytes | None = field(default=None, repr=False)
    seen_at: str | None = None


class DefinitionStore(SqliteReader):
    """The definitions in a database of the audit log.

    Args:
        path: the database file, which must exist.

    Raises:
        StoreFailure: there is no such file, or it is not a database of this schema.
    """

    def kept(self) -> tuple[KeptDefinition, ...]:
        """Return what is kept, by the names of the tools."""
        return tuple(self._read(_kept).values())

    def see(
        self, definitions: Sequence[SeenDefinition], at: datetime
    ) -> Mapping[str, KeptDefinition]:
        """Keep what was seen, and return what is kept of these tools.

        Args:
            definitions: one for each tool.
            at: the time of day.

        Raises:
            StoreFailure: nothing of it was kept.
        """
        names = {each.tool for each in definitions}
        kept = self._read(_kept)
        if any(_is_news(each, kept.get(each.tool)) for each in definitions):
            kept = self._written(lambda connection: _see(connection, definitions, instant(at)))
        return {tool: each for tool, each in kept.items() if tool in names}

    def approve(self, tool: str, digest: str, *, by: str, at: datetime) -> bool:
        """Trust the definition of a tool that was seen last.

        Args:
            tool: the tool's name in the policy.
            digest: of the definition that was reviewed.
            by: who says so.
            at: the time of day.

        Returns:
            False if that is not the one that was seen last; nothing changed then.

        Raises:
            StoreFailure: nothing changed.
        """

        def work(connection: sqlite3.Connection) -> bool:
            changed = connection.execute(
                "UPDATE tool_definition SET trusted = seen, trusted_content = seen_content,"
                " trusted_at = ?, trusted_by = ?, seen = NULL, seen_content = NULL, seen_at = NULL"
                " WHERE tool = ? AND seen = ?",
                (instant(at), by, tool, digest),
            )
            return changed.rowcount == 1

        return self._written(work)

    def _written(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def once() -> T:
            with closing(connect_writing(self.path)) as connection, transaction(connection):
                return work(connection)

        with self._gate:
            try:
                return patiently(once)
            except sqlite3.Error as error:
                failed = failure("be written", error)
        raise failed


def _is_news(seen: SeenDefinition, kept: KeptDefinition | None) -> bool:
    return kept is None or seen.digest not in (kept.trusted, kept.seen)


def _see(
    connection: sqlite3.Connection, definitions: Sequence[SeenDefinition], at: str
) -> dict[str, KeptDefinition]:
    for each in definitions:
        connection.execute(
            "INSERT INTO tool_definition (tool, trusted, trusted_content, trusted_at, trusted_by)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (each.tool, each.digest, each.content, at, FIRST_USE),
        )
        connection.execute(
            "UPDATE tool_definition SET seen = ?, seen_content = ?, seen_at = ?"
            " WHERE tool = ? AND trusted <> ? AND seen IS NOT ?",
            (each.digest, each.content, at, each.tool, each.digest, each.digest),
        )
    return _kept(connection)


def _kept(connection: sqlite3.Connection) -> dict[str, KeptDefinition]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM tool_definition ORDER BY tool")  # noqa: S608 - no value in it
    names = _COLUMNS.split(", ")
    found = (KeptDefinition(**dict(zip(names, row, strict=True))) for row in rows)
    return {each.tool: each for each in found}
