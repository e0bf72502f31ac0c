# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do the tables say what the installed SDKs can send, no less and no more?"""

import ast
import re
import socket
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from agentguard.operations.table import COLUMNS, SDKS, UNCLASSIFIED, read_rows
from agentguard.testing import sdk_operations
from agentguard.testing.sdk_operations import Found, Pair, differences, found_in, regenerated

Row = dict[str, str]
FILES = ("POST", "/files")
VERBS = {
    "_get": "GET",
    "_get_api_list": "GET",
    "_post": "POST",
    "_put": "PUT",
    "_patch": "PATCH",
    "_delete": "DELETE",
}
# The one address that an answer names.
COMPUTED = {"batch.results_url"}


@lru_cache
def found(sdk: str) -> Mapping[Pair, Found]:
    """Return what the installed SDK can send."""
    pytest.importorskip(sdk)
    return found_in(sdk)


def compared(rows: list[Row], sent: Mapping[Pair, Found], version: str | None = None) -> list[str]:
    """Return what is wrong with the rows of OpenAI's table."""
    version = version or sdk_operations.version_of("openai")
    return differences(rows, regenerated(rows, sent, version))


def row_of(pair: Pair, rows: list[Row]) -> Row:
    """Return a row of a table."""
    return next(row for row in rows if (row["verb"], row["path"]) == pair)


@pytest.mark.parametrize("sdk", SDKS)
def test_the_table_says_what_the_installed_sdk_can_send(sdk: str) -> None:
    """Every pair that a method sends is listed and classified, and every listed one is sent."""
    sent = found(sdk)
    rows = read_rows(sdk)
    version = sdk_operations.version_of(sdk)
    assert differences(rows, regenerated(rows, sent, version)) == []
    listed = {(row["verb"], row["path"]) for row in rows if sdk_operations.covers(row, version)}
    assert listed == set(sent)


def requests_written_in(sdk: str) -> Iterator[tuple[str, str]]:
    """Yield the verb and the first argument of every request in the source of an SDK."""
    folder = Path(pytest.importorskip(sdk).__file__).parent
    for path in [
        *folder.joinpath("resources").rglob("*.py"),
        *folder.joinpath("lib").rglob("*.py"),
    ]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                verb = VERBS.get(node.func.attr)
                address = node.args[0]
                if isinstance(address, ast.Call) and "path_template" in ast.unparse(address.func):
                    address = address.args[0]
                if verb is not None:
                    verb = next(
                        (
                            ast.literal_eval(each.value)
                            for each in node.keywords
                            if each.arg == "method"
                        ),
                        verb,
                    )
                    yield verb.upper(), ast.unparse(address)


@pytest.mark.parametrize("sdk", SDKS)
def test_every_address_that_is_written_in_the_source_is_listed(sdk: str) -> None:
    """The source of the SDK, sync and async, holds no path that the table does not."""
    listed = {(row["verb"], row["path"]) for row in read_rows(sdk)}
    unknown, computed = set(), set()
    for verb, address in requests_written_in(sdk):
        if not address.startswith(("'", '"')):
            computed.add(address)
            continue
        path = re.sub(r"\{\w+\}", "{}", ast.literal_eval(address).partition("?")[0])
        if (verb, path) not in listed:
            unknown.add((verb, path))
    assert unknown == set()
    assert computed <= COMPUTED


@pytest.mark.parametrize("sdk", SDKS)
def test_reading_the_operations_off_opens_no_connection(
    sdk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The methods are called without any connection being tried, also for websockets."""
    pytest.importorskip(sdk)
    tried: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: tried.append(address))
    assert found_in(sdk) == dict(found(sdk))
    assert tried == []


def test_a_pair_that_is_not_listed_is_found() -> None:
    """A table without a row that the SDK sends differs from it."""
    rows = [row for row in read_rows("openai") if (row["verb"], row["path"]) != FILES]
    assert compared(rows, found("openai")) == ["POST /files is not in the table"]
    after = regenerated(rows, found("openai"), "9.9")
    assert row_of(FILES, after)["kind"] == UNCLASSIFIED
    assert row_of(FILES, after)["since"] == "9.9"
    assert compared(after, found("openai"), "9.9") == ["POST /files is not classified"]


def test_a_pair_that_vanished_is_found() -> None:
    """A row that no method of the installed version sends differs, until it says since when."""
    # What this version of the SDK no longer sends is out of the way.
    rows = regenerated(read_rows("openai"), found("openai"), "9.9")
    sent = {pair: what for pair, what in found("openai").items() if pair != FILES}
    assert compared(rows, sent, "9.9") == ["POST /files is no longer sent"]
    after = regenerated(rows, sent, "9.9")
    assert row_of(FILES, after)["until"] == "9.9"
    assert row_of(FILES, after)["kind"] == "upload"
    assert compared(after, sent, "9.9") == []
    assert compared(after, found("openai"), "9.9") == ["POST /files is still sent"]


def test_a_member_of_a_body_that_is_new_is_found() -> None:
    """A table whose row lacks a member of the body, or a parameter of the query, differs."""
    rows = read_rows("openai")
    row_of(FILES, rows)["closed"] = ""
    row_of(("GET", "/files"), rows)["query"] = "after limit order"
    assert compared(rows, found("openai")) == [
        "GET /files lacks purpose in query",
        "POST /files lacks purpose in closed",
    ]


def test_a_body_of_another_kind_is_found() -> None:
    """A row that says JSON where the SDK sends files differs."""
    rows = read_rows("openai")
    row_of(FILES, rows)["body"] = "json"
    assert compared(rows, found("openai")) == ["POST /files has multipart for body"]


def test_a_member_that_one_version_leaves_open_stays_content() -> None:
    """A member that can hold text in one version is content, though another closes it."""
    rows = read_rows("openai")
    row = row_of(FILES, rows)
    row |= {"content": "expires_after file purpose", "closed": ""}
    assert row_of(FILES, regenerated(rows, found("openai"), "9.9"))["closed"] == ""


def test_an_older_version_moves_the_beginning_of_a_row_back() -> None:
    """A version in which a pair is found earlier than the table says becomes its first."""
    row = row_of(FILES, regenerated(read_rows("openai"), found("openai"), "2.9"))
    assert row["since"] == "2.9"
    row = row_of(FILES, regenerated(read_rows("openai"), found("openai"), "3.100"))
    assert row["since"] == "2.45"


def test_a_table_that_was_written_can_be_read_again() -> None:
    """The text of a regenerated table is the file that is shipped, byte for byte."""
    rows = read_rows("openai")
    text = sdk_operations.written(rows)
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert text.splitlines()[1:] == [",".join(row.values()) for row in rows]


def test_a_method_that_says_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that sends nothing and is not known for it stops the reading."""
    monkeypatch.setattr(sdk_operations, "LOCAL", frozenset())
    with pytest.raises(RuntimeError, match=r"webhooks\.verify_signature"):
        found_in("openai")


def test_the_parameters_that_address_are_known() -> None:
    """The parameters that end in the path or the query are told from those of the body."""
    known = sdk_operations.addressing("openai")
    assert known["vector_stores.files.update"] == {"vector_store_id", "file_id"}
    assert known["chat.completions.create"] == frozenset()
    assert known["beta.realtime.connect"] == {"model"}
