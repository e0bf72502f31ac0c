# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which values and patterns belong to each class?

Fetches the values that a class table names: written in the file, one a line in another file, or
in environment variables.

INVARIANT: no problem holds a value (tests/config/test_sources.py).
"""

from collections.abc import Mapping
from pathlib import Path

from agentguard.classification import OwnClass
from agentguard.config.document import ClassTable, Tell
from agentguard.policy import Match
from agentguard.vocabulary import DataClass, KnownValue

SHORTEST_VALUE = 4
_TOO_SHORT = f"is shorter than {SHORTEST_VALUE} characters and would be found everywhere"


def fetch(
    tables: tuple[ClassTable, ...],
    built_in: tuple[DataClass, ...],
    folder: Path,
    env: Mapping[str, str],
    tell: Tell,
) -> tuple[tuple[OwnClass, ...], tuple[KnownValue, ...]]:
    """Return the organisation's own classes, and the values known beforehand.

    Args:
        tables: the class tables, in the order of the file.
        built_in: the data classes that need no declaration.
        folder: the folder that names of files are relative to.
        env: the environment.
        tell: takes each problem with its path.
    """
    built_in_names = {each.name for each in built_in}
    own: list[OwnClass] = []
    known: list[KnownValue] = []
    for index, table in enumerate(tables):
        if table.name is None:
            continue
        fetching = _Fetching(index, table, tell)
        values = (*fetching.written(), *fetching.listed(folder))
        secrets = fetching.from_environment(env)
        if table.name in built_in_names:
            fetching.refuse_patterns()
            secrets = (*values, *secrets)
        else:
            patterns = fetching.patterns()
            own.append(OwnClass(name=table.name, patterns=patterns, values=values))
        known += (KnownValue(value=value, data_class=table.name) for value in secrets)
    return tuple(own), tuple(known)


_RECOGNISING = ("patterns", "values", "values_file", "values_from_env", "keys", "paths")


class _Fetching:
    """What one class table names."""

    def __init__(self, index: int, table: ClassTable, tell: Tell) -> None:
        self._path = ("class", index)
        self._table = table
        self._tell = tell

    def patterns(self) -> tuple[str, ...]:
        table = self._table
        if not any(getattr(table, key) for key in _RECOGNISING):
            self._tell(
                self._path,
                f"{table.name!r} is not a built-in class: it needs one of "
                + ", ".join(map(repr, _RECOGNISING)),
            )
        for place, pattern in enumerate(table.patterns or ()):
            path = (*self._path, "patterns", place)
            try:
                compiled = Match(pattern=pattern)
            except ValueError as error:
                self._tell(path, str(error))
            else:
                if compiled.problem_with("") is None:
                    self._tell(path, "matches the empty text")
        return tuple(table.patterns or ())

    def refuse_patterns(self) -> None:
        if self._table.patterns:
            self._tell(
                (*self._path, "patterns"),
                f"cannot be added to the built-in class {self._table.name!r}; "
                "declare a class of your own",
            )

    def written(self) -> tuple[str, ...]:
        values = tuple(value.strip() for value in self._table.values or ())
        for place, value in enumerate(values):
            if len(value) < SHORTEST_VALUE:
                self._tell((*self._path, "values", place), _TOO_SHORT)
        return values

    def listed(self, folder: Path) -> tuple[str, ...]:
        name = self._table.values_file
        if name is None:
            return ()
        path = (*self._path, "values_file")
        problem, text = _text_of(folder / name)
        if problem is not None:
            self._tell(path, f"file {name!r} {problem}")
            return ()
        lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
        values = [(number, line) for number, line in lines if line]
        if not values:
            self._tell(path, f"file {name!r} holds no value")
        for number, value in values:
            if len(value) < SHORTEST_VALUE:
                self._tell(path, f"line {number} of {name!r} {_TOO_SHORT}")
        return tuple(value for _, value in values)

    def from_environment(self, env: Mapping[str, str]) -> tuple[str, ...]:
        values = []
        for place, name in enumerate(self._table.values_from_env or ()):
            path = (*self._path, "values_from_env", place)
            value = env.get(name, "").strip()
            if not value:
                self._tell(path, f"environment variable {name!r} is not set")
            elif len(value) < SHORTEST_VALUE:
                self._tell(path, f"the value of environment variable {name!r} {_TOO_SHORT}")
            else:
                values.append(value)
        return tuple(values)


def _text_of(path: Path) -> tuple[str | None, str]:
    # Errors of reading and decoding may quote what they read: they end here.
    try:
        return None, path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return "does not exist", ""
    except UnicodeDecodeError:
        return "is not UTF-8 text", ""
    except OSError:
        return "cannot be read", ""
