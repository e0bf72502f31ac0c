# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which operation of a provider is a request for, and what is known of it?

The tables beside this module list every pair of verb and path template that an SDK can send.
They are made from the SDKs themselves (``agentguard operations regenerate``); what an operation
does (its kind) is written by a person. A pair whose kind nobody has written is left out here,
so that it is refused like one that is not listed.
This module does not decide whether an operation is allowed.

INVARIANT: a path matches one template or none: no encoding, empty segment or dot makes it match
another than the one that a server would see (tests/operations/test_operations_table.py).
"""

import csv
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from urllib.parse import unquote

from agentguard.vocabulary import Kind

SDKS = ("openai", "anthropic")
UNCLASSIFIED = "unclassified"
COLUMNS = (
    *("verb", "path", "kind", "name", "allowed", "body", "streams", "binary"),
    *("content", "closed", "query", "since", "until"),
)


class Allowed(StrEnum):
    """How a policy may allow an operation."""

    RULE = "rule"
    PAIR = "pair"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What an SDK can ask of a provider.

    Attributes:
        verb: the HTTP verb, or ``WS``.
        path: the path below the base URL; ``{}`` stands for one segment.
        kind: what the operation does.
        name: its name in the semantic conventions, such as ``chat``; empty where they have none.
        allowed: whether a rule may name it by name, kind or pair, by its pair alone, or not.
        body: ``json``, ``multipart``, ``bytes``, ``frames`` or ``none``.
        streams: whether the answer can be a stream of events.
        binary: whether the answer is no text.
        content: the documented members of the body that can hold text, files or objects.
        closed: those that hold only numbers, booleans or fixed words.
        query: the documented query parameters.
        since: the lowest checked version of the SDK that has it.
        until: the lowest checked version that no longer has it; empty if the newest has it.
    """

    verb: str
    path: str
    kind: Kind
    name: str = ""
    allowed: Allowed = Allowed.RULE
    body: str = "none"
    streams: bool = False
    binary: bool = False
    content: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    since: str = ""
    until: str = ""

    @property
    def pair(self) -> str:
        """Verb and path template, such as ``POST /chat/completions``."""
        return f"{self.verb} {self.path}"

    @property
    def label(self) -> str:
        """The name in the semantic conventions, or the pair."""
        return self.name or self.pair

    @property
    def fields(self) -> frozenset[str]:
        """Every documented member of the body."""
        return frozenset((*self.content, *self.closed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The operation that a path belongs to, and what stands in its open segments."""

    operation: Operation
    segments: tuple[str, ...] = ()


class OperationTable:
    """The operations of one SDK.

    Args:
        operations: all of them; the pairs are different.
    """

    def __init__(self, operations: tuple[Operation, ...]) -> None:
        self._operations = operations
        self._pairs = {operation.pair: operation for operation in operations}
        self._exact = {each.pair: each for each in operations if "{}" not in each.path}
        self._shapes: dict[tuple[str, int, str], list[tuple[tuple[str, ...], Operation]]] = {}
        for operation in operations:
            pattern = tuple(operation.path.removeprefix("/").split("/"))
            key = operation.verb, len(pattern), pattern[0]
            self._shapes.setdefault(key, []).append((pattern, operation))

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations)

    def __len__(self) -> int:
        return len(self._operations)

    def of_pair(self, pair: str) -> Operation | None:
        """Return the operation with exactly this pair, such as ``POST /files``."""
        return self._pairs.get(pair)

    def find(self, verb: str, path: str) -> Match | None:
        """Return the operation that a request is for, or None if no listed one.

        Args:
            verb: the HTTP verb, or ``WS``.
            path: the path below the base URL, percent-encoded as it is sent; what follows a
                ``?`` is not looked at.
        """
        verb, path = verb.upper(), path.partition("?")[0].removeprefix("/")
        exact = self._exact.get(f"{verb} /{path}")
        if exact is not None:
            return Match(operation=exact)
        raw = path.split("/")
        decoded = [text for each in raw if (text := _decoded(each)) is not None]
        if len(decoded) != len(raw):
            return None
        operation = self._matching(verb, decoded)
        # A server may or may not read "%63hat" as "chat"; what it is then is not known.
        if operation is None or (decoded != raw and operation is not self._matching(verb, raw)):
            return None
        taken = zip(operation.path.removeprefix("/").split("/"), decoded, strict=True)
        segments = tuple(have for want, have in taken if want == "{}")
        return Match(operation=operation, segments=segments)

    def _matching(self, verb: str, segments: list[str]) -> Operation | None:
        """Return the operation whose template is the most exact in every segment."""
        fitting = [
            (frozenset(place for place, want in enumerate(pattern) if want != "{}"), operation)
            for first in {segments[0], "{}"}
            for pattern, operation in self._shapes.get((verb, len(segments), first), ())
            if all(want in ("{}", have) for want, have in zip(pattern, segments, strict=True))
        ]
        best = max(fitting, key=lambda each: len(each[0]), default=None)
        # Where two templates fit and neither is the more exact, servers may differ.
        if best is None or any(not exact <= best[0] for exact, _ in fitting):
            return None
        return best[1]


_SEPARATORS = frozenset("/\\?#")
_MOST_DECODINGS = 4


def _decoded(raw: str) -> str | None:
    """Return a segment without percent-encoding, or None if it could be read in two ways.

    A server, or a proxy before it, may decode more than once; what then is no single, plain
    segment is not matched.
    """
    once = text = unquote(raw)
    for _ in range(_MOST_DECODINGS):
        if not text or text in (".", "..") or _SEPARATORS & set(text) or not text.isprintable():
            return None
        again = unquote(text)
        if again == text:
            return once
        text = again
    return None


def read_rows(sdk: str) -> list[dict[str, str]]:
    """Return the rows of a table as they stand in its file."""
    text = files(__package__).joinpath(f"{sdk}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def operation_of_row(row: Mapping[str, str]) -> Operation:
    """Return the operation that a classified row describes.

    Raises:
        ValueError: if a column holds what it cannot hold.
    """
    return Operation(
        verb=row["verb"],
        path=row["path"],
        kind=Kind(row["kind"]),
        name=row["name"],
        allowed=Allowed(row["allowed"]),
        body=row["body"],
        streams=row["streams"] == "yes",
        binary=row["binary"] == "yes",
        content=tuple(row["content"].split()),
        closed=tuple(row["closed"].split()),
        query=tuple(row["query"].split()),
        since=row["since"],
        until=row["until"],
    )


@lru_cache(maxsize=len(SDKS))
def table_of(sdk: str) -> OperationTable:
    """Return the table of an SDK, ``openai`` or ``anthropic``."""
    rows = (row for row in read_rows(sdk) if row["kind"] != UNCLASSIFIED)
    return OperationTable(tuple(operation_of_row(row) for row in rows))


@lru_cache(maxsize=1)
def _words() -> tuple[frozenset[str], frozenset[str]]:
    """Return the names and kinds that a rule can use, and the pairs."""
    operations = [operation for sdk in SDKS for operation in table_of(sdk)]
    open_ones = [each for each in operations if each.allowed is Allowed.RULE]
    groups = {word for each in open_ones for word in (each.name, each.kind.value) if word}
    pairs = {each.pair for each in operations if each.allowed is not Allowed.NEVER}
    return frozenset(groups), frozenset(pairs)


def is_operation_name(text: str) -> bool:
    """Say whether a rule can name operations so: by name, by kind, or by a listed pair.

    Kinds that are allowed one pair at a time, such as ``admin``, are no such name.
    """
    groups, pairs = _words()
    return text in groups or text in pairs


def needs_pairs(text: str) -> bool:
    """Say whether *text* is a kind whose operations can only be named one pair at a time."""
    groups, _ = _words()
    return text not in groups and any(text == kind.value for kind in Kind)


def closest(text: str) -> str | None:
    """Return the name, kind or pair that is most like *text*, for a message; None if none is."""
    groups, pairs = _words()
    found = difflib.get_close_matches(text, sorted(groups | pairs), n=1, cutoff=0.7)
    return found[0] if found else None
