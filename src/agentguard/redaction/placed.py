# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What belongs to a class because of where it stands: behind a name, or at a path?

A name counts in every nesting and in JSON texts; a path, a JSON pointer with ``*`` for any step,
from the beginning of the payload and from the beginning of every JSON text in it.
Of a provider's request only what somebody said is meant: the members that hold it together, and
definitions of tools and formats, are left alone.
It hides nothing and looks at no value.

INVARIANT: what stands below a place belongs to the class of the place
(tests/redaction/test_placed.py).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import NamedTuple, TypeAlias

from agentguard.redaction.protocol_words import SPOKEN, STRUCTURE

ANY = "*"
MOST_REMEMBERED = 4096
LONGEST_REMEMBERED = 64
# Members of a request whose objects hold names of the caller's own.
_OPEN = frozenset(
    {"arguments", "attributes", "input", "metadata", "parsed", "parsed_arguments", "variables"}
)
# Members of a request whose objects say what something looks like, not what it is.
_DEFINING = frozenset(
    {
        *("additional_tools", "definition", "format", "functions", "input_schema"),
        *("output_config", "output_format", "output_schema", "parameters", "response_format"),
        *("text", "tools"),
    }
)
# Names below a place that only say which part of it follows.
_PLAIN_NAME = re.compile(r"[a-z][A-Za-z_]{0,39}")

Matches: TypeAlias = Callable[[str], bool]


class Area(Enum):
    """Whose names stand here."""

    REQUEST = auto()
    DEFINITION = auto()
    CONTENT = auto()


@dataclass(frozen=True, slots=True)
class _Steps:
    """What follows one place on the way of some paths."""

    here: str | None = None
    members: "Mapping[str, _Steps]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """What names and paths say of one place.

    Attributes:
        area: whose names stand below it.
        data_class: the class of everything here; empty for none.
        steps: how far the paths have come.
    """

    area: Area
    data_class: str = ""
    steps: tuple[_Steps, ...] = ()


class PlacedClasses:
    """The classes that belong to names and paths; threads may share it."""

    def __init__(
        self,
        names: Iterable[tuple[Matches, str]] = (),
        paths: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Prepare.

        Args:
            names: what says whether a name is meant, with the class; the first one counts.
            paths: JSON pointers with ``*`` for any step, with the class.
        """
        self._names = tuple(names)
        self._steps = _steps([(_split(path), name) for path, name in paths])
        self._remembered: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._names) or self._steps != _Steps()

    def of(self, area: Area) -> Standing:
        """Return what is known of the whole of something."""
        return Standing(area, steps=(self._steps,))

    def inside_text(self, outside: Standing) -> Standing:
        """Return what is known of the whole of a JSON text that stands at a place."""
        return Standing(Area.CONTENT, outside.data_class, (self._steps,))

    def below(self, standing: Standing, step: str, node: object, *, named: bool) -> Standing:
        """Return what is known of a member or an item.

        Args:
            standing: what is known of what holds it.
            step: its name or index.
            node: the member or item.
            named: whether it is a member.
        """
        steps = tuple(
            following
            for each in standing.steps
            for following in (each.members.get(step), each.members.get(ANY))
            if following is not None
        )
        at_path = next((each.here for each in steps if each.here is not None), "")
        found = standing.data_class or at_path
        if not named:
            return replace(standing, data_class=found, steps=steps)
        if standing.area is Area.CONTENT:
            return Standing(Area.CONTENT, found or self._of_name(step), steps)
        if step in STRUCTURE and not isinstance(node, Mapping | tuple):
            found = ""
        elif standing.area is Area.REQUEST and step not in STRUCTURE and step not in SPOKEN:
            found = found or self._of_name(step)
        return Standing(_area(standing.area, step, node), found, steps)

    def _of_name(self, name: str) -> str:
        if len(name) > LONGEST_REMEMBERED:
            return self._looked_up(name)
        found = self._remembered.get(name)
        if found is None:
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            found = self._remembered[name] = self._looked_up(name)
        return found

    def _looked_up(self, name: str) -> str:
        return next((data_class for matches, data_class in self._names if matches(name)), "")


def names_a_part(name: str, standing: Standing) -> bool:
    """Say whether a name below a place only says which part of it follows."""
    return standing.area is not Area.CONTENT or _PLAIN_NAME.fullmatch(name) is not None


def _area(area: Area, step: str, node: object) -> Area:
    if area is Area.REQUEST and step in _DEFINING and isinstance(node, Mapping | tuple):
        return Area.DEFINITION
    if area is Area.REQUEST and step in _OPEN and isinstance(node, Mapping):
        return Area.CONTENT
    return area


def _split(path: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]


def _steps(paths: list[tuple[list[str], str]]) -> _Steps:
    here = next((name for steps, name in paths if not steps), None)
    members: dict[str, list[tuple[list[str], str]]] = {}
    for steps, name in paths:
        if steps:
            members.setdefault(steps[0], []).append((steps[1:], name))
    return _Steps(here, {step: _steps(rest) for step, rest in members.items()})


class Placing(NamedTuple):
    """What belongs to names and paths, and whose names the whole of a payload has."""

    classes: PlacedClasses
    area: Area


NOTHING_PLACED = PlacedClasses()
NOT_PLACED = Placing(NOTHING_PLACED, Area.CONTENT)
