# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How far is this process, or this machine, covered?

Asks the parts and gives one value. Looking changes nothing.
"""

import gc
from collections.abc import Mapping

from agentguard.clients import Surface
from agentguard.clients.living import Standing, living
from agentguard.clients.outbound import guarded_requests
from agentguard.coverage.installed import Installed, installed
from agentguard.coverage.values import (
    Coverage,
    FunctionCoverage,
    LiveClients,
    OperationCoverage,
    SurfaceCoverage,
)
from agentguard.enforcement import Enforcer
from agentguard.integrations import anthropic, openai
from agentguard.operations import Allowed, Operation, checked_versions, is_sent_by
from agentguard.policy import Openings, Policy
from agentguard.tools import guarded_tools, observers_of, partial_of
from agentguard.vocabulary import Kind

SURFACES = {each.sdk: each for each in (openai.SURFACE, anthropic.SURFACE)}
_RUNS_A_MODEL = frozenset({Kind.INFERENCE, Kind.REMOTE_RUN, Kind.SOCKET, Kind.CREDENTIAL})


def coverage_of(enforcer: Enforcer) -> Coverage:
    """Return how far this process is covered by one guard."""
    policy = enforcer.core.policy
    openings = Openings(policy)
    surfaces = []
    for surface in SURFACES.values():
        clients = _clients(surface, enforcer)
        known = installed(surface, load=False)
        surfaces.append(_covered(surface, policy, openings, known, clients))
    return Coverage(
        policy=policy.name,
        digest=policy.digest,
        surfaces=tuple(surfaces),
        functions=_functions(policy, guarded_tools(enforcer) + guarded_requests(enforcer)),
        stream=enforcer.stream,
        calls=enforcer.counts,
        open_streams=enforcer.open_streams,
        hidden_objects=gc.get_freeze_count(),
        partial=dict(sorted(partial_of(enforcer).items())),
        observers=observers_of(enforcer),
    )


def coverage_here(policy: Policy) -> Coverage:
    """Return how far the SDKs that are installed here can be covered under a policy."""
    openings = Openings(policy)
    return Coverage(
        policy=policy.name,
        digest=policy.digest,
        surfaces=tuple(
            _covered(surface, policy, openings, installed(surface, load=True), None)
            for surface in SURFACES.values()
        ),
        functions=_functions(policy, {}),
    )


def missing_coverage(policy: Policy) -> tuple[str, ...]:
    """Return why the surfaces that a policy requires are not covered, as sentences."""
    return tuple(
        f"{sdk} must be guarded, but {gap}"
        for sdk in sorted(policy.required_surfaces)
        for gap in installed(SURFACES[sdk], load=True).gaps
    )


def _covered(
    surface: Surface,
    policy: Policy,
    openings: Openings,
    known: Installed,
    clients: LiveClients | None,
) -> SurfaceCoverage:
    versions = checked_versions(surface.sdk)
    gaps = list(known.gaps)
    if clients is not None and clients.unguarded:
        count = sum(clients.unguarded.values())
        gaps.append(f"clients in this process that pass no guard: {count}; hand each to guard.wrap")
    return SurfaceCoverage(
        surface=surface.sdk,
        required=surface.sdk in policy.required_surfaces,
        version=known.version,
        loaded=known.loaded,
        checked=(versions[0], versions[-1]),
        guarded_classes=known.guarded,
        refused_classes=known.refused,
        gaps=tuple(gaps),
        operations=_operations(surface, openings, known.version),
        clients=clients,
    )


def _clients(surface: Surface, enforcer: Enforcer) -> LiveClients:
    found = living(surface, enforcer)
    by_standing = {
        standing.value: {
            name: count for (how, name), count in sorted(found.items()) if how is standing
        }
        for standing in Standing
    }
    return LiveClients(**by_standing)


def _operations(surface: Surface, openings: Openings, version: str | None) -> OperationCoverage:
    pairs: dict[str, list[str]] = {"allowed": [], "refused": [], "by_pair": [], "never": []}
    for operation in surface.table:
        if version is None or is_sent_by(operation, version):
            pairs[_said_of(operation, openings)].append(operation.pair)
    return OperationCoverage(**{said: tuple(found) for said, found in pairs.items()})


def _said_of(operation: Operation, openings: Openings) -> str:
    if operation.allowed is Allowed.NEVER:
        return "never"
    named = bool(operation.content) or "model" in operation.query
    opened = openings.opens(
        operation.verb,
        operation.path,
        operation.kind,
        operation.name,
        model=named or operation.kind in _RUNS_A_MODEL,
    )
    if opened:
        return "allowed"
    return "by_pair" if operation.allowed is Allowed.PAIR else "refused"


def _functions(policy: Policy, guarded: Mapping[str, int]) -> FunctionCoverage:
    here = sorted(name for name, tool in policy.tools.items() if not tool.hosted)
    return FunctionCoverage(declared=tuple(here), guarded=dict(sorted(guarded.items())))
