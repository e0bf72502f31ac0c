# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Are the resources of a guarded client guarded, on whichever way they are reached?"""

import inspect
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from agentguard import Guard
from agentguard.clients.resources import ARMED, HELD

KINDS = ("SyncAPIResource", "AsyncAPIResource")


def reached(holder: Any) -> Iterator[Any]:
    """Return every resource that can be reached from a client or a resource."""
    for kind in type(holder).__mro__:
        for name, member in vars(kind).items():
            if isinstance(member, cached_property) and name not in HELD:
                value = getattr(holder, name)
                if any(base.__name__ in KINDS for base in type(value).__mro__):
                    yield value
                    yield from reached(value)


@pytest.fixture(params=[OpenAI, AsyncOpenAI])
def plain(request: pytest.FixtureRequest) -> Any:
    """Return a client of either kind that never connects."""
    return request.param(api_key="not-a-key", base_url="http://127.0.0.1:9/v1")


def test_every_resource_of_a_client_is_armed(plain: Any, guard: Guard) -> None:
    """There are about a hundred, most of them below others."""
    found = list(reached(guard.wrap(plain)))
    assert len({type(each).__qualname__ for each in found}) > 40
    assert [each for each in found if not getattr(type(each), ARMED, False)] == []


def test_resources_held_before_the_wrap_are_armed_in_place(plain: Any, guard: Guard) -> None:
    """Whoever holds one holds a guarded one after the wrap."""
    held = list(reached(plain))
    guard.wrap(plain)
    assert [each for each in held if not getattr(type(each), ARMED, False)] == []


def test_a_copy_has_resources_of_its_own(plain: Any, guard: Guard) -> None:
    """They are armed, and they belong to the copy."""
    client = guard.wrap(plain)
    copied = client.with_options(timeout=9)
    assert getattr(type(copied.chat.completions), ARMED, False)
    assert copied.chat.completions._client is copied


def test_wrappers_of_raw_responses_are_made_anew(plain: Any, guard: Guard) -> None:
    """The ones made before the wrap hold methods that do not look."""
    before = plain.chat.completions.with_raw_response
    assert guard.wrap(plain).chat.completions.with_raw_response is not before


def test_a_resource_stays_what_it_was(plain: Any, guard: Guard) -> None:
    """Its type, its methods' signatures and their kind are the SDK's."""
    own = type(plain.chat.completions)
    completions = guard.wrap(plain).chat.completions
    assert isinstance(completions, own)
    assert type(completions).__name__ == own.__name__
    assert inspect.signature(completions.create) == inspect.signature(own(plain).create)
    awaited = isinstance(plain, AsyncOpenAI)
    assert inspect.iscoroutinefunction(completions.create) is awaited
    assert completions.create.__doc__ == own.create.__doc__


def test_a_client_that_nobody_wrapped_keeps_its_classes(plain: Any, guard: Guard) -> None:
    """Guarding one client leaves the SDK's classes as they were."""
    guard.wrap(plain)
    other = type(plain).__mro__[1](api_key="not-a-key")
    assert type(other.chat.completions) in vars(openai.resources.chat.completions).values()
