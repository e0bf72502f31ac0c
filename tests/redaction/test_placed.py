# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What stands behind a name or at a path is hidden whatever it looks like."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen, canonical_bytes, freeze, thaw
from agentguard.classification import BUILT_IN_CLASSES, KnownValues, build_classifier
from agentguard.policy import Glob
from agentguard.redaction import (
    Area,
    PlacedClasses,
    Placing,
    Redacted,
    Vault,
    redact_payload,
    resolve_arguments,
)
from agentguard.redaction.replacing import Find
from agentguard.vocabulary import Action, DataClass

ENGINE = build_classifier()
BUILT_IN = {each.name: each for each in BUILT_IN_CLASSES}
PLACED = PlacedClasses(
    names=[(Glob(key).matches, "own") for key in ("account", "internal_*", "role", "name")],
    paths=[("/messages/*/metadata/number", "own"), ("/deep/1", "own"), ("/a~1b", "own")],
)


def finder(vault: Vault) -> Find:
    """Find what the engine finds and what the vault knows, as a session does."""
    known = KnownValues(vault.known_values())
    return lambda text: ENGINE.findings(text, known)


def redacted(
    payload: object,
    vault: Vault | None = None,
    *,
    action: Action = Action.TOKENISE,
    area: Area = Area.REQUEST,
    authored: tuple[str, ...] = (),
) -> Redacted:
    """Redact a payload in which places have a class."""
    vault = vault or Vault(b"k" * 32)
    return redact_payload(
        freeze(payload),
        find=finder(vault),
        find_again=lambda: finder(vault),
        actions={**BUILT_IN, "own": DataClass(name="own", family="organisation", action=action)},
        vault=vault,
        model_authored=authored,
        placing=Placing(PLACED, area),
    )


def shown(payload: object, **options: Any) -> Any:
    """What would leave."""
    return thaw(redacted(payload, **options).payload)


def dumped(payload: Frozen) -> str:
    """The bytes that would leave, as text."""
    return canonical_bytes(payload).decode()


@pytest.mark.parametrize("value", ["x", "plain words", "true", 7, 0.5, True, False])
def test_a_value_behind_a_name_is_hidden_whatever_it_is(value: object) -> None:
    """Text, numbers, true and false become placeholders in any nesting; null has no value."""
    payload = {"messages": [{"metadata": {"account": value, "other": {"internal_x": [value]}}}]}
    (message,) = shown(payload)["messages"]
    assert message["metadata"]["account"].startswith("[[OWN:")
    assert message["metadata"]["other"]["internal_x"] == [message["metadata"]["account"]]
    assert shown({"account": None}) == {"account": None}
    assert shown({"account": ""}) == {"account": ""}


def test_a_name_counts_in_json_texts_and_in_lines_of_them() -> None:
    """A tool's result as text, JSON in it, and a file of lines are looked through by name."""
    inner = json.dumps({"account": "C-1", "note": json.dumps({"internal_note": "kept quiet"})})
    text = shown({"messages": [{"role": "tool", "content": inner}]})["messages"][0]["content"]
    assert "C-1" not in text
    assert "kept quiet" not in text
    assert json.loads(json.loads(text)["note"]).keys() == {"internal_note"}
    lines = '{"account": "C-1"}\n\n{"account": 17, "say": "bob@example.com"}\n'
    file = shown({"file": lines})["file"]
    assert [set(json.loads(line)) for line in file.splitlines() if line] == [
        {"account"},
        {"account", "say"},
    ]
    assert not [each for each in ("C-1", "17", "bob@") if each in file]


def test_lines_that_hold_nothing_to_hide_stay_as_they_are() -> None:
    """A file of lines without such a name is not rewritten."""
    lines = '{"other":  "C-1"}\n{"other": 2}'
    assert shown({"file": lines}) == {"file": lines}


def test_everything_in_an_object_behind_a_name_is_hidden() -> None:
    """Values at any depth go, and names that could be values; plain names stay."""
    payload = {"metadata": {"account": {"owner": {"ACME Corp": [1, "two"]}, "open": True}}}
    account = shown(payload)["metadata"]["account"]
    assert set(account) == {"owner", "open"}
    (name,) = account["owner"]
    assert name.startswith("[[OWN:")
    assert all(each.startswith("[[OWN:") for each in (*account["owner"][name], account["open"]))


