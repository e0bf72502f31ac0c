# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which pairs of verb and path are guarded, and what a refusal says of the others."""

import csv
import re
from importlib.resources import files
from pathlib import Path

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.integrations.openai.operations import (
    GUARDED,
    operation_of,
    refusal,
    template_of,
    websocket_refusal,
)

TABLE = files("agentguard.integrations.openai").joinpath("operations.csv").read_text()
ROWS = [(row["verb"], row["path"], row["kind"]) for row in csv.DictReader(TABLE.splitlines())]
CANARY = "jane.doe@customers.example"


def test_chat_completions_alone_are_guarded() -> None:
    """Of all listed pairs one is let into the flow."""
    guarded = [(verb, path) for verb, path, _ in ROWS if operation_of(verb, path)]
    assert guarded == [("POST", "/chat/completions")]
    assert set(guarded) == set(GUARDED)


@pytest.mark.parametrize(
    "path",
    [
        "chat/completions",
        "/chat/completions/",
        "/chat/completions?x=1",
        "/Chat/Completions",
        "/chat/completions/c-1",
        "/v1/../chat/completions",
        "https://api.openai.com/v1/chat/completions",
        "//chat/completions",
        "",
    ],
)
def test_another_spelling_of_the_path_is_not_guarded(path: str) -> None:
    """Only the exact path is let in, so that no spelling reaches another endpoint."""
    assert operation_of("POST", path) is None


def test_the_verb_is_read_whatever_its_case() -> None:
    """The SDK writes verbs in lower case."""
    assert operation_of("post", "/chat/completions") == "chat"
    assert operation_of("get", "/chat/completions") is None


@pytest.mark.parametrize(("verb", "path", "kind"), ROWS)
def test_every_listed_pair_is_named(verb: str, path: str, kind: str) -> None:
    """A refusal of a listed pair names its template and its kind."""
    assert template_of(verb, path.replace("{}", "segment")) == (path, kind)
    assert f"{verb} {path} ({kind})" in str(refusal(verb.lower(), path.replace("{}", "segment")))


def test_the_table_holds_each_pair_once() -> None:
    """No pair has two kinds, and the rows are in order."""
    pairs = [(path, verb) for verb, path, _ in ROWS]
    assert len(set(pairs)) == len(pairs)
    assert pairs == sorted(pairs)


def test_a_fixed_path_is_preferred_to_a_template() -> None:
    """``/x/{}`` does not take the name of a listed ``/x/y``."""
    fixed = [
        (verb, path, kind)
        for verb, path, kind in ROWS
        if "{}" not in path and template_of(verb, path) != (path, kind)
    ]
    assert fixed == []


@settings(max_examples=200, deadline=None)
@given(tail=st.lists(st.text(max_size=8), max_size=6))
def test_a_refusal_never_repeats_a_path(tail: list[str]) -> None:
    """Whatever a caller puts into a path, the refusal does not hold it."""
    path = "/" + "/".join([*tail, CANARY])
    assert CANARY not in str(refusal("GET", path))
    assert CANARY not in str(websocket_refusal(f"wss://{CANARY}{path}?q={CANARY}"))


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("ws://127.0.0.1:8080/v1/responses", "WS /responses (socket)"),
        ("wss://api.openai.com/v1/realtime?model=m", "WS /realtime (socket)"),
        ("wss://api.openai.com/v1/live/sessions/s-1/fork", "WS /live/sessions/{}/fork (socket)"),
        ("wss://api.openai.com/v1/new", "a websocket"),
        ("", "a websocket"),
    ],
)
def test_a_websocket_is_named_by_its_address(url: str, named: str) -> None:
    """The refusal of a websocket names the listed pair, below whatever base path it stands."""
    assert str(websocket_refusal(url)).startswith(f"{named} is not guarded")


def test_the_table_knows_every_path_in_the_sdk() -> None:
    """A path that the installed SDK can send and the table does not list is seen here."""
    verbs = {
        "_get": ("GET",),
        "_get_api_list": ("GET", "POST"),  # a few lists are asked for with POST
        "_post": ("POST",),
        "_put": ("PUT",),
        "_patch": ("PATCH",),
        "_delete": ("DELETE",),
    }
    sent = re.compile(
        r"self\.(_get|_get_api_list|_post|_put|_patch|_delete)\(\s*(?:path_template\(\s*|f)?"
        r'"(/[^"?]+)'
    )
    unknown, seen = set(), 0
    for source in (Path(openai.__file__).parent / "resources").rglob("*.py"):
        for method, path in sent.findall(source.read_text(encoding="utf-8")):
            seen += 1
            filled = re.sub(r"\{[^}]*\}", "segment", path)
            if not any(template_of(verb, filled) for verb in verbs[method]):
                unknown.add((method, path))
    assert unknown == set()
    assert seen > 200
