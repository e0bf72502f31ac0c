# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a path lead to one operation or to none, and do the tables hold together?"""

from itertools import combinations
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.operations import (
    Allowed,
    Operation,
    OperationTable,
    closest,
    is_operation_name,
    needs_pairs,
    table_of,
)
from agentguard.operations.table import SDKS, UNCLASSIFIED, operation_of_row, read_rows
from agentguard.vocabulary import Kind

TEXT = st.text(min_size=1, max_size=12)
OPERATIONS = [operation for sdk in SDKS for operation in table_of(sdk)]
OPEN = [(sdk, operation) for sdk in SDKS for operation in table_of(sdk) if "{}" in operation.path]
BY_PAIR = {Kind.SOCKET, Kind.CREDENTIAL, Kind.ADMIN}


def made(*pairs: str) -> OperationTable:
    """Return a table of these pairs."""
    split = [pair.split() for pair in pairs]
    return OperationTable(
        tuple(Operation(verb=verb, path=path, kind=Kind.READ) for verb, path in split)
    )


@pytest.mark.parametrize(
    ("verb", "path", "pair"),
    [
        ("POST", "/chat/completions", "POST /chat/completions"),
        ("post", "/chat/completions", "POST /chat/completions"),
        ("POST", "/responses?beta=true", "POST /responses"),
        ("GET", "files", "GET /files"),
        ("GET", "/files/file-1?purpose=../x", "GET /files/{}"),
        ("GET", "/files/file-1/content", "GET /files/{}/content"),
        ("WS", "/realtime?model=m", "WS /realtime"),
    ],
)
def test_a_listed_path_leads_to_its_operation(verb: str, path: str, pair: str) -> None:
    """A verb and a path find the row whose template fits, whatever the query says."""
    match = table_of("openai").find(verb, path)
    assert match is not None
    assert match.operation.pair == pair


@pytest.mark.parametrize(
    "path",
    [
        *("/", "", "/files/", "//files", "/files//content", "/FILES", "/files/a/b/c"),
        *("/files/.", "/files/..", "/files/%2e", "/files/%2E%2e", "/files/%252e%252e"),
        *("/files/a%2fb", "/files/a%2Fcontent", "/files/a%252Fb", "/files/a%5cb", "/files/a\\b"),
        *("/files/a%3Fb", "/files/a#b", "/files/a%23b", "/files/a%00", "/files/a%0d%0a"),
        *("/files/%25252525252525252e", "/organization/../files"),
    ],
)
def test_a_path_that_can_be_read_in_two_ways_leads_nowhere(path: str) -> None:
    """An empty segment, a dot segment or a separator in any encoding matches no template."""
    assert table_of("openai").find("GET", path) is None


@pytest.mark.parametrize("path", ["/nowhere", "https://host/files", "/v1/files"])
def test_what_is_not_listed_leads_nowhere(path: str) -> None:
    """A path that no row has, and a whole URL, match no template."""
    assert table_of("openai").find("GET", path) is None


def test_an_encoded_word_of_a_template_leads_nowhere() -> None:
    """What a server may read as a word of a template or as a value is neither."""
    table = table_of("openai")
    assert table.find("POST", "/responses/compact") is not None
    assert table.find("POST", "/responses/%63ompact") is None
    assert table.find("GET", "/videos/%63haracters/x") is None
    assert table.find("GET", "/%66iles") is None


def test_the_exact_template_comes_before_an_open_one() -> None:
    """A path that is listed as it stands is that operation, whichever row comes first."""
    for pairs in (("GET /a/{}", "GET /a/b"), ("GET /a/b", "GET /a/{}")):
        match = made(*pairs).find("GET", "/a/b")
        assert match is not None
        assert match.operation.path == "/a/b"
        assert match.segments == ()


def test_two_templates_of_which_neither_is_the_more_exact_lead_nowhere() -> None:
    """A path that servers may route in two ways is not matched."""
    assert made("GET /a/{}", "GET /{}/b").find("GET", "/a/b") is None
    assert table_of("openai").find("GET", "/videos/characters/content") is None


