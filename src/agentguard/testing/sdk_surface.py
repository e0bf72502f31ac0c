# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which methods does a client of an SDK have, and how is each of them driven?

Every public method of every resource is found by walking the client, never from a list, so
that a method which a new version brings is driven too.

INVARIANT: a walk of the SDK that was counted finds as many methods as were counted in it
(tests/testing/test_sdk_surface.py).
"""

import importlib
import inspect
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agentguard.testing.sdk_arguments import CANARY, made

WRAPPERS = ("", "with_raw_response", "with_streaming_response")
_RESOURCES = ("SyncAPIResource", "AsyncAPIResource")
# What sends nothing: it reads what came, or only makes an object that sends later.
LOCAL = frozenset(
    {
        "webhooks.unwrap",
        "webhooks.verify_signature",
        "beta.agents.sessions.artifacts.for_result",
        "beta.webhooks.unwrap",
        "beta.webhooks.parse_unverified",
        "beta.messages.thread",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A public method of a client.

    Attributes:
        name: the dotted name below the client, such as ``chat.completions.create``.
        wrapper: empty, or the response wrapper through which it is reached.
        plain: the method of the resource itself; its signature says what it takes.
        call: what is called: the same, or what the wrapper has in its place.
    """

    name: str
    wrapper: str = ""
    plain: Callable[..., Any] = field(repr=False)
    call: Callable[..., Any] = field(repr=False)


def resources(holder: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the resources below a client or a resource, with their dotted names."""
    for name in dir(type(holder)):
        if name.startswith(("_", "with_")):
            continue
        # A guarded class has members of its own where the SDK's class has resources.
        held = (vars(kind).get(name) for kind in type(holder).__mro__)
        if any(isinstance(each, cached_property) for each in held):
            found = getattr(holder, name)
            if any(kind.__name__ in _RESOURCES for kind in type(found).__mro__):
                dotted = f"{path}.{name}" if path else name
                yield dotted, found
                yield from resources(found, dotted)


def methods(client: Any, wrapper: str = "") -> list[Method]:
    """Return every public method of a client, plain or as one of the wrappers has it."""
    return [
        Method(name=f"{path}.{name}", wrapper=wrapper, plain=plain, call=call)
        for path, resource in resources(client)
        for name, plain in _public(resource)
        if (call := _wrapped(resource, name, wrapper)) is not None
    ]


def _public(resource: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, _ in inspect.getmembers(type(resource), inspect.isfunction):
        if not name.startswith("_"):
            yield name, getattr(resource, name)


def _wrapped(resource: Any, name: str, wrapper: str) -> Any:
    return getattr(getattr(resource, wrapper, None) if wrapper else resource, name, None)


def arguments(
    method: Method,
    *,
    canary: str = CANARY,
    optional: bool = False,
    leave: Collection[str] = (),
    extras: bool = False,
) -> dict[str, Any]:
    """Return arguments for a method, with the canary wherever a text can stand.

    Args:
        method: what will be called.
        canary: the text.
        optional: whether what has a default is given too; some methods then refuse, since some
            of their parameters exclude one another.
        leave: parameters that get a harmless value, such as those of the path.
        extras: whether ``extra_body``, ``extra_query`` and ``extra_headers`` are given too.
    """
    return made(
        *(method.name, method.plain),
        canary=canary,
        optional=optional,
        leave=leave,
        extras=extras,
    )


# By the name of the class: the SDK and what a client needs beside its address.
_CLIENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "OpenAI": ("openai", {"api_key": "k", "admin_api_key": "a", "webhook_secret": "w"}),
    "AsyncOpenAI": ("openai", {"api_key": "k", "admin_api_key": "a", "webhook_secret": "w"}),
    "AzureOpenAI": ("openai", {"api_key": "k", "api_version": "2026-10-01"}),
    "AsyncAzureOpenAI": ("openai", {"api_key": "k", "api_version": "2026-10-01"}),
    "Anthropic": ("anthropic", {"api_key": "k"}),
    "AsyncAnthropic": ("anthropic", {"api_key": "k"}),
}


def client_class(name: str) -> type[Any]:
    """Return the class of a client: ``OpenAI``, ``AsyncAzureOpenAI``, ``Anthropic`` ..."""
    found: type[Any] = getattr(importlib.import_module(_CLIENTS[name][0]), name)
    return found


def client(name: str, base_url: str, *, kind: type[Any] | None = None, **options: Any) -> Any:
    """Return a client of a server, such as a loopback provider, that does not retry.

    Args:
        name: the name of its class, such as ``AsyncOpenAI``.
        base_url: the server's address as OpenAI's client takes it, ending in ``/v1``.
        kind: a subclass to make instead.
        options: what the class takes beyond that, or instead of what is given here.
    """
    _, needed = _CLIENTS[name]
    address = {"base_url": base_url}
    if "Azure" in name:
        address = {"azure_endpoint": base_url.removesuffix("/v1")}
    elif "Anthropic" in name:
        address = {"base_url": base_url.removesuffix("/v1")}
    made_of = kind or client_class(name)
    return made_of(**{**address, "max_retries": 0, **needed, **options})
