# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which operations can the installed version of an SDK send, and is the table right about them?

The operations are read off the SDK by running every method of a client that sends nothing.
What an operation does is not read off: a new pair comes out unclassified, and a person says.
"""

import csv
import importlib
import io
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from agentguard.operations import Allowed
from agentguard.operations.table import COLUMNS, UNCLASSIFIED
from agentguard.testing.sdk_arguments import annotations, is_closed, made, parameters
from agentguard.testing.sdk_recording import Sent, recording, sent_by
from agentguard.testing.sdk_surface import LOCAL, Method, client, client_class, methods

_MARK = "zqpath"
_BASE = "http://127.0.0.1:9/v1"
_CLIENTS = {"openai": "OpenAI", "anthropic": "Anthropic"}
_BODIES = ("none", "json", "bytes", "multipart", "frames")

# A method is called with few arguments and with all.
_BREADTHS = (False, True)

Pair = tuple[str, str]
Row = dict[str, str]

# What a method asks for at an address that an answer names, and no method asks for first.
_FOLLOWING: dict[str, Pair] = {
    "messages.batches.results": ("GET", "/v1/messages/batches/{}/results"),
}


@dataclass(slots=True)
class Found:
    """What the methods that send one pair say about it."""

    body: str = "none"
    streams: bool = False
    binary: bool = False
    query: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    closed: dict[str, bool] = field(default_factory=dict)

    def add(self, method: Method, sent: Sent) -> None:
        """Add what one request of one method shows."""
        hints = annotations(method.plain)
        self.body = max(self.body, sent.body, key=_BODIES.index)
        self.streams |= sent.streams or "stream" in hints
        self.binary |= sent.binary
        self.query |= sent.query
        self.fields |= sent.fields
        for name in sent.fields:
            hint = hints.get(name, hints.get(f"{name}_"))
            if hint is not None and name != "model":
                self.closed[name] = is_closed(hint) and self.closed.get(name, True)

    def split(self) -> tuple[set[str], set[str]]:
        """Return the members of the body that can hold content, and those that cannot."""
        closed = {name for name in self.fields if self.closed.get(name, name == "stream")}
        return self.fields - closed, closed


def version_of(sdk: str) -> str:
    """Return major and minor version of the installed SDK."""
    module = importlib.import_module(sdk)
    return ".".join(module.__version__.split(".")[:2])


def found_in(sdk: str) -> dict[Pair, Found]:
    """Return every pair that the installed SDK can send.

    Raises:
        RuntimeError: if a method, not known to be local, sends nothing with few or with all
            arguments, so that not all of what it can send is seen.
    """
    found: dict[Pair, Found] = defaultdict(Found)
    silent = []
    for method in methods(_recording_client(sdk)):
        seen = list(_sent(method))
        for sent in seen:
            found[sent.verb, template(sent.path)].add(method, sent)
        if method.name in _FOLLOWING:
            found.setdefault(_FOLLOWING[method.name], Found())
        if len(seen) < len(_BREADTHS) and method.name not in LOCAL:
            silent.append(method.name)
    if silent:
        raise RuntimeError(f"these methods of {sdk} sent nothing: {', '.join(silent)}")
    return dict(found)


def addressing(sdk: str) -> dict[str, frozenset[str]]:
    """Return which required parameters of each method end in the path or in the query."""
    return {
        method.name: frozenset(_addressing(method)) for method in methods(_recording_client(sdk))
    }


def querying(sdk: str) -> dict[str, frozenset[str]]:
    """Return which parameters of each method, required or not, end in the query."""
    return {method.name: _querying(method) for method in methods(_recording_client(sdk))}


def _querying(method: Method) -> frozenset[str]:
    # Where one parameter sets a member, such as ``created_at[gt]``, its name begins alike.
    sent = {name.partition("[")[0] for each in _sent(method) for name in each.query}
    return frozenset(name for name in parameters(method.plain) if name.startswith(tuple(sent)))


def _recording_client(sdk: str) -> Any:
    name = _CLIENTS[sdk]
    return client(name, _BASE, kind=recording(client_class(name)))


def _sent(method: Method) -> Iterator[Sent]:
    """Yield what a method sends with few and with all arguments."""
    for optional in _BREADTHS:
        sent = _one_sent(method, optional=optional)
        if sent is not None:
            yield sent


def _one_sent(method: Method, *, optional: bool, leave: Collection[str] = ()) -> Sent | None:
    given = made(
        *(method.name, method.plain),
        canary=_MARK,
        model=_MARK,
        optional=optional,
        leave=leave,
    )
    # Some arguments exclude one another, and each method says so with an error of its own; half
    # of the SDK's assistants warn that they are deprecated.
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return sent_by(partial(method.call, **given), urlsplit(_BASE).path)
    return None


def _addressing(method: Method) -> Iterator[str]:
    whole = _one_sent(method, optional=False)
    for name, parameter in parameters(method.plain).items():
        if whole is None or parameter.default is not parameter.empty:
            continue
        changed = _one_sent(method, optional=False, leave=(name,))
        if name in whole.query or (changed is not None and changed.path != whole.path):
            yield name


def template(path: str) -> str:
    """Return a path with ``{}`` for each segment that came from an argument."""
    segments = path.removeprefix("/").split("/")
    return "/" + "/".join("{}" if _MARK in unquote(each) else each for each in segments)


def regenerated(
    rows: Iterable[Mapping[str, str]], found: Mapping[Pair, Found], version: str
) -> list[Row]:
    """Return the rows of a table as they are with what one version of the SDK can send.

    A pair that is there keeps its kind, name and effect, and gets the members that are new. One
    that is new has no kind. One that is no longer there gets the version in ``until``.
    """
    known: dict[Pair, Row] = {(row["verb"], row["path"]): dict(row) for row in rows}
    for pair, what in found.items():
        known[pair] = _joined(known.get(pair) or _blank(pair, version), what, version)
    for pair in set(known) - set(found):
        if covers(known[pair], version):
            known[pair]["until"] = version
    return [known[pair] for pair in sorted(known, key=lambda pair: (pair[1], pair[0]))]


def _blank(pair: Pair, version: str) -> Row:
    row = dict.fromkeys(COLUMNS, "")
    row |= {"verb": pair[0], "path": pair[1], "kind": UNCLASSIFIED, "since": version}
    return row | {"allowed": Allowed.NEVER.value, "body": "none"}


def _joined(row: Row, found: Found, version: str) -> Row:
    content, closed = found.split()
    content |= set(row["content"].split())
    closed |= set(row["closed"].split())
    return row | {
        "body": max(row["body"], found.body, key=_BODIES.index),
        "streams": _yes(found.streams or row["streams"] == "yes"),
        "binary": _yes(found.binary or row["binary"] == "yes"),
        "content": " ".join(sorted(content)),
        "closed": " ".join(sorted(closed - content)),
        "query": " ".join(sorted(found.query | set(row["query"].split()))),
        "since": min(row["since"], version, key=_numbers),
        "until": row["until"] if _before(version, row["until"]) else "",
    }


def _yes(value: bool) -> str:  # noqa: FBT001 - the two words of a column
    return "yes" if value else "no"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _before(version: str, until: str) -> bool:
    return bool(until) and _numbers(version) < _numbers(until)


def covers(row: Mapping[str, str], version: str) -> bool:
    """Say whether a row says that this version of the SDK can send its pair."""
    begun = _numbers(row["since"]) <= _numbers(version)
    return begun and (not row["until"] or _before(version, row["until"]))


def differences(
    before: Iterable[Mapping[str, str]], after: Iterable[Mapping[str, str]]
) -> list[str]:
    """Return what a table does not say, or says wrongly, as sentences.

    Args:
        before: its rows.
        after: the same rows regenerated.
    """
    known = {(row["verb"], row["path"]): row for row in before}
    problems = []
    for row in after:
        pair = f"{row['verb']} {row['path']}"
        old = known.get((row["verb"], row["path"]))
        if old is None:
            problems.append(f"{pair} is not in the table")
            continue
        if row["kind"] == UNCLASSIFIED:
            problems.append(f"{pair} is not classified")
        if row["until"] != old["until"]:
            problems.append(f"{pair} is {'no longer' if row['until'] else 'still'} sent")
        for column in ("content", "closed", "query"):
            new = sorted(set(row[column].split()) - set(old[column].split()))
            problems += [f"{pair} lacks {name} in {column}" for name in new]
        for column in ("body", "streams", "binary"):
            if row[column] != old[column]:
                problems.append(f"{pair} has {row[column]} for {column}")
    return problems


def written(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the text of a table's file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
