# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which extra deciders does a policy name, and are they there?

Installed packages offer them as entry points of the group ``agentguard.deciders``; only one that
the policy names is ever loaded. It is made with the options of its table. What it answers is
judged elsewhere.

INVARIANT: a decider that is missing, or cannot be made, refuses the configuration; what it raised
is not told, but for what it says of its options (tests/config/test_decider_tables.py).
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path as Folder

from agentguard.canonical import Frozen
from agentguard.config.document import Tell
from agentguard.pipeline import Decider
from agentguard.policy import DeciderSpec, Path

GROUP = "agentguard.deciders"


def offered_deciders(
    specs: Sequence[DeciderSpec], tell: Tell
) -> tuple[tuple[int, DeciderSpec, EntryPoint], ...]:
    """Return what offers the deciders of these tables, without loading anything.

    Args:
        specs: in the order of the file.
        tell: takes each problem with its path.
    """
    found: list[tuple[int, DeciderSpec, EntryPoint]] = []
    for index, spec in enumerate(specs):
        path: Path = ("decider", index, "name")
        points = entry_points(group=GROUP, name=spec.name)
        offers = tuple({each.value: each for each in points}.values())
        if not offers:
            tell(path, f"no installed package offers decider {spec.name!r} in group {GROUP!r}")
        elif len(offers) > 1:
            tell(path, f"{len(offers)} installed packages offer decider {spec.name!r}")
        else:
            found.append((index, spec, offers[0]))
    return tuple(found)


def made_deciders(
    offers: Sequence[tuple[int, DeciderSpec, EntryPoint]], folder: Folder, tell: Tell
) -> Mapping[str, Decider]:
    """Load deciders and make them with their options; tell which cannot be made."""
    deciders: dict[str, Decider] = {}
    for index, spec, point in offers:
        decider, problem = _made(point, spec.options, folder)
        if decider is None:
            tell(("decider", index), f"decider {spec.name!r} {problem}")
        else:
            deciders[spec.name] = decider
    return deciders


def _made(
    point: EntryPoint, options: Mapping[str, Frozen], folder: Folder
) -> tuple[Decider | None, str]:
    # What another package raises may hold anything: it ends here.
    try:
        factory = point.load()
    except Exception as error:  # noqa: BLE001 - whatever it is, there is no decider
        return None, f"cannot be loaded ({type(error).__name__})"
    try:
        made = factory(options, folder)
    except ValueError as error:
        return None, f"cannot use its options: {error}"
    except Exception as error:  # noqa: BLE001 - as above
        return None, f"cannot be made ({type(error).__name__})"
    if not callable(getattr(made, "decide", None)):
        return None, "has no method 'decide'"
    return made, ""
