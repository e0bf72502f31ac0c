# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a TOML file hold, or what keeps it from being read?

A mistake that leaves no tables to look at is told in an operator's words, with its line and with
what to do. What the tables mean is not known here.

INVARIANT: whatever a file holds, there are tables or one problem, never an error
(tests/config/test_unreadable_files.py).
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agentguard.errors import Problem

_PLACE = re.compile(r"(?P<message>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)")
_MARKS: Mapping[bytes, str] = MappingProxyType(
    {
        b"\xef\xbb\xbf": "begins with a byte order mark: save it as UTF-8 without one",
        b"\xff\xfe": "is UTF-16 text: save it as UTF-8",
        b"\xfe\xff": "is UTF-16 text: save it as UTF-8",
    }
)
# What the parser says, in words that say what to do.
_MEANT: tuple[tuple[str, str], ...] = (
    ("Invalid statement", "a line must be KEY = VALUE, [TABLE], [[TABLE]] or a comment behind '#'"),
    ("Invalid value", "a value is missing, or is none: text stands in quotes, numbers without"),
    ("Cannot overwrite", "the key or the table is there already: keep one of them"),
    ("Duplicate inline", "the key is there already in this table: keep one of them"),
    ("Cannot declare", "the table is there already: keep one, or write each as [[TABLE]]"),
    ("Cannot mutate", "adds to a table in braces or a list in brackets: write it there"),
    ("Cannot redefine", "adds to a table that is written elsewhere: write it there"),
    ("Unclosed array", "a list is not closed before this: ',' or ']' is missing"),
    ("Unclosed inline", "a table in braces is not closed: '}' is missing, or it goes over lines"),
    ("Illegal character '\\n'", "a text is not closed on its line: a quote is missing"),
    ("Illegal character '\\r'", "a carriage return without a new line: end lines as others do"),
    (
        "Found invalid character '\\r'",
        "a carriage return without a new line: end lines as others do",
    ),
    ("Unterminated string", "a text is not closed: a quote is missing"),
    ('Expected "\'"', "a text is not closed on its line: a quote is missing"),
    ("Found invalid character '\\n'", "a text is not closed on its line: a quote is missing"),
    ("Unescaped", "'\\' begins an escape in \"...\": write '\\\\', or the text in '...'"),
    ("Invalid hex", "'\\u' needs four hexadecimal digits, and '\\U' eight"),
    ("Escaped character", "'\\u' and '\\U' must name a character that there is"),
    ("Expected newline", "the line goes on behind its value: a quote, '=' or '#' is missing"),
    ("Expected '='", "'=' is missing behind the key; quote a key that is more than a word"),
    ("Invalid initial", "a key is missing; quote a key that is more than a word"),
    ("Expected ']", "the name of the table is not closed: ']' is missing"),
    ("Invalid date", "there is no such day or time"),
)
# The parser of the standard library goes as deep as the interpreter does: far beyond this.
_DEEP = 64
_STRUCTURE = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]',
    re.DOTALL,
)
_LONG_NUMBER = re.compile(r"[0-9][0-9_]{4300}")


def parsed(path: Path) -> tuple[str, dict[str, Any], Problem | None]:
    """Return the text and the tables of a TOML file, or why there are none."""
    # Errors of reading and parsing may hold the whole text: they end here.
    text = ""
    line: int | None = None
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        message = "the file does not exist"
    except IsADirectoryError:
        message = "is a folder: name the file in it"
    except OSError as error:
        message = f"the file cannot be read ({type(error).__name__})"
    except ValueError:
        message = "is no name of a file"
    else:
        text, message, line = _text(raw)
        if not message:
            tables, message, line = _tables(text)
            if not message:
                return text, tables, None
    return "", {}, Problem(file=str(path), key="", line=line, message=message)


def _text(raw: bytes) -> tuple[str, str, int | None]:
    """Return the text that bytes mean, or what is wrong with them, and on which line."""
    for mark, problem in _MARKS.items():
        if raw.startswith(mark):
            return "", f"the file {problem}", 1
    try:
        return raw.decode("utf-8"), "", None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
    return "", "the file is not UTF-8 text: save it as UTF-8", line


def _tables(text: str) -> tuple[dict[str, Any], str, int | None]:
    """Return the tables of a text, or what is wrong with it, and on which line."""
    message, line = "", None
    try:
        return tomllib.loads(text), "", None
    except tomllib.TOMLDecodeError as error:
        message, line = _syntax_error(str(error), text)
    except RecursionError:
        message, line = f"tables and lists stand deeper than {_DEEP} in one another", _deep(text)
    except ValueError:
        message, line = "a number has too many digits", _long_number(text)
    return {}, message, line


def _syntax_error(told: str, text: str) -> tuple[str, int | None]:
    found = _PLACE.fullmatch(told.splitlines()[0] if told else "")
    if found is None:
        return "the file is not TOML", None
    message = found["message"]
    meant = next((words for start, words in _MEANT if message.startswith(start)), None)
    line = int(found["line"]) if found["line"] else text.rstrip().count("\n") + 1
    return meant or message[:1].lower() + message[1:].rstrip("."), line


def _deep(text: str) -> int | None:
    depth = 0
    for found in _STRUCTURE.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > _DEEP:
            return text.count("\n", 0, found.start()) + 1
    return None


def _long_number(text: str) -> int | None:
    found = _LONG_NUMBER.search(text)
    return None if found is None else text.count("\n", 0, found.start()) + 1
