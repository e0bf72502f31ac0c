# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do the tables of Anthropic's requests know everything that the SDK can send, and nothing more?

Examples are made from the SDK's own types: for each type one with all members, and for each
choice in it one more.
"""

import types
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin

import pytest
from anthropic.types import (
    ContentBlock,
    ContentBlockParam,
    message_count_tokens_params,
    message_create_params,
)
from anthropic.types.beta import BetaContentBlock, BetaContentBlockParam, BetaToolUnionParam
from anthropic.types.beta import message_count_tokens_params as beta_count_params
from anthropic.types.beta import message_create_params as beta_create_params
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from typing_extensions import get_type_hints, is_typeddict

from agentguard.errors import ContentRefused
from agentguard.integrations.anthropic.messages import COUNT, PATH, REFUSED, model_call
from agentguard.integrations.anthropic.tools import NAMES, named_by
from agentguard.vocabulary import ModelCall

# Members that hold content of any form.
OPEN = frozenset({"input", "input_examples", "input_schema", "parsed_output", "schema"})
# These the SDK sends as headers.
HEADERS = frozenset({"betas"})
QUESTION = {"role": "user", "content": "Hi"}


def stripped(kind: Any) -> Any:
    """Return a type without what only annotates it."""
    while get_origin(kind) in {Annotated, Required, NotRequired}:
        kind = get_args(kind)[0]
    return kind


def members_of(kind: Any) -> dict[str, Any]:
    """Return the names that a type's members have on the wire, with their types."""
    if is_typeddict(kind):
        return dict(get_type_hints(kind, include_extras=True))
    fields = kind.model_fields
    return {field.alias or name: field.annotation for name, field in fields.items()}


def is_object(kind: Any) -> bool:
    """Say whether a type has members of its own."""
    return is_typeddict(kind) or (isinstance(kind, type) and issubclass(kind, BaseModel))


def examples(kind: Any, name: str = "") -> Iterator[Any]:
    """Return values of a type: a first one, then one for each choice inside it."""
    kind = stripped(kind)
    origin = get_origin(kind)
    if origin is Literal:
        yield get_args(kind)[0]
    elif origin in {Union, types.UnionType}:
        for choice in get_args(kind):
            if choice is not type(None):
                yield from examples(choice, name)
    elif is_object(kind):
        yield from objects(kind)
    elif name in OPEN or kind is object:
        yield {"type": "object", "any": {"thing": [1]}}
    elif origin is dict:
        yield from ({"key": value} for value in examples(get_args(kind)[1]))
    elif origin is not None:
        yield from ([value] for value in examples(get_args(kind)[0]))
    else:
        yield {int: 1, bool: True, float: 0.5}.get(kind, "word")


def objects(kind: Any) -> Iterator[dict[str, Any]]:
    """Return examples of a type with members, all of them there."""
    choices = {name: list(examples(each, name)) for name, each in members_of(kind).items()}
    first = {name: values[0] for name, values in choices.items()}
    yield first
    for name, values in choices.items():
        yield from ({**first, name: value} for value in values[1:])


def read(body: dict[str, Any], path: str = PATH, **extra: Any) -> ModelCall:
    """Return the call that a body means."""
    fields = {"extra_fields": frozenset(), **extra}
    return model_call("c-1", body, origin="https://api.anthropic.com:443", path=path, **fields)


def with_block(block: Any, role: str = "assistant") -> dict[str, Any]:
    """Return a request with one block in a message."""
    return {
        "model": "claude-opus-5",
        "max_tokens": 8,
        "messages": [QUESTION, {"role": role, "content": [block]}],
    }


def places(value: Any, path: tuple[Any, ...] = (), kinds: tuple[str, ...] = ()) -> Iterator[Any]:
    """Return where objects with fixed members stand, each with what leads there."""
    if isinstance(value, dict):
        kinds = (*kinds, str(value.get("type")))
        yield path, kinds
        for name, item in value.items():
            if name not in OPEN and (name, kinds[-1]) != ("trigger", "fallback"):
                yield from places(item, (*path, name), kinds)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index), kinds)


