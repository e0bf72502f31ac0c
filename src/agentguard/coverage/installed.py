# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is the SDK of a surface there, is it one that we know, and can its clients be guarded?

INVARIANT: an SDK of an unknown version, or one that lacks a method through which the guard is
asked, is a gap (tests/coverage/test_installed.py).
"""

import importlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from types import ModuleType
from typing import Any

from agentguard.clients import Surface
from agentguard.clients.guarding import guarded_class
from agentguard.clients.living import class_name
from agentguard.operations import checked_versions, is_checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What is known of an SDK on this machine.

    Attributes:
        version: the version; None if it is not installed.
        loaded: whether this process has imported it.
        guarded: the names of the client classes that can be guarded.
        refused: the names of those that the guard does not take.
        gaps: why its clients are not all guarded, and what to do.
    """

    version: str | None
    loaded: bool
    guarded: tuple[str, ...]
    refused: tuple[str, ...]
    gaps: tuple[str, ...]


def installed(surface: Surface, *, load: bool) -> Installed:
    """Look at the SDK of a surface.

    Args:
        surface: the surface.
        load: whether to import the SDK, without which its classes cannot be looked at.
    """
    module, problem = _module(surface.sdk, load=load)
    version = _version(surface.sdk, module)
    classes = {} if module is None else _classes(module, surface.sdk)
    gaps = [*_unusable(surface.sdk, version, problem)]
    if module is not None:
        gaps += _unguardable(surface, classes)
    public = {name for name in surface.clients if not name.startswith("_")}
    known = public if module is None else public & classes.keys()
    return Installed(
        version=version,
        loaded=module is not None,
        guarded=tuple(sorted(known)),
        refused=tuple(sorted(classes.keys() - surface.clients)),
        gaps=tuple(gaps),
    )


def _module(sdk: str, *, load: bool) -> tuple[ModuleType | None, str | None]:
    found = sys.modules.get(sdk)
    if found is not None or not load:
        return found, None
    try:
        return importlib.import_module(sdk), None
    except Exception as error:  # noqa: BLE001 - a module runs any code when it is imported
        problem = type(error).__name__
    return None, f"it cannot be imported ({problem}): install it anew"


def _version(sdk: str, module: ModuleType | None) -> str | None:
    told = getattr(module, "__version__", None)
    if isinstance(told, str):
        return told
    try:
        return metadata.version(sdk)
    except metadata.PackageNotFoundError:
        return None


def _unusable(sdk: str, version: str | None, problem: str | None) -> Iterator[str]:
    if version is None and sys.modules.get(sdk) is None:
        yield f"it is not installed: pip install 'agentguard[{sdk}]'"
    elif problem is not None:
        yield problem
    elif version is None or not is_checked(sdk, version):
        yield _unchecked(sdk, version or "unknown")


def _unchecked(sdk: str, version: str) -> str:
    known = checked_versions(sdk)
    return (
        f"version {version} is none that its operations were checked against: install {known[0]}"
        f" to {known[-1]}, or run 'agentguard operations regenerate --sdk {sdk}' and classify"
        " what is new"
    )


def _unguardable(surface: Surface, classes: Mapping[str, Any]) -> Iterator[str]:
    if surface.clients.isdisjoint(classes):
        yield "it has none of the client classes that can be guarded: use another version"
    for name in sorted(surface.clients & classes.keys()):
        problem = None
        try:
            guarded_class(classes[name])
        except TypeError as error:
            problem = str(error)
        if problem is not None:
            yield f"{problem}: use another version"


def _classes(module: ModuleType, sdk: str) -> dict[str, Any]:
    """Return the client classes that a module of an SDK offers, by name."""
    # Not ``isinstance``: it asks the SDK's lazy objects, which then import what they stand for.
    kinds: list[Any] = [each for each in (*vars(module).values(),) if issubclass(type(each), type)]
    return {kind.__name__: kind for kind in kinds if class_name(kind, sdk) == kind.__name__}
