# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a report of coverage hold, and how is it shown?

Names of classes, tools of the policy, operations and reasons, and numbers; nothing that came from
a call (tests/coverage/test_measuring.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from agentguard.vocabulary import CallCount

INTERRUPTED = "interrupted"
_HEADS = ("surface", "operation", "dispatched", "refused", "how they ended")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveClients:
    """The client objects of one SDK in this process, counted by class.

    Attributes:
        guarded: those that pass this guard.
        elsewhere: those that pass another guard.
        refusing: those of a guarded class that were made past a guard; each use is refused.
        unguarded: those that pass no guard.
    """

    guarded: Mapping[str, int]
    elsewhere: Mapping[str, int]
    refusing: Mapping[str, int]
    unguarded: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationCoverage:
    """What a policy says of the operations that an SDK can send, as pairs.

    Attributes:
        allowed: those that a rule could let somebody make.
        refused: those that no rule allows anybody, though one could by name, kind or pair.
        by_pair: those that no rule allows anybody, and one could by their pair alone.
        never: those that no rule can allow.
        unlisted: those that no table lists, so that they are refused; known only where the
            installed SDK was asked for them.
    """

    allowed: tuple[str, ...]
    refused: tuple[str, ...]
    by_pair: tuple[str, ...]
    never: tuple[str, ...]
    unlisted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceCoverage:
    """How far one SDK is guarded.

    Attributes:
        surface: the SDK.
        required: whether the policy wants it covered.
        version: the installed version; None if it is not installed.
        loaded: whether this process has imported it; its classes are known only then.
        checked: the lowest and the highest version that its operations were checked against.
        guarded_classes: the client classes that can be guarded.
        refused_classes: the client classes that the guard does not take.
        gaps: why it is not covered, and what to do about each.
        operations: what the policy says of its operations.
        clients: its client objects in this process; None where no process was looked at.
    """

    surface: str
    required: bool
    version: str | None
    loaded: bool
    checked: tuple[str, str]
    guarded_classes: tuple[str, ...]
    refused_classes: tuple[str, ...]
    gaps: tuple[str, ...]
    operations: OperationCoverage
    clients: LiveClients | None = None

    @property
    def covered(self) -> bool:
        """Whether nothing is known by which its clients could pass the guard by."""
        return not self.gaps


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCoverage:
    """Which of the policy's tools that run here are guarded.

    Attributes:
        declared: the names of the tools.
        guarded: how many living functions of each pass this guard, or HTTP clients.
    """

    declared: tuple[str, ...]
    guarded: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What is guarded, what is refused and what passes by, at one moment.

    Attributes:
        policy: the policy's name.
        digest: the policy's digest.
        surfaces: the SDKs that the guard knows.
        functions: the tools that run in this process.
        stream: the audit stream that this process writes; empty where no process was looked at.
        calls: how the calls that have ended went, by surface and operation.
        open_streams: how many answers are still being read.
        hidden_objects: how many objects ``gc.freeze`` took out of sight; an unguarded client
            among them is not found.
        partial: how many living objects of a framework are guarded in part only, by the full
            names of their classes.
        observers: the classes of observers that were let see content before it was hidden.
    """

    policy: str
    digest: str
    surfaces: tuple[SurfaceCoverage, ...]
    functions: FunctionCoverage
    stream: str = ""
    calls: tuple[CallCount, ...] = ()
    open_streams: int = 0
    hidden_objects: int = 0
    partial: Mapping[str, int] = field(default_factory=dict)
    observers: tuple[str, ...] = ()

    @property
    def covered(self) -> bool:
        """Whether every surface that the policy requires is covered."""
        return all(each.covered for each in self.surfaces if each.required)

    @property
    def unguarded(self) -> int:
        """How many clients of known SDKs in this process pass no guard."""
        found = (each.clients for each in self.surfaces)
        return sum(sum(each.unguarded.values()) for each in found if each is not None)

    def as_json(self) -> dict[str, Any]:
        """Return the same as values that JSON has."""
        return {each.name: plain(getattr(self, each.name)) for each in fields(self)} | {
            "covered": self.covered,
            "unguarded": self.unguarded,
        }

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def plain(value: Any) -> Any:
    """Return a part of a report as values that JSON has."""
    if is_dataclass(value):
        told = {each.name: plain(getattr(value, each.name)) for each in fields(value)}
        return told | {"covered": value.covered} if isinstance(value, SurfaceCoverage) else told
    if isinstance(value, Mapping):
        return {
            INTERRUPTED if key is None else str(key): plain(each) for key, each in value.items()
        }
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return value


def _lines(coverage: Coverage) -> list[str]:
    lines = [f"policy {coverage.policy!r}  {coverage.digest[:19]}"]
    if coverage.stream:
        lines.append(f"audit stream {coverage.stream}")
    for surface in coverage.surfaces:
        lines += ["", *_surface(surface)]
    lines += ["", *_functions(coverage)]
    if coverage.calls or coverage.stream:
        lines += ["", *calls_table(coverage.calls)]
    lines += [f"! guarded in part only: {count} {name}" for name, count in coverage.partial.items()]
    lines += [f"! sees content before it is hidden: {name}" for name in coverage.observers]
    if coverage.open_streams:
        lines.append(f"answers that are still being read: {coverage.open_streams}")
    if coverage.hidden_objects:
        lines.append(
            f"gc.freeze has hidden {coverage.hidden_objects} objects:"
            " unguarded clients among them are not found"
        )
    return lines


def _surface(surface: SurfaceCoverage) -> Iterator[str]:
    standing = "covered" if surface.covered else "NOT COVERED"
    if surface.version is None and not surface.required:
        standing = "not installed"
    elif surface.covered and not surface.loaded:
        standing = "not imported in this process"
    wanted = ", required by the policy" if surface.required else ""
    yield f"{surface.surface} {surface.version or ''}".rstrip() + f": {standing}{wanted}"
    yield from (f"  ! {gap}" for gap in surface.gaps)
    lowest, highest = surface.checked
    yield f"  checked     {lowest} to {highest}"
    yield f"  classes     guarded: {_listed(surface.guarded_classes)}"
    if surface.refused_classes:
        yield f"              refused: {_listed(surface.refused_classes)}"
    if surface.clients is not None:
        yield f"  clients     {_clients(surface.clients)}"
    yield f"  operations  {_operations(surface.operations)}"


def _clients(clients: LiveClients) -> str:
    words = (
        ("guarded", clients.guarded),
        ("guarded by another guard", clients.elsewhere),
        ("made past the guard, refusing", clients.refusing),
        ("NOT GUARDED", clients.unguarded),
    )
    told = [f"{_summed(found)} {word}" for word, found in words if found]
    return "; ".join(told) or "none in this process"


def _summed(found: Mapping[str, int]) -> str:
    names = ", ".join(f"{count} {name}" for name, count in sorted(found.items()))
    return names if len(found) == 1 else f"{sum(found.values())} ({names})"


def _operations(operations: OperationCoverage) -> str:
    told = [
        f"{len(operations.allowed)} allowed to somebody",
        f"{len(operations.refused)} to nobody",
        f"{len(operations.by_pair)} to nobody and by pair only",
        f"{len(operations.never)} never",
    ]
    if operations.unlisted:
        told.append(f"{len(operations.unlisted)} in no table")
    return ", ".join(told)


def _functions(coverage: Coverage) -> Iterator[str]:
    functions = coverage.functions
    yield "functions"
    yield f"  declared    {_listed(functions.declared)}"
    if coverage.stream:
        guarded = [f"{name} ({count})" for name, count in sorted(functions.guarded.items())]
        yield f"  guarded     {_listed(guarded)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def calls_table(calls: Iterable[CallCount]) -> list[str]:
    """Return how calls ended, one line for each operation, below a line of heads."""
    rows = [_HEADS] + [
        (each.surface, each.operation, str(each.dispatched), str(each.stopped), _endings(each))
        for each in calls
    ]
    if len(rows) == 1:
        return ["no call has ended yet"]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADS))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _endings(call: CallCount) -> str:
    ended = [f"{outcome} {count}" for outcome, count in call.outcomes.items()]
    ended += [f"{reason or INTERRUPTED} {count}" for reason, count in call.refused.items()]
    return ", ".join(ended)
