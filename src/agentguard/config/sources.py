# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which values and patterns belong to each class?

Fetches the values that a class table names: written in the file, listed in another file, in
environment variables, in files of secrets and in dotenv files.

INVARIANT: no problem holds a value (tests/config/test_sources.py).
"""

import glob
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from agentguard.classification import OwnClass
from agentguard.config.document import ClassTable, Tell
from agentguard.config.value_files import Listed, dotenv_secrets, listed_values
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
    names = [each.name for each in built_in]
    own: list[OwnClass] = []
    known: list[KnownValue] = []
    for index, table in enumerate(tables):
        if table.name is None:
            continue
        fetching = _Fetching(index, table, tell)
        values = (*fetching.written(), *fetching.listed(folder))
        secrets = (
            *fetching.from_environment(env),
            *fetching.from_files(folder),
            *fetching.from_dotenv(folder),
        )
        if table.name in names:
            fetching.refuse_patterns()
            secrets = (*values, *secrets)
        else:
            fetching.refuse_unrecognised(names)
            patterns = fetching.patterns()
            own.append(OwnClass(name=table.name, patterns=patterns, values=values))
        known += (KnownValue(value=value, data_class=table.name) for value in secrets)
    return tuple(own), tuple(known)


def check_written(
    tables: tuple[ClassTable, ...], built_in: tuple[DataClass, ...], tell: Tell
) -> None:
    """Tell what is wrong with classes where their values are not at hand; ``fetch`` tells it too.

    Args:
        tables: the class tables, in the order of the file.
        built_in: the data classes that need no declaration.
        tell: takes each problem with its path.
    """
    names = [each.name for each in built_in]
    for index, table in enumerate(tables):
        if table.name is None:
            continue
        fetching = _Fetching(index, table, tell)
        fetching.written()
        if table.name in names:
            fetching.refuse_patterns()
        else:
            fetching.patterns()
            fetching.refuse_unrecognised(names)


_RECOGNISING = (
    *("patterns", "values", "values_file", "values_from_env", "values_from_files"),
    *("values_from_dotenv", "keys", "paths"),
)
# Of a long list that does not fit, so many values are told one by one.
MOST_TOLD = 5


class _Fetching:
    """What one class table names."""

    def __init__(self, index: int, table: ClassTable, tell: Tell) -> None:
        self._path = ("class", index)
        self._table = table
        self._tell = tell

    def patterns(self) -> tuple[str, ...]:
        table = self._table
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

    def refuse_unrecognised(self, built_in: Sequence[str]) -> None:
        table = self._table
        if table.labelled or any(getattr(table, key) for key in _RECOGNISING):
            return
        near = get_close_matches(table.name or "", built_in, n=1)
        self._tell(
            self._path,
            f"{table.name!r} is not a built-in class: it needs one of "
            + ", ".join(map(repr, (*_RECOGNISING, "labelled")))
            + (f"; did you mean {near[0]!r}?" if near else ""),
        )

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
        name, column = self._table.values_file, self._table.values_column
        path = (*self._path, "values_file")
        if name is None:
            if column is not None:
                self._tell((*self._path, "values_column"), "belongs to 'values_file'")
            return ()
        problem, text = text_of(folder / name)
        found = Listed(problem=problem) if problem else listed_values(name, text, column)
        values = [(place, value) for place, value in found.values if value]
        if found.problem is not None or not values:
            self._tell(path, f"file {name!r} {found.problem or 'holds no value'}")
        short = [place for place, value in values if len(value) < SHORTEST_VALUE]
        for place in short[:MOST_TOLD]:
            self._tell(path, f"{place} of {name!r} {_TOO_SHORT}")
        if len(short) > MOST_TOLD:
            self._tell(path, f"{len(short) - MOST_TOLD} more values of {name!r} are too short")
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

    def from_files(self, folder: Path) -> tuple[str, ...]:
        """Return the content of each file that is named, without the blanks around it."""
        values = []
        for place, pattern in enumerate(self._table.values_from_files or ()):
            path = (*self._path, "values_from_files", place)
            paths = [each for each in _fitting(folder, pattern) if not each.is_dir()]
            if not paths:
                self._tell(path, f"no file is called {pattern!r}")
            for each in paths:
                # A link that leads nowhere stands for a value, and a pipe would be waited for.
                problem, text = text_of(each) if each.is_file() else ("is no file", "")
                if problem is None and len(text.strip()) < SHORTEST_VALUE:
                    problem = f"holds a value that {_TOO_SHORT}"
                if problem is not None:
                    self._tell(path, f"file {each.name!r} {problem}")
                else:
                    values.append(text.strip())
        return tuple(values)

    def from_dotenv(self, folder: Path) -> tuple[str, ...]:
        values: list[str] = []
        for place, name in enumerate(self._table.values_from_dotenv or ()):
            path = (*self._path, "values_from_dotenv", place)
            problem, text = text_of(folder / name)
            secrets = dotenv_secrets(text)
            if problem is not None or not secrets:
                self._tell(path, f"file {name!r} {problem or 'holds nothing like a secret'}")
            values += secrets
        return tuple(values)


def _fitting(folder: Path, pattern: str) -> list[Path]:
    """Return the files that a pattern names, sorted; it is relative to a folder or absolute."""
    whole = pattern if Path(pattern).is_absolute() else f"{glob.escape(str(folder))}/{pattern}"
    return sorted(Path(each) for each in glob.glob(whole))  # noqa: PTH207 - absolute patterns


def text_of(path: Path) -> tuple[str | None, str]:
    """Return the text of a file, with what keeps it from being read in place of an error."""
    # Errors of reading and decoding may quote what they read: they end here.
    try:
        return None, path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return "does not exist", ""
    except UnicodeDecodeError:
        return "is not UTF-8 text", ""
    except (OSError, ValueError):  # the name may be none
        return "cannot be read", ""