def test_a_path_leads_from_the_beginning_of_payloads_and_json_texts() -> None:
    """A step may be any, an index, or hold a slash; elsewhere the same name means nothing."""
    payload = {
        "messages": [{"metadata": {"number": 5}}, {"content": json.dumps({"deep": [1, 2]})}],
        "deep": ["a", "b"],
        "a/b": "c",
        "number": 5,
    }
    sent = shown(payload)
    assert sent["messages"][0]["metadata"]["number"].startswith("[[OWN:")
    assert sent["deep"][0] == "a"
    assert sent["deep"][1].startswith("[[OWN:")
    assert sent["a/b"].startswith("[[OWN:")
    assert sent["number"] == 5
    assert json.loads(sent["messages"][1]["content"])["deep"][0] == 1
    assert json.loads(sent["messages"][1]["content"])["deep"][1].startswith("[[OWN:")


REQUEST = {
    "model": "m",
    "messages": [
        {"role": "user", "name": "bob", "content": [{"type": "text", "text": "hello"}]},
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
        },
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "f",
                "parameters": {
                    "type": "object",
                    "properties": {"account": {"type": "string"}, "name": {"type": "string"}},
                },
            },
        }
    ],
    "response_format": {"schema": {"properties": {"internal_x": {"type": "number"}}}},
}


def test_what_holds_a_request_together_is_left_alone() -> None:
    """Words of the request and definitions of tools stay, although such a name is meant."""
    assert shown(REQUEST) == REQUEST
    arguments = {"name": "bob", "role": "admin", "account": "C-1"}
    inside = {
        "messages": [{"content": json.dumps(arguments)}, {"input": arguments}],
        "metadata": {"name": "bob"},
    }
    assert "bob" not in json.dumps(shown(inside))
    assert "admin" not in json.dumps(shown(inside))
    assert "bob" not in json.dumps(shown(arguments, area=Area.CONTENT))


def test_a_word_hidden_by_its_place_stays_a_word_elsewhere() -> None:
    """A role or a flag that was hidden once is not looked for; a long number is."""
    vault = Vault(b"k" * 32)
    payload = {"metadata": {"account": ["user", True, "assistant", "in_progress", 20240001]}}
    redacted(payload, vault)
    later = {"messages": [{"role": "user", "content": "true of the assistant: 20240001"}]}
    (message,) = shown(later, vault=vault)["messages"]
    assert message["role"] == "user"
    assert message["content"].startswith("true of the assistant: [[OWN:")


def test_the_strictest_class_in_a_place_decides() -> None:
    """A secret behind a name is hidden as the secret, and one behind a passing name, too."""
    token = "gh" + "p_" + "0aB" * 12
    assert redacted({"account": f"is {token}"}).counts == {"api_key": 1}
    passing = redacted({"account": f"is {token}", "internal_x": 5}, action=Action.LABEL)
    assert passing.counts == {"own": 2, "api_key": 1}
    left = thaw(passing.payload)
    assert isinstance(left, dict)
    assert str(left["account"]).startswith("is [[API_KEY:")
    assert left["internal_x"] == 5


HIDING = [each for each in Action if each is not Action.LABEL]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(max_size=12)
    | st.just("bob@x.example")
)
NAMES = st.sampled_from(["account", "internal_a", "other", "Some Name", "a"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=3)
        | inner.map(lambda value: json.dumps({"account": value}))
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(VALUES, st.sampled_from(HIDING))
def test_hiding_by_place_twice_changes_nothing(value: object, action: Action) -> None:
    """What was hidden by its place stays as it is when the model sends it back."""
    vault = Vault(b"k" * 32)
    once = redacted({"account": value}, vault, action=action, area=Area.CONTENT)
    twice = redacted(once.payload, vault, action=action, area=Area.CONTENT, authored=("",))
    assert twice.payload == once.payload


def texts(value: Any) -> Any:
    """A value as it comes back: numbers and flags that were hidden are texts."""
    if isinstance(value, dict):
        return {key: texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [texts(item) for item in value]
    return value if value is None or isinstance(value, str) else json.dumps(value)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(max_size=12).filter(lambda t: "[[" not in t),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(PLAIN)
def test_what_was_hidden_by_its_place_comes_back(value: object) -> None:
    """A tool that may receive the class gets what stood there; numbers come back as text."""
    vault = Vault(b"k" * 32)
    hidden = redacted({"account": value}, vault, area=Area.CONTENT).payload
    assert isinstance(hidden, Mapping)
    back, _ = resolve_arguments(hidden, vault, lambda _: True)
    assert texts(thaw(back)) == texts({"account": value})
