# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which definition of a server's tool is trusted, and which was seen since?"""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agentguard.stores import DefinitionStore, SeenDefinition, SqliteStore, StoreFailure
from agentguard.stores.definitions import FIRST_USE

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def seen(number: int = 1, tool: str = "read") -> SeenDefinition:
    """Return one of the definitions of a tool."""
    return SeenDefinition(tool=tool, digest=f"sha256:{number}", content=b"%d" % number)


@pytest.fixture
def definitions(store: SqliteStore) -> DefinitionStore:
    """Give the definitions of an empty database."""
    return DefinitionStore(store.path)


def test_the_first_definition_is_trusted(definitions: DefinitionStore) -> None:
    """What is seen first is trusted, and seeing it again changes nothing."""
    first = definitions.see([seen()], NOW)["read"]
    assert (first.trusted, first.trusted_by, first.seen) == ("sha256:1", FIRST_USE, None)
    assert definitions.see([seen()], NOW)["read"] == first
    assert definitions.kept() == (first,)


def test_another_definition_waits(definitions: DefinitionStore) -> None:
    """Another definition does not become the trusted one; the last one that was seen is kept."""
    definitions.see([seen(1)], NOW)
    for number in (2, 3):
        kept = definitions.see([seen(number)], NOW)["read"]
        assert (kept.trusted, kept.seen) == ("sha256:1", f"sha256:{number}")
        assert kept.seen_content == b"%d" % number


def test_an_approval_is_of_what_was_seen_last(definitions: DefinitionStore) -> None:
    """An approval of another digest changes nothing; that of the right one is used up."""
    definitions.see([seen(1)], NOW)
    definitions.see([seen(2)], NOW)
    for digest in ("sha256:1", "sha256:3"):
        assert not definitions.approve("read", digest, by="user:carol", at=NOW)
    assert definitions.approve("read", "sha256:2", by="user:carol", at=NOW)
    (kept,) = definitions.kept()
    assert (kept.trusted, kept.trusted_by, kept.seen) == ("sha256:2", "user:carol", None)
    assert not definitions.approve("read", "sha256:2", by="user:carol", at=NOW)


def test_the_definition_from_before_an_approval_is_another_one(
    definitions: DefinitionStore,
) -> None:
    """Once another definition is trusted, the first one waits like any other."""
    definitions.see([seen(1)], NOW)
    definitions.see([seen(2)], NOW)
    definitions.approve("read", "sha256:2", by="user:carol", at=NOW)
    assert definitions.see([seen(1)], NOW)["read"].seen == "sha256:1"


def test_one_of_many_that_see_a_tool_first_counts(definitions: DefinitionStore) -> None:
    """However many see a tool for the first time at once, one definition of it is trusted."""
    with ThreadPoolExecutor(6) as threads:
        said = list(
            threads.map(lambda n: definitions.see([seen(n)], NOW)["read"].trusted, range(6))
        )
    assert len(set(said)) == 1


def test_tools_are_kept_apart(definitions: DefinitionStore) -> None:
    """What is seen of one tool says nothing of another, and only the asked ones are returned."""
    definitions.see([seen(1), seen(2, "write")], NOW)
    assert definitions.see([seen(2, "write")], NOW).keys() == {"write"}
    assert [each.tool for each in definitions.kept()] == ["read", "write"]


def test_what_cannot_be_written_is_not_trusted(definitions: DefinitionStore) -> None:
    """A store without its table, as after a slip, says that it failed, and shows no content."""
    with closing(sqlite3.connect(definitions.path)) as connection, connection:
        connection.execute("DROP TABLE tool_definition")
    with pytest.raises(StoreFailure):
        definitions.see([seen()], NOW)
    assert "content" not in repr(seen())


def test_a_missing_database_is_not_made(tmp_path: Path) -> None:
    """Definitions are kept in the database of a guard, which must be there."""
    with pytest.raises(StoreFailure):
        DefinitionStore(tmp_path / "none.db")
