# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The shipped names of hosted tools are those that the SDKs document."""

import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import anthropic.types.beta
import openai.types.responses

from agentguard.policy.hosted_types import KNOWN_TYPES, is_documented_member

# What our own process runs, under a name that the caller chose.
FUNCTIONS = {"function", "custom", "namespace"}
WRAPPERS = (typing.Required, typing.NotRequired, Annotated)


def alternatives(hint: Any) -> Iterator[Any]:
    """The members of a union, however it is wrapped."""
    origin = get_origin(hint)
    if origin in WRAPPERS:
        yield from alternatives(get_args(hint)[0])
    elif origin in (Union, types.UnionType):
        for each in get_args(hint):
            yield from alternatives(each)
    else:
        yield hint


def described(definition: Any) -> dict[str, Any]:
    """The members of a typed dictionary."""
    return get_type_hints(definition, include_extras=True)


def tools(*unions: Any) -> Iterator[tuple[set[str], Any]]:
    """The types and the definition of each hosted tool among the unions."""
    for union in unions:
        for each in alternatives(union):
            named = {
                word
                for hint in alternatives(described(each).get("type"))
                for word in get_args(hint)
            }
            if named - FUNCTIONS:
                yield named, each


def members(definition: Any, before: str = "") -> Iterator[str]:
    """The names of a definition's members, joined by dots."""
    for name, hint in described(definition).items():
        inner = [each for each in alternatives(hint) if hasattr(each, "__total__")]
        for each in inner:
            yield from members(each, f"{before}{name}.")
        if (name != "type" or before) and not (inner and inner == list(alternatives(hint))):
            yield f"{before}{name}"


SDK_TOOLS = [
    *tools(openai.types.responses.ToolParam),
    *tools(anthropic.types.ToolUnionParam, anthropic.types.beta.BetaToolUnionParam),
]


def test_every_documented_type_is_known() -> None:
    """Every type of hosted tool that an installed SDK documents may be repeated in a message."""
    documented = {name for named, _ in SDK_TOOLS for name in named}
    assert len(documented) > 30
    assert documented - FUNCTIONS - {"None"} <= KNOWN_TYPES


def test_every_documented_member_is_known() -> None:
    """Every member of a definition may be repeated, but for what names a tool inside a tool."""
    documented = {name for _, definition in SDK_TOOLS for name in members(definition)}
    assert len(documented) > 50
    unknown = {name for name in documented if not is_documented_member(name)}
    assert {name for name in unknown if not name.startswith("configs.")} == set()


def test_a_name_that_a_caller_chose_is_not_known() -> None:
    """A member is known only if each of its parts is."""
    assert is_documented_member("filters.allowed_domains")
    for name in ("", "headers.X-Key", "filters.", "Lisbon", "filters.allowed_domains.x"):
        assert not is_documented_member(name)
