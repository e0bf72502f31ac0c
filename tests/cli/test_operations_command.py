# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does ``agentguard operations`` print the tables and bring them up to the installed SDK?"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentguard import operations
from agentguard.operations import table_of
from agentguard.operations.table import read_rows
from agentguard.testing import sdk_operations

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

SHIPPED = Path(operations.__file__).parent


def test_the_operations_of_a_kind_are_listed(shell: "Shell") -> None:
    """A kind of one SDK is listed with names, and says what can be named by pair alone."""
    ran = shell("operations", "list", "--sdk", "openai", "--kind", "inference")
    assert ran.code == 0
    assert "openai     inference   POST /chat/completions  (chat)\n" in ran.out
    assert "/files" not in ran.out
    sockets = shell("operations", "list", "--kind", "socket").out.splitlines()
    assert sockets
    assert all(line.endswith("[by pair only]") for line in sockets)
    minted = shell("operations", "list", "--kind", "credential").out
    assert "POST /realtime/sessions  [never]\n" in minted


def test_the_operations_are_listed_as_json(shell: "Shell") -> None:
    """As JSON every operation of every SDK comes with all that is known of it."""
    listed = json.loads(shell("operations", "list", "--json").out)
    assert len(listed) == len(table_of("openai")) + len(table_of("anthropic"))
    [chat] = [each for each in listed if each["path"] == "/chat/completions" and each["name"]]
    assert (chat["sdk"], chat["verb"], chat["kind"]) == ("openai", "POST", "inference")
    assert "messages" in chat["content"]


def test_a_table_that_agrees_passes_the_check(shell: "Shell") -> None:
    """The shipped table and the installed SDK agree, and the check exits with 0."""
    ran = shell("operations", "regenerate", "--sdk", "openai", "--check", "--json")
    assert ran.code == 0
    said = json.loads(ran.out)
    assert said["sdk"] == "openai"
    assert said["differences"] == []


def test_a_table_that_differs_fails_the_check(
    shell: "Shell", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pair that the table lacks is named, and the check exits with 1."""
    rows = [row for row in read_rows("openai") if row["path"] != "/embeddings"]
    monkeypatch.setattr("agentguard.cli.operations.read_rows", lambda _: rows)
    ran = shell("operations", "regenerate", "--sdk", "openai", "--check")
    assert ran.code == 1
    assert "POST /embeddings is not in the table\n" in ran.out


def test_a_table_is_written_where_it_is_asked_for(shell: "Shell", tmp_path: Path) -> None:
    """The regenerated table is written to the named file, equal to the one that is shipped."""
    target = tmp_path / "openai.csv"
    ran = shell("operations", "regenerate", "--sdk", "openai", "--output", str(target))
    assert ran.code == 0
    assert target.read_text(encoding="utf-8") == sdk_operations.written(read_rows("openai"))


def test_a_version_that_a_table_was_brought_up_to_counts_as_checked(
    shell: "Shell", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rewriting the shipped table adds the version to the checked ones, in order and once."""
    before = (SHIPPED / "checked.csv").read_text(encoding="utf-8")
    (tmp_path / "checked.csv").write_text(before, encoding="utf-8")
    monkeypatch.setattr("agentguard.cli.operations.files", lambda _: tmp_path)
    assert shell("operations", "regenerate", "--sdk", "openai", "--check").code == 0
    assert list(tmp_path.glob("*.csv")) == [tmp_path / "checked.csv"]
    for version in ("3.100", "3.99", "3.99"):
        monkeypatch.setattr(sdk_operations, "version_of", lambda _, told=version: told)
        assert shell("operations", "regenerate", "--sdk", "openai").code == 0
    after = (tmp_path / "checked.csv").read_text(encoding="utf-8")
    assert after == before + "openai,3.99\nopenai,3.100\n"
    assert (tmp_path / "openai.csv").is_file()


def test_an_sdk_that_is_not_installed_is_named(
    shell: "Shell", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the SDK the command says what has to be installed."""
    monkeypatch.setitem(sys.modules, "openai", None)
    ran = shell("operations", "regenerate", "--sdk", "openai")
    assert ran.code == 2
    assert "openai has to be installed" in ran.err
