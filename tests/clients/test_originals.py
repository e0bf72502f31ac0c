# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is what stands in the place of a method told from the method itself?"""

import functools
from collections.abc import Callable
from typing import Any

import pytest
from openai import OpenAI
from openai.resources.beta.threads.runs import Runs
from openai.resources.chat.completions import AsyncCompletions, Completions
from openai.resources.embeddings import Embeddings
from openai.resources.files import Files
from openai.resources.responses import AsyncResponses, Responses

from agentguard.clients.originals import asks_once, is_own, original, request_is_observed
from agentguard.clients.resources import resource_class

SDK = "openai"
wrapt = pytest.importorskip("wrapt", reason="wrapt comes with instrumentations")


def passing_on(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Call what is wrapped."""
    return wrapped(*args, **kwargs)


def hiding(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a wrapper that says nothing of what it wraps."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def in_plain_view(function: Callable[..., Any]) -> Any:
    """Return a wrapper that has the name, the module and the text of what it wraps."""
    return functools.wraps(function)(hiding(function))


def named(method: Any) -> str:
    """Return the full name of a method."""
    return str(method.__qualname__)


WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "wrapt": lambda function: wrapt.FunctionWrapper(function, passing_on),
    "functools": in_plain_view,
    "wrapt twice": lambda function: wrapt.FunctionWrapper(
        wrapt.FunctionWrapper(function, passing_on), passing_on
    ),
    "bound late": lambda function: wrapt.FunctionWrapper(in_plain_view(function), passing_on),
}


@pytest.mark.parametrize(
    "method",
    [Completions.create, Completions.parse, Embeddings.create, Runs.create, Runs.stream],
    ids=named,
)
def test_a_method_of_the_sdk_is_its_own(method: Any) -> None:
    """What was compiled from the SDK's files is taken for the SDK's."""
    assert is_own(method, SDK)
    assert original(method, SDK) is method


@pytest.mark.parametrize("wrapper", WRAPPERS.values(), ids=WRAPPERS)
def test_a_wrapper_does_not_pass_for_what_it_wraps(wrapper: Callable[[Any], Any]) -> None:
    """A proxy that says it is a function of the SDK's module is no function of the SDK's."""
    wrapped = wrapper(Completions.create)
    assert not is_own(wrapped, SDK)
    assert original(wrapped, SDK) is Completions.create


def test_a_wrapper_that_hides_its_function_is_not_looked_behind() -> None:
    """Where nothing leads to the SDK's function, none is given."""
    assert not is_own(hiding(Completions.create), SDK)
    assert original(hiding(Completions.create), SDK) is None


def test_wrappers_in_a_circle_lead_nowhere() -> None:
    """A wrapper that names itself as what it wraps does not keep the guard busy."""
    wrapper: Any = hiding(Completions.create)
    wrapper.__wrapped__ = wrapper
    assert original(wrapper, SDK) is None


@pytest.mark.parametrize(
    "method",
    [
        Completions.create, AsyncCompletions.create, Completions.parse, AsyncCompletions.parse,
        Responses.create, AsyncResponses.parse, Responses.retrieve, Embeddings.create, Files.list,
    ],
    ids=named,
)  # fmt: skip
def test_a_method_that_makes_one_request_is_known(method: Any) -> None:
    """Such a method can be asked what it would request."""
    assert asks_once(method, SDK)


@pytest.mark.parametrize(
    "method",
    [
        Runs.create_and_poll, Runs.poll, Completions.stream, Responses.stream,
        Files.wait_for_processing,
    ],
    ids=named,
)  # fmt: skip
def test_a_method_that_calls_others_is_not_asked(method: Any) -> None:
    """Pollers and openers of streams request nothing, or more than once."""
    assert not asks_once(method, SDK)


def test_a_replaced_request_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the class that is patched only inherits it."""
    assert not request_is_observed(OpenAI, SDK)
    monkeypatch.setattr(OpenAI, "request", wrapt.FunctionWrapper(OpenAI.request, passing_on))
    assert request_is_observed(OpenAI, SDK)


class Hiding:
    """Stands in a method's place without being callable, as a bare descriptor can."""

    def __init__(self, method: Any) -> None:
        self.method = method

    def __get__(self, instance: object, owner: type) -> Any:
        return self.method.__get__(instance, owner)


def test_a_method_behind_a_descriptor_is_looked_after_all_the_same() -> None:
    """A class that is armed while a descriptor hides a method passes it to the guard later, too."""

    class Hidden(Completions):
        create = Hiding(Completions.create)

    assert "create" in vars(resource_class(Hidden))
