# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which clients of a provider's SDK does an object of LangChain hold, and how are they guarded?

An object that is known keeps its clients under names that are known. These become properties of
its guarded class: what is read there passes the guard, whoever put it there, and what is put there
is guarded first. So a client that is made later, for a copy with other settings or at its first
use, is guarded as well. What a client sends is not looked at here.

INVARIANT: no attribute of a guarded model or of guarded embeddings gives a client that passes the
guard by (tests/attacks/frameworks/test_langchain_clients.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from agentguard.clients.state import GUARDED, state_of
from agentguard.enforcement import Enforcer
from agentguard.errors import UnguardedPath
from agentguard.tools import Wrapping, full_name

# What every client class of the SDKs derives from, and their packages.
SDK_BASE = "BaseClient"
SDKS = frozenset({"openai", "anthropic"})
# As LangChain calls itself to Azure and to Anthropic.
_OWN_AGENT = re.compile(r"langchain-[a-z-]{1,64}(/[0-9A-Za-z.+-]{1,32})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Where an object of a known class keeps its clients.

    Attributes:
        names: the attributes that hold clients of an SDK, or resources of such clients.
        http: the attributes that hold a plain HTTP client, with those whose client sends by it.
        fetches: whether counting tokens fetches the pictures that messages refer to.
    """

    names: tuple[str, ...]
    http: Mapping[str, str] = field(default_factory=dict)
    fetches: bool = False


_HTTP = MappingProxyType({"http_client": "client", "http_async_client": "async_client"})
_RESOURCES = Slots(names=("client", "async_client"), http=_HTTP)
_CHAT = Slots(
    names=("client", "async_client", "root_client", "root_async_client"), http=_HTTP, fetches=True
)
# By full name, so that nothing need be imported that the program does not use.
KNOWN: Mapping[str, Slots] = MappingProxyType(
    {
        "langchain_openai.chat_models.base.ChatOpenAI": _CHAT,
        "langchain_openai.chat_models.azure.AzureChatOpenAI": _CHAT,
        "langchain_openai.llms.base.OpenAI": _RESOURCES,
        "langchain_openai.llms.azure.AzureOpenAI": _RESOURCES,
        "langchain_openai.embeddings.base.OpenAIEmbeddings": _RESOURCES,
        "langchain_openai.embeddings.azure.AzureOpenAIEmbeddings": _RESOURCES,
        "langchain_anthropic.chat_models.ChatAnthropic": Slots(names=("_client", "_async_client")),
        "langchain_anthropic.llms.AnthropicLLM": Slots(names=("client", "async_client")),
    }
)


def slots_of(kind: type) -> Slots | None:
    """Return where objects of a class keep their clients, None for a class that is not known."""
    return KNOWN.get(full_name(kind))


def is_of_langchain(kind: type) -> bool:
    """Say whether a class is one of LangChain's own, which does what LangChain says."""
    return kind.__module__.startswith("langchain_core.")


def inherited_slots(kind: type) -> Slots | None:
    """Return the slots of the nearest known class that a class derives from, None without one."""
    return next((found for base in kind.__mro__ if (found := slots_of(base))), None)


def guard_clients(held: Any, slots: Slots, wrapping: Wrapping) -> None:
    """Guard the clients that an object holds, and those that it would make at their first use.

    Raises:
        TypeError: one of them is of a class that the guard does not know.
        ConfigError: another guard has one of them.
        UnguardedPath: what stands in the place of a client is none.
    """
    for name in slots.names:
        _admit(getattr(held, name, None), name, wrapping)
    for name, sender in slots.http.items():
        # Its own client was given to it, or made for a proxy; the sealed one sends by that.
        client = client_behind(getattr(held, sender, None))
        if held.__dict__.get(name) is not None and client is not None:
            held.__dict__[name] = client._client  # noqa: SLF001 - it is sealed by now


def slot_members(base: type, slots: Slots, wrapping: Wrapping) -> dict[str, property]:
    """Return the properties of a guarded class that keep its clients."""
    return {name: _slot(base, name, wrapping) for name in slots.names}


def _slot(base: type, name: str, wrapping: Wrapping) -> property:
    found = next((kind.__dict__[name] for kind in base.__mro__ if name in kind.__dict__), None)
    make = found.func if isinstance(found, cached_property) else None

    def read(self: Any) -> Any:
        value = self.__dict__.get(name)
        if value is None and make is not None:
            value = self.__dict__[name] = _admit(make(self), name, wrapping)
        if not _passes(value, wrapping.enforcer):
            raise UnguardedPath(
                f"{name} of {base.__name__} was replaced by what passes the guard by",
                remedy="set the attribute, or hand the new client to guard.wrap first",
            )
        return value

    def write(self: Any, value: Any) -> None:
        self.__dict__[name] = _admit(value, name, wrapping)

    return property(read, write)


def client_behind(value: Any) -> Any:
    """Return the SDK's client that *value* is or is a resource of, None if it is neither."""
    if _is_client(type(value)):
        return value
    if type(value).__module__.partition(".")[0] not in SDKS:
        return None
    client = getattr(value, "__dict__", {}).get("_client")
    return client if _is_client(type(client)) else None


def clients_in(held: Any) -> list[Any]:
    """Return the SDKs' clients that an object holds itself, under whatever names."""
    private = getattr(held, "__pydantic_private__", None)
    values = [*getattr(held, "__dict__", {}).values(), *(private or {}).values()]
    found = {id(client): client for each in values if (client := client_behind(each)) is not None}
    return list(found.values())


def _is_client(kind: type) -> bool:
    return any(
        base.__name__ == SDK_BASE and base.__module__.partition(".")[0] in SDKS
        for base in kind.__mro__
    )


def _passes(value: Any, enforcer: Enforcer) -> bool:
    if value is None:
        return True
    client = client_behind(value)
    guarded = client is not None and getattr(type(client), GUARDED, False)
    return guarded and state_of(client).enforcer is enforcer


def _admit(value: Any, name: str, wrapping: Wrapping) -> Any:
    if value is None:
        return None
    client = client_behind(value)
    if client is None:
        raise UnguardedPath(
            f"{name} holds a {type(value).__name__}, which is no client of a known SDK",
            remedy="give it a client of the provider's own SDK",
        )
    _drop_own_agent(client)
    wrapping.wrap_client(client)
    return value


def _drop_own_agent(client: Any) -> None:
    """Let a client send the SDK's own name instead of the one that LangChain gave it.

    A header that whoever makes a client chooses is one that the policy has to list; this one the
    program did not choose.
    """
    given = getattr(client, "_custom_headers", None)
    if isinstance(given, Mapping):
        client._custom_headers = {  # noqa: SLF001 - no public way
            name: value
            for name, value in given.items()
            if str(name).lower() != "user-agent" or not _OWN_AGENT.fullmatch(str(value))
        }
