# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which values does the text of a file hold?

Lists as lines, as a column of a CSV file or as a JSON array; secrets as the value of a variable in
a dotenv file. It opens no file.

INVARIANT: no problem holds a value (tests/config/test_value_files.py).
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agentguard.redaction import names_a_credential

# Shorter values of a dotenv file are settings more often than secrets.
SHORTEST_SECRET = 8
# What is not behind a name that tells must be long and mixed.
SHORTEST_UNNAMED = 16

_VARIABLE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*
    (?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)'|(?P<plain>[^\n]*))""",
    re.MULTILINE | re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"(?:^|[ \t])#.*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_SETTING = re.compile(r"[A-Za-z]+|[0-9.,:+-]+|\.{0,2}/[\w./-]*|[a-z][a-z0-9+.-]*://[^@\s]*")
_WITH_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/@\s:]*:[^/@\s]+@")
_MIXED = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z]).*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The values of one file, each with its place in it, or why there are none."""

    values: Sequence[tuple[str, str]] = field(default=(), repr=False)
    problem: str | None = None


def listed_values(name: str, text: str, column: str | None) -> Listed:
    """Return the values of a file; the end of its name says what it is.

    Args:
        name: the name of the file.
        text: what it holds.
        column: the column of a CSV file, or the member of the objects in a JSON array.
    """
    kind = name.rpartition(".")[2].lower()
    if kind in ("csv", "tsv"):
        return _of_csv(text, column, delimiter="," if kind == "csv" else "\t")
    if kind == "json":
        return _of_json(text, column)
    if column is not None:
        return Listed(problem="has no columns; name a .csv, .tsv or .json file")
    lines = enumerate(text.splitlines(), start=1)
    return Listed(values=[(f"line {number}", line.strip()) for number, line in lines])


def _of_csv(text: str, column: str | None, delimiter: str) -> Listed:
    if column is None:
        return Listed(problem="needs 'values_column', the name of the column")
    # Strict: a quote that is never closed would take the rest of the file into one value.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    values = []
    try:
        names = next(reader, [])
        if names.count(column) != 1:
            return Listed(problem="has no such column in its first line, or two")
        place = names.index(column)
        for row in reader:
            # In such a row something else would stand where the value is looked for.
            if row and len(row) != len(names):
                return Listed(problem=f"has fewer or more fields in line {reader.line_num}")
            values += [(f"line {reader.line_num}", row[place].strip())] if row else []
    except csv.Error:
        return Listed(problem="is not CSV")
    return Listed(values=values)


def _of_json(text: str, column: str | None) -> Listed:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list):
        return Listed(problem="is not a JSON array")
    values = []
    for number, item in enumerate(items):
        value = item.get(column) if column is not None and isinstance(item, dict) else item
        if isinstance(value, bool) or not isinstance(value, str | int):
            expected = "no text or number" if column is None else "no text or number in that member"
            return Listed(problem=f"holds {expected} at item {number}")
        values.append((f"item {number}", str(value).strip()))
    return Listed(values=values)


def dotenv_secrets(text: str) -> tuple[str, ...]:
    """Return the values of a dotenv file that could be secrets.

    A value counts from eight characters on, unless it is a word, a number, a path or an address
    without a password; behind a name that tells of no credential, from sixteen characters on that
    mix letters and digits.
    """
    return tuple(dict.fromkeys(_secrets(text)))


def _secrets(text: str) -> Iterator[str]:
    for found in _VARIABLE.finditer(text):
        value = _value(found)
        if _WITH_PASSWORD.match(value):
            yield value
        elif len(value) >= SHORTEST_SECRET and not _SETTING.fullmatch(value):
            unnamed = len(value) >= SHORTEST_UNNAMED and _MIXED.fullmatch(value)
            if unnamed or names_a_credential(found["name"]):
                yield value


def _value(found: re.Match[str]) -> str:
    if found["double"] is not None:
        return _ESCAPE.sub(lambda each: _ESCAPES.get(each[1], each[1]), found["double"]).strip()
    if found["single"] is not None:
        return found["single"].strip()
    return _COMMENT.sub("", found["plain"]).strip()