def test_templates_that_cross_are_of_one_kind() -> None:
    """Where two rows of a table fit one path and neither is the more exact, they are of a kind."""
    for sdk in SDKS:
        for one, other in combinations(table_of(sdk), 2):
            pairs = list(zip(one.path.split("/"), other.path.split("/"), strict=False))
            meet = one.path.count("/") == other.path.count("/") and one.verb == other.verb
            if meet and all(a == b or "{}" in (a, b) for a, b in pairs):
                exact = {a == "{}" for a, b in pairs if a != b}
                assert len(exact) == 1 or one.kind is other.kind


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(OPEN), st.data())
def test_the_values_of_a_path_come_back_decoded(
    row: tuple[str, Operation], data: st.DataObject
) -> None:
    """A value that is quoted into a template comes back, or the path leads nowhere."""
    sdk, operation = row
    texts = data.draw(st.lists(TEXT, min_size=9, max_size=9))
    values = texts[: operation.path.count("{}")]
    path = operation.path.replace("{}", "\0")
    for value in values:
        path = path.replace("\0", quote(value, safe="", errors="replace"), 1)
    match = table_of(sdk).find(operation.verb, path)
    if match is not None and match.operation is operation:
        sent = [quote(value, safe="", errors="replace") for value in values]
        assert [quote(each, safe="") for each in match.segments] == sent


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(["GET", "POST", "DELETE", "WS"]), st.text(max_size=30))
def test_any_text_can_be_looked_up(verb: str, path: str) -> None:
    """No path, however strange, makes the lookup fail."""
    for sdk in SDKS:
        match = table_of(sdk).find(verb, path)
        assert match is None or match.operation.verb == verb


@pytest.mark.parametrize("sdk", SDKS)
def test_every_row_can_be_read(sdk: str) -> None:
    """Every row is classified, stands once, and finds itself."""
    rows = read_rows(sdk)
    table = table_of(sdk)
    assert len({(row["verb"], row["path"]) for row in rows}) == len(rows) == len(table)
    assert UNCLASSIFIED not in {row["kind"] for row in rows}
    for operation in table:
        match = table.find(operation.verb, operation.path.replace("{}", "x1"))
        assert match is not None
        assert match.operation is operation
        assert table.of_pair(operation.pair) is operation
        assert not set(operation.content) & set(operation.closed)


def test_an_unclassified_row_is_no_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pair that nobody has classified is left out, so that it is refused."""
    row = read_rows("openai")[0]
    with pytest.raises(ValueError, match=UNCLASSIFIED):
        operation_of_row(row | {"kind": UNCLASSIFIED})
    rows = [row | {"kind": UNCLASSIFIED}]
    monkeypatch.setattr("agentguard.operations.table.read_rows", lambda _: rows)
    assert len(table_of.__wrapped__("openai")) == 0


def test_what_goes_past_the_guard_is_named_one_by_one() -> None:
    """Sockets, credentials and administration are allowed by pair at most, the rest by rule."""
    for operation in OPERATIONS:
        assert (operation.allowed is not Allowed.RULE) == (operation.kind in BY_PAIR)
        assert (operation.verb == "WS") == (operation.kind is Kind.SOCKET)
        assert not operation.name or operation.kind is Kind.INFERENCE


def test_the_tokens_of_the_retired_realtime_are_never_allowed() -> None:
    """The two endpoints that mint tokens for the beta of Realtime can be named by no rule."""
    never = {each.pair for each in OPERATIONS if each.allowed is Allowed.NEVER}
    assert never == {"POST /realtime/sessions", "POST /realtime/transcription_sessions"}


@pytest.mark.parametrize(
    "text",
    ["chat", "embeddings", "text_completion", "inference", "remote-run", "POST /files",
     "WS /realtime", "POST /v1/messages", "POST /organization/projects", "GET /files/{}/content"],
)  # fmt: skip
def test_a_rule_can_name_operations(text: str) -> None:
    """Names, kinds and pairs of either SDK are words of a rule."""
    assert is_operation_name(text)
    assert not needs_pairs(text)


@pytest.mark.parametrize(
    "text",
    ["", "chats", "Chat", "*", "/files", "POST", "POST  /files", "post /files", "PUT /files",
     "GET /files/file-1", "POST /realtime/sessions"],
)  # fmt: skip
def test_a_word_that_names_no_operation_is_told(text: str) -> None:
    """A word that no table knows, and a pair that is never allowed, are no words of a rule."""
    assert not is_operation_name(text)
    assert not needs_pairs(text)


@pytest.mark.parametrize("text", ["admin", "socket", "credential", "local"])
def test_some_kinds_are_named_by_their_pairs(text: str) -> None:
    """The kinds of what goes past the guard are no words of a rule, and that can be said."""
    assert not is_operation_name(text)
    assert needs_pairs(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("embedding", "embeddings"), ("POST /file", "POST /files"), ("remote_run", "remote-run"),
     ("xyzzy", None)],
)  # fmt: skip
def test_a_misspelt_operation_is_recognised(text: str, meant: str | None) -> None:
    """The word that was meant is offered, if there is one."""
    assert closest(text) == meant


def test_an_operation_has_a_label() -> None:
    """An operation is called by its name in the conventions, or by its pair."""
    table = table_of("openai")
    chat, files = table.of_pair("POST /chat/completions"), table.of_pair("POST /files")
    assert chat is not None
    assert files is not None
    assert chat.label == "chat"
    assert files.label == "POST /files"
    assert {"messages", "stream", "tools"} <= chat.fields
    assert "messages" in chat.content
    assert "stream" in chat.closed
