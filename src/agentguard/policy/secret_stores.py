# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a value name a place where secrets are kept?

Reads a text the way a client, a shell or a file system might, and errs towards yes: a rule cannot
allow what is named here. It looks nothing up; where links lead comes in with the circumstances.
What a tool does by itself, and what a text becomes that a tool decodes or runs, is not seen.

INVARIANT: no spelling of a place that is decoded, folded or resolved on the way to it is overlooked
(tests/attacks/test_secret_stores.py).
"""

import ipaddress
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from urllib.parse import unquote

from agentguard.canonical import Frozen
from agentguard.policy.document import SecretStoreSpec
from agentguard.vocabulary import Call, Reference, ToolCall

# What is escaped more often than this is not unescaped by one client.
_MOST_ROUNDS = 3
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
_NAME = re.compile(r"[a-z0-9_.-]+")
_BRACKETED = re.compile(r"\[([0-9a-f:.%]+)\]")
_NUMBER = re.compile(r"0x[0-9a-f]+|[0-9]+")
_BETWEEN_WORDS = re.compile(r"[\s\"'`;|&<>()=,:{}$!@#]+")
_SEPARATORS = re.compile(r"[/\\]+")
_WILD = re.compile(r"[*?\[]")
_ROOT_OF_A_PROCESS = re.compile(r"/proc/[^/]+(?:/task/[^/]+)?/root(?=/)")
_HOME = re.compile(r"^(?:/(?:home|users)/[^/]+(?=/|$)|/root(?=/|$)|~[^/]*(?=/|$)|home(?=/))")
_HOME_VARIABLE = re.compile(r"\$(?:home\b|\{home\})|%userprofile%")
# Full stops of other scripts, which names of hosts are split at, too.
_DOTS = str.maketrans(dict.fromkeys("\u3002\uff0e\uff61", "."))
_IPV4_PARTS = 4
_IPV4_BITS = 32


class SecretStores:
    """The places of secrets that a policy names."""

    def __init__(self, stores: Iterable[SecretStoreSpec]) -> None:
        self._places: tuple[tuple[str, _Place], ...] = tuple(
            (store.name, _Place(store)) for store in stores
        )

    def __bool__(self) -> bool:
        return bool(self._places)

    def reached_by(self, call: Call, paths: Mapping[str, str | None]) -> str | None:
        """Return the name of a store that a call would reach, None if it reaches none.

        The arguments of a tool may name none, nor may those of a tool at the provider; of other
        content only what the provider would fetch.

        Args:
            call: the call; a tool's arguments are the resolved ones.
            paths: where texts lead in the file system, every link followed.
        """
        if not self._places:
            return None
        if isinstance(call, ToolCall):
            return self.named_in(call.resolved, paths)
        for part in (call, *call.inner):
            for hosted in part.hosted_tools:
                named = self.named_in(hosted.arguments, paths)
                if named is not None:
                    return named
        return self.addressed_in(call.payload) if Reference.URL in call.references else None

    def named_in(self, value: Frozen, paths: Mapping[str, str | None] | None = None) -> str | None:
        """Return the name of a store that a value names, at any depth and in names of members.

        Args:
            value: the arguments of a tool or of a hosted one.
            paths: where texts lead in the file system, every link followed.
        """
        if not self._places:
            return None
        for text in _texts(value):
            readings = [*_readings(text)]
            led = None if paths is None else paths.get(text)
            for name, place in self._places:
                if any(map(place.is_named_in, readings)):
                    return name
                if led is not None and paths is not None and place.really_holds(led, paths):
                    return name
        return None

    def addressed_in(self, value: Frozen) -> str | None:
        """Return the name of a store that is the address in some text, where it stands alone.

        For content, in which a place may be talked about; an address that a provider fetches is a
        text of its own.
        """
        if not self._places:
            return None
        for text in _texts(value):
            word = text.strip()
            if ":" in word and not any(map(str.isspace, word)):
                named = self.named_in(word)
                if named is not None:
                    return named
        return None


class _Place:
    """One store, in the form in which readings are compared."""

    def __init__(self, store: SecretStoreSpec) -> None:
        hosts = [host.lower().rstrip(".") for host in store.hosts]
        self._written = store.paths
        self._paths = tuple(filter(None, map(_components, store.paths)))
        self._hosts = frozenset(host for host in hosts if not host.startswith("*."))
        self._below = tuple(host[1:] for host in hosts if host.startswith("*."))
        self._addresses = tuple(address.casefold() for address in store.addresses)
        self._numbers = frozenset(filter(None, map(_ip, hosts)))

    def is_named_in(self, reading: str) -> bool:
        """Say whether a folded text names this store."""
        return (
            any(address in reading for address in self._addresses)
            or (bool(self._hosts or self._below) and any(map(self._is_host, _hosts(reading))))
            or (bool(self._paths) and any(map(self.holds, _words(reading))))
        )

    def _is_host(self, name: str) -> bool:
        if name in self._hosts or name.endswith(self._below):
            return True
        return bool(self._numbers) and _ip(name) in self._numbers

    def holds(self, path: str) -> bool:
        """Say whether a path leads to this store or into it."""
        return _lies_in(_components(path), self._paths)

    def really_holds(self, path: str, paths: Mapping[str, str | None]) -> bool:
        """Say the same of a path whose links were followed; so are those of the store's own."""
        real = tuple(_components(paths.get(each) or each) for each in self._written)
        return _lies_in(_components(path), (*self._paths, *filter(None, real)))


