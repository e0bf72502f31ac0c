# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which detectors of other packages does a policy name?

Installed packages offer them as entry points of the group ``agentguard.detectors``; only one that
the policy names is ever loaded. What it finds is judged like any finding.

INVARIANT: a detector that is missing, or cannot be loaded, refuses the configuration, and its own
error is not told (tests/config/test_detectors.py).
"""

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from agentguard.classification import Detector
from agentguard.config.document import Tell
from agentguard.policy import Path

GROUP = "agentguard.detectors"
PLACE = ("detection", "detectors")


def offered(names: Sequence[str], tell: Tell) -> tuple[EntryPoint, ...]:
    """Return what offers the detectors of these names, without loading anything.

    Args:
        names: in the order of the file.
        tell: takes each problem with its path.
    """
    found: list[EntryPoint] = []
    for index, name in enumerate(names):
        path: Path = (*PLACE, index)
        offers = tuple({each.value: each for each in entry_points(group=GROUP, name=name)}.values())
        if name in names[:index]:
            tell(path, f"{name!r} is named twice")
        elif not offers:
            tell(path, f"no installed package offers detector {name!r} in group {GROUP!r}")
        elif len(offers) > 1:
            tell(path, f"{len(offers)} installed packages offer detector {name!r}")
        else:
            found.append(offers[0])
    return tuple(found)


def loaded(points: Sequence[EntryPoint], tell: Tell) -> tuple[Detector, ...]:
    """Load detectors: an entry point gives one, or a function or class that makes one."""
    detectors: list[Detector] = []
    for index, point in enumerate(points):
        detector, problem = _loaded(point)
        if detector is None:
            tell((*PLACE, index), f"detector {point.name!r} {problem}")
        else:
            detectors.append(detector)
    return tuple(detectors)


def _loaded(point: EntryPoint) -> tuple[Detector | None, str]:
    # What another package raises may hold anything: it ends here.
    try:
        offer = point.load()
        made = offer() if isinstance(offer, type) or not _detects(offer) else offer
        if _detects(made):
            return made, ""
    except Exception as error:  # noqa: BLE001 - whatever it is, there is no detector
        return None, f"cannot be loaded ({type(error).__name__})"
    return None, "has no name or no method 'detect'"


def _detects(offer: object) -> bool:
    name, detect = getattr(offer, "name", None), getattr(offer, "detect", None)
    return isinstance(name, str) and callable(detect)