def changed(body: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    """Return a copy of a body with an unknown member in the object at *path*."""
    copied = deepcopy(body)
    node: Any = copied
    for step in path:
        node = node[step]
    node["unlisted_member"] = "secret plans"
    return copied


def blocks() -> Iterator[dict[str, Any]]:
    """Return examples of every content block that may be sent."""
    for kind in (ContentBlockParam, ContentBlock, BetaContentBlockParam, BetaContentBlock):
        yield from examples(kind)


def bodies() -> Iterator[dict[str, Any]]:
    """Return examples of requests with every member that the guard reads."""
    for module in (message_create_params, beta_create_params):
        for body in objects(module.MessageCreateParamsNonStreaming):
            yield {name: body[name] for name in body if name not in {*REFUSED, *HEADERS}}


def test_every_block_of_the_sdk_is_known() -> None:
    """A conversation may hold every content block that the SDK can send or has received."""
    found = set()
    for block in blocks():
        read(with_block(block))
        found.add(block["type"])
    assert len(found) == 24


def test_every_member_of_a_request_is_known() -> None:
    """A request may have every member that the SDK documents, in every form."""
    for body in bodies():
        assert read(body).model == body["model"]


def test_every_member_of_a_count_is_known() -> None:
    """Counting tokens may have every member that the SDK documents, in every form."""
    for module in (message_count_tokens_params, beta_count_params):
        for body in objects(module.MessageCountTokensParams):
            counted = {name: body[name] for name in body if name not in HEADERS}
            assert read(counted, COUNT).answers == ()


def test_an_unknown_member_is_refused_wherever_it_stands() -> None:
    """A member that no table lists is refused at every depth, except in what the policy decides."""
    seen = set()
    for body in (*bodies(), *map(with_block, blocks())):
        for path, kinds in places(body):
            names = tuple(step for step in path if isinstance(step, str))
            if (names, kinds) in seen:
                continue
            seen.add((names, kinds))
            unknown = changed(body, path)
            if is_decided(names, kinds):
                decided = [tool.arguments for tool in read(unknown).hosted_tools]
                assert "secret plans" in str(decided)
                continue
            with pytest.raises(ContentRefused, match="does not know") as caught:
                read(unknown)
            assert "unlisted_member" not in str(caught.value)
            assert "secret plans" not in str(caught.value)
    assert len(seen) > 300


def is_decided(names: tuple[str, ...], kinds: tuple[str, ...]) -> bool:
    """Say whether a place belongs to a definition that goes to the policy as a whole."""
    if "cache_control" in names:
        return False
    if names[:1] == ("mcp_servers",) or names[:2] == ("container", "skills"):
        return True
    depth = {
        "tools": 1,
        "definition": kinds.index("tool_definition") + 1 if "tool_definition" in kinds else 0,
    }
    for name, at in depth.items():
        if name in names and (name != "tools" or names[0] == "tools"):
            return kinds[at] not in {"custom", "None"}
    return False


def test_an_unknown_block_is_refused() -> None:
    """A type of block that no table lists is refused, and not repeated in the refusal."""
    with pytest.raises(ContentRefused, match="'messages/1/content/0' is of a type") as caught:
        read(with_block({"type": "hologram", "text": "secret plans"}))
    assert "hologram" not in str(caught.value)


def test_an_extra_field_of_the_policy_passes() -> None:
    """A member that the policy lists as an extra field passes, also inside a block."""
    body = with_block({"type": "text", "text": "Hi", "mood": "good"}, role="user")
    assert read(body, extra_fields=frozenset({"mood"})).model == "claude-opus-5"


def test_every_tool_of_the_sdk_is_offered_or_decided() -> None:
    """A custom tool is offered by name; every other type goes to the policy, its fixed name apart."""
    for tool in examples(BetaToolUnionParam):
        call = read({**with_block("unused"), "messages": [QUESTION], "tools": [tool]})
        if tool.get("type") == "custom":
            assert [each.pointer for each in call.function_tools] == ["/tools/0"]
            assert call.hosted_tools == ()
            continue
        (hosted,) = call.hosted_tools
        assert (hosted.type, hosted.pointer, hosted.removable) == (tool["type"], "/tools/0", True)
        assert "name" not in hosted.arguments
        assert "cache_control" not in hosted.arguments


def test_the_names_that_types_fix_are_the_sdks() -> None:
    """A name is taken for part of a type only if the SDK fixes it for that type."""
    fixed: dict[str, set[str]] = {}
    for tool in examples(BetaToolUnionParam):
        if tool.get("type") != "custom" and "name" in tool:
            fixed.setdefault(tool["type"], set()).add(tool["name"])
    for kind, names in fixed.items():
        assert names <= set(named_by(kind))
    assert {name for names in fixed.values() for name in names} == {
        name for names in NAMES.values() for name in names
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "text", "user"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "text", "source", "content"]), inner, max_size=3)
    ),
    max_leaves=5,
)
BODIES = list(bodies())


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(BODIES), st.randoms(use_true_random=False), JSON)
def test_what_is_of_another_form_is_read_or_refused(body: Any, random: Any, value: Any) -> None:
    """A request with anything in any place is read or refused; no reader fails on it."""
    copied = deepcopy(body)
    node = copied
    while isinstance(node, dict | list) and node:
        step = random.choice(list(node) if isinstance(node, dict) else range(len(node)))
        if not isinstance(node[step], dict | list) or random.random() < 0.3:
            node[step] = value
            break
        node = node[step]
    with suppress(ContentRefused):
        assert isinstance(read(copied), ModelCall)
