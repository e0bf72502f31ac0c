# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a value name a place where secrets are kept?

Reads a text the way a client, a shell or a file system might, and errs towards yes: a rule cannot
allow what is named here. It looks nothing up; where links lead comes in with the circumstances.
What a tool does by itself, and what a text becomes that a tool decodes or runs, is not seen.

INVARIANT: no spelling of a place that is decoded, folded or resolved on the way to it is overlooked
(tests/attacks/test_secret_stores.py).
"""

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from urllib.parse import unquote

from agentguard.canonical import Frozen, texts_in
from agentguard.policy.constraints.addresses import Address, loose_address, meant_by
from agentguard.policy.document import SecretStoreSpec
from agentguard.vocabulary import Call, Reference, ToolCall

# What is escaped more often than this is not unescaped by one client.
_MOST_ROUNDS = 3
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
_NAME = re.compile(r"[a-z0-9_.-]+")
_BRACKETED = re.compile(r"\[([0-9a-f:.%]+)\]")
_BETWEEN_WORDS = re.compile(r"[\s\0\"'`;|&<>()=,:{}$!@#]+")
_SEPARATORS = re.compile(r"[/\\]+")
_WILD = re.compile(r"[*?\[]")
_ROOT_OF_A_PROCESS = re.compile(r"/proc/[^/]+(?:/task/[^/]+)?/root(?=/)")
_HOME = re.compile(r"^(?:/(?:home|users)/[^/]+(?=/|$)|/root(?=/|$)|~[^/]*(?=/|$)|home(?=/))")
# Some clients drop these wherever they stand in an address, as browsers do.
_DROPPED = re.compile(r"[\t\r\n]")
_OPTION = re.compile(r"-{1,2}[a-z](?=[/~\\])")
_FILE_URL = re.compile(r"file:[/\\]{2}[^/\\\s]*([/\\][^\s\"'<>]*)", re.IGNORECASE)
# Services that answer for every address that is written into a name, such as 127.0.0.1.nip.io.
_ADDRESS_IN_NAME = re.compile(
    r"(?:[0-9]{1,3}[.-]){3}[0-9]{1,3}|(?<![0-9a-z])[0-9a-f]{8}(?![0-9a-z])"
)
_LONGEST_PATH = 4096
_HOME_VARIABLE = re.compile(r"\$(?:home\b|\{home\})|%userprofile%")
# Full stops of other scripts, which names of hosts are split at, too.
_DOTS = str.maketrans(dict.fromkeys("\u3002\uff0e\uff61", "."))


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
        for text in texts_in(value):
            readings = [*_readings(text)]
            led = () if paths is None else filter(None, map(paths.get, as_opened(text)))
            real = tuple(led)
            for name, place in self._places:
                if any(map(place.is_named_in, readings)):
                    return name
                if paths is not None and any(place.really_holds(each, paths) for each in real):
                    return name
        return None

    def addressed_in(self, value: Frozen) -> str | None:
        """Return the name of a store that is the address in some text, where it stands alone.

        For content, in which a place may be talked about; an address that a provider fetches is a
        text of its own.
        """
        if not self._places:
            return None
        for text in texts_in(value):
            word = _DROPPED.sub("", text).strip()
            if ":" in word and not any(map(str.isspace, word)):
                named = self.named_in(word)
                if named is not None:
                    return named
        return None


def as_opened(text: str) -> tuple[str, ...]:
    """Return the paths as which a program may open a text: as it is, and as it is usually read."""
    bare = text.strip()
    address = _FILE_URL.fullmatch(bare)
    plain = bare if address is None else address[1]
    if len(plain) > _LONGEST_PATH:  # what is doubled or stays in place is left out by some
        root = "/" if plain.startswith("/") else ""
        plain = root + "/".join(each for each in plain.split("/") if each not in {"", "."})
    return tuple(dict.fromkeys((text, bare, plain, unquote(plain, errors="replace"))))


class _Place:
    """One store, in the form in which readings are compared."""

    def __init__(self, store: SecretStoreSpec) -> None:
        hosts = [host.lower().rstrip(".") for host in store.hosts]
        self._written = store.paths
        self._paths = tuple(filter(None, map(_components, store.paths)))
        self._hosts = frozenset(host for host in hosts if not host.startswith("*."))
        self._below = tuple(host[1:] for host in hosts if host.startswith("*."))
        self._addresses = tuple(address.casefold() for address in store.addresses)
        self._numbers = frozenset(filter(None, map(_address, hosts)))

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
        return bool(self._numbers) and not self._numbers.isdisjoint(_addresses_of(name))

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


def _readings(text: str) -> Iterator[str]:
    """Yield a text folded, and again each time that undoing an escape changes it."""
    seen: set[str] = set()
    for _ in range(_MOST_ROUNDS + 1):
        folded = _folded(text)
        if folded in seen:
            return
        seen.add(folded)
        yield folded
        joined = _DROPPED.sub("", folded)
        if joined not in seen:
            seen.add(joined)
            yield joined
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


def _addresses_of(name: str) -> Iterator[Address | None]:
    """Yield the address that a name is, and those that services would answer for it with."""
    yield _address(name)
    for found in _ADDRESS_IN_NAME.finditer(name):
        written = found[0].replace("-", ".")
        yield _address(written if "." in written else f"0x{written}")


def _address(name: str) -> Address | None:
    """Return where an IP address leads, in whatever notation it is given."""
    address = loose_address(name)
    return None if address is None else meant_by(address)


def _words(reading: str) -> Iterator[str]:
    reading = _HOME_VARIABLE.sub("~", reading)
    yield reading
    for found in _FILE_URL.finditer(reading):
        yield found[1]
    for word in _BETWEEN_WORDS.split(reading):
        if "/" in word or "\\" in word:
            yield word
            bare = _OPTION.sub("", word.strip("[]"), count=1)
            if bare != word:
                yield bare


def _components(path: str) -> tuple[str, ...]:
    """Return the components of a path, wherever it begins, without what does not change it."""
    straight = _SEPARATORS.sub("/", path.strip().casefold())
    straight = straight.removeprefix("file:")
    whole = posixpath.normpath(_SEPARATORS.sub("/", straight))
    while (inside := _ROOT_OF_A_PROCESS.match(whole)) is not None:
        whole = whole[inside.end() :]
    whole = _HOME.sub("~", whole, count=1)
    return tuple(part for part in whole.split("/") if part not in {"", ".", ".."})
