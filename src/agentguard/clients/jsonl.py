# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the lines of a JSONL file hold?

A batch file carries whole requests, one a line, which the provider makes later. Each is read like
a request that is made now; a line that no reader knows refuses the file. Files of examples hold
data alone. It does not decide what a line's request may do.

INVARIANT: a line that is no JSON object, or that two readers could take for different ones, is
refused with its number alone (tests/clients/test_jsonl.py).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from agentguard.canonical import Frozen, NotCanonical, freeze, members_once, thaw
from agentguard.clients.several import placed
from agentguard.errors import ContentRefused, UnguardedPath
from agentguard.vocabulary import ModelCall

ReadRequest: TypeAlias = Callable[[str, str, Frozen], ModelCall]

_FIELDS = frozenset({"body", "custom_id", "method", "url"})
_PATH = re.compile(r"(?:/[A-Za-z0-9_.-]+)+")
_VERSION = "/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The lines of a file, and the calls that they are, whose pointers are placed."""

    content: tuple[Frozen, ...] = field(repr=False)
    calls: tuple[ModelCall, ...] = ()


def batch_lines(text: str, read: ReadRequest, pointer: str) -> Lines:
    """Return the lines of a batch file and the calls that the provider would make of them.

    Args:
        text: the file.
        read: gives the call for verb, path below the base URL and body; refuses an operation
            that it does not know.
        pointer: where the list of lines stands in the payload.

    Raises:
        ContentRefused: a line cannot be inspected.
        UnguardedPath: a line asks for an operation that the guard does not decide.
    """
    content: list[Frozen] = []
    calls: list[ModelCall] = []
    for number, line in _objects(text):
        if not line.keys() <= _FIELDS:
            raise _refused(number, "has a member that is no part of a batch request")
        verb, url, body = line.get("method"), line.get("url"), line.get("body")
        if not isinstance(verb, str) or not isinstance(url, str) or not _PATH.fullmatch(url):
            raise _refused(number, "names no verb and path")
        path = url.removeprefix(_VERSION) if url.startswith(f"{_VERSION}/") else url
        at = f"{pointer}/{len(content)}/body"
        calls.append(placed(_read(read, number, verb, path, body), at))
        content.append(line)
    return Lines(content=tuple(content), calls=tuple(calls))


def _read(read: ReadRequest, number: int, verb: str, path: str, body: Frozen) -> ModelCall:
    try:
        return read(verb.upper(), path, body)
    except ContentRefused as error:
        refused, classes = error, error.classes
    except UnguardedPath as error:
        message = f"line {number} of the file: {error.args[0]}"
        raise UnguardedPath(message, remedy=error.remedy) from None
    message = f"line {number} of the file: {refused.args[0]}"
    raise ContentRefused(message, classes=classes, remedy=refused.remedy)


def example_lines(text: str) -> tuple[Frozen, ...]:
    """Return the lines of a file of examples, such as those for fine-tuning.

    Raises:
        ContentRefused: a line cannot be inspected.
    """
    return tuple(line for _, line in _objects(text))


def written_lines(lines: Frozen) -> str:
    """Return the text of a file with these lines.

    Raises:
        ContentRefused: they are no lines any more.
    """
    if not isinstance(lines, tuple):
        raise ContentRefused("the lines of a file cannot be put back")
    return "".join(f"{written_value(line)}\n" for line in lines)


def written_value(value: Frozen) -> str:
    """Return the compact JSON text of a value."""
    return json.dumps(thaw(value), ensure_ascii=False, separators=(",", ":"))


def json_value(place: str, text: str) -> Frozen:
    """Return the value that a JSON text holds.

    Args:
        place: what an error calls the text.
        text: no key may stand twice in an object of it.

    Raises:
        ContentRefused: it is no JSON, or readers could take it for different values.
    """
    try:
        return freeze(json.loads(text, object_pairs_hook=members_once))
    except NotCanonical as error:
        problem = error.problem
    except (ValueError, RecursionError):
        problem = "it is no JSON that has one meaning"
    raise ContentRefused(f"{place} cannot be inspected: {problem}")


def _objects(text: str) -> list[tuple[int, Mapping[str, Frozen]]]:
    found = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if line.strip(" \t\r"):
            found.append((number, _object(number, line)))
    return found


def _object(number: int, line: str) -> Mapping[str, Frozen]:
    value = json_value(f"line {number} of the file", line)
    if not isinstance(value, Mapping):
        raise _refused(number, "is no JSON object")
    return value


def _refused(number: int, problem: str) -> ContentRefused:
    return ContentRefused(f"line {number} of the file {problem}")
