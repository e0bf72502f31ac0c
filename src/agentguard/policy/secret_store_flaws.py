# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a place of secrets keep away what it is meant to?"""

import ipaddress
import re
from collections.abc import Callable, Iterator

from agentguard.policy.document import PolicyDocument
from agentguard.policy.flaws import NAME, Flaw, Path, duplicates
from agentguard.policy.secret_stores import SecretStores

_HOST = re.compile(
    r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_-]{1,63}", re.IGNORECASE
)
_PATH = re.compile(r"(?:/|~/)[^/\0]+(?:/[^/\0]+)*/?")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S*")


def secret_store_flaws(document: PolicyDocument) -> Iterator[Flaw]:
    """Find the flaws of a document's places of secrets."""
    yield from duplicates("secret_store", "name", (each.name for each in document.secret_stores))
    for index, store in enumerate(document.secret_stores):
        path: Path = ("secret_store", index)
        if not NAME.fullmatch(store.name):
            yield Flaw((*path, "name"), f"must be a name, not {store.name!r}")
        if not (store.hosts or store.paths or store.addresses):
            yield Flaw(path, "keeps nothing away: name 'hosts', 'paths' or 'addresses'")
        yield from _each(
            path,
            "hosts",
            store.hosts,
            _is_host,
            "a host name, '*.' and one, or an IP address: no scheme, no port",
        )
        yield from _each(
            path,
            "paths",
            store.paths,
            _is_path,
            "an absolute path, or one below '~/', without '.' and '..', and not the root",
        )
        yield from _each(
            path,
            "addresses",
            store.addresses,
            _is_address,
            "the beginning of an address with its scheme, such as 'vault://'",
        )
    yield from _providers(document)


def _each(
    path: Path, key: str, names: tuple[str, ...], fits: Callable[[str], bool], expected: str
) -> Iterator[Flaw]:
    for index, name in enumerate(names):
        if not fits(name):
            yield Flaw((*path, key, index), f"must be {expected}")


def _is_host(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return _HOST.fullmatch(name) is not None
    return True


def _is_path(name: str) -> bool:
    return _PATH.fullmatch(name) is not None and not {".", ".."} & set(name.split("/"))


def _is_address(name: str) -> bool:
    return _ADDRESS.fullmatch(name) is not None


def _providers(document: PolicyDocument) -> Iterator[Flaw]:
    """Find model providers that would be reached at a place of secrets."""
    stores = SecretStores(document.secret_stores)
    for index, provider in enumerate(document.providers):
        for place, host in enumerate(provider.hosts):
            named = stores.named_in(host)
            if named is not None:
                message = f"is a host of the place of secrets {named!r}: no model call may reach it"
                yield Flaw(("provider", index, "hosts", place), message)