def _lies_in(components: tuple[str, ...], places: Iterable[tuple[str, ...]]) -> bool:
    return bool(components) and any(
        len(components) >= len(place) and all(map(_is_component, components, place))
        for place in places
    )


def _is_component(given: str, wanted: str) -> bool:
    return given == wanted or (_WILD.search(given) is not None and fnmatchcase(wanted, given))


def _texts(value: Frozen) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from _texts(item)


def _readings(text: str) -> Iterator[str]:
    """Yield a text folded, and again each time that undoing an escape changes it."""
    seen: set[str] = set()
    for _ in range(_MOST_ROUNDS + 1):
        folded = _folded(text)
        if folded in seen:
            return
        seen.add(folded)
        yield folded
        text = _ESCAPED.sub(_unescaped, unquote(text, errors="replace"))


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1] or found[2], 16))


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text.translate(_DOTS)).casefold()
    if folded.isascii():
        return folded
    return "".join(char for char in folded if unicodedata.category(char) not in {"Cf", "Mn"})


def _hosts(reading: str) -> Iterator[str]:
    for found in _NAME.finditer(reading):
        yield found[0].strip("._-")
    for found in _BRACKETED.finditer(reading):
        yield found[1]
    if ":" in reading:
        yield reading.strip()


def _ip(name: str) -> str | None:
    """Return the one spelling of an IP address, in whatever notation it is given."""
    number = _ipv4(name)
    try:
        found = ipaddress.ip_address(name.partition("%")[0] if number is None else number)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def _ipv4(name: str) -> int | None:
    """Read an address as ``inet_aton`` does: one to four numbers, octal and hexadecimal too."""
    parts = name.split(".")
    if len(parts) > _IPV4_PARTS or not all(map(_NUMBER.fullmatch, parts)):
        return None
    numbers = [_number(part) for part in parts]
    last = _IPV4_BITS - 8 * (len(parts) - 1)
    if None in numbers or any(each > 255 for each in numbers[:-1] if each is not None):  # noqa: PLR2004 - a byte
        return None
    total = 0
    for index, each in enumerate(numbers[:-1]):
        total |= (each or 0) << (24 - 8 * index)
    return total | (numbers[-1] or 0) if (numbers[-1] or 0) < 1 << last else None


def _number(part: str) -> int | None:
    base = 16 if part.startswith("0x") else 8 if part.startswith("0") and part != "0" else 10
    try:
        return int(part, base)
    except ValueError:
        return None


def _words(reading: str) -> Iterator[str]:
    reading = _HOME_VARIABLE.sub("~", reading)
    yield reading
    for word in _BETWEEN_WORDS.split(reading):
        if "/" in word or "\\" in word:
            yield word


def _components(path: str) -> tuple[str, ...]:
    """Return the components of a path, wherever it begins, without what does not change it."""
    straight = _SEPARATORS.sub("/", path.strip().casefold())
    straight = straight.removeprefix("file:")
    whole = posixpath.normpath(_SEPARATORS.sub("/", straight))
    while (inside := _ROOT_OF_A_PROCESS.match(whole)) is not None:
        whole = whole[inside.end() :]
    whole = _HOME.sub("~", whole, count=1)
    return tuple(part for part in whole.split("/") if part not in {"", ".", ".."})
