# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a policy contradict itself, or name what it does not declare?

Checks a parsed document as a whole; shapes are checked where the file is read. Rules, classes,
limits, issuers and environments have modules of their own.
"""

import re
from collections.abc import Iterator

from agentguard.policy.budget_flaws import budget_flaws
from agentguard.policy.class_flaws import class_flaws
from agentguard.policy.document import (
    EVERY_CLASS,
    SURFACES,
    TEXT_FAMILIES,
    Idempotency,
    PolicyDocument,
    ToolSpec,
)
from agentguard.policy.egress_flaws import egress_flaws
from agentguard.policy.environment_flaws import environment_flaws
from agentguard.policy.flaws import (
    IDENTITY,
    NAME,
    Flaw,
    Path,
    declared_identities,
    duplicates,
    is_person,
    undeclared,
)
from agentguard.policy.flow_flaws import flow_flaws
from agentguard.policy.http_flaws import http_flaws
from agentguard.policy.issuer_flaws import issuer_flaws
from agentguard.policy.limit_flaws import limit_flaws
from agentguard.policy.origin_flaws import origin_flaws
from agentguard.policy.origins import parse_host
from agentguard.policy.rule_flaws import rule_flaws
from agentguard.policy.secret_store_flaws import secret_store_flaws
from agentguard.policy.tool_rule_flaws import selection_flaws, tool_rule_flaws
from agentguard.policy.tool_schemas import schema_flaws
from agentguard.signing import raw_key
from agentguard.vocabulary import ApprovalProfile

_DEFINITION = re.compile(r"sha256:[0-9a-f]{64}")


def flaws_of(document: PolicyDocument) -> tuple[Flaw, ...]:
    """Return every flaw of a document, in the order of its tables."""
    checks = (
        _identities,
        _groups,
        _tools,
        http_flaws,
        limit_flaws,
        budget_flaws,
        rule_flaws,
        tool_rule_flaws,
        origin_flaws,
        flow_flaws,
        environment_flaws,
        schema_flaws,
        _profiles,
        class_flaws,
        _providers,
        egress_flaws,
        _surfaces,
        issuer_flaws,
        secret_store_flaws,
        _deciders,
    )
    return tuple(flaw for check in checks for flaw in check(document))


def _identities(document: PolicyDocument) -> Iterator[Flaw]:
    yield from duplicates("identity", "id", (each.id for each in document.identities))
    for index, identity in enumerate(document.identities):
        if not IDENTITY.fullmatch(identity.id):
            yield Flaw(("identity", index, "id"), _not_an_id(identity.id))
        if identity.owner is not None and not is_person(identity.owner):
            yield Flaw(
                ("identity", index, "owner"), f"must be a person 'user:...', not {identity.owner!r}"
            )
        if "id" in identity.claims:
            yield Flaw(("identity", index, "claims", "id"), "is the id itself: take another name")
    yield from _identity_keys(document)


def _identity_keys(document: PolicyDocument) -> Iterator[Flaw]:
    owners: dict[str, str] = {}
    for index, identity in enumerate(document.identities):
        for place, key in enumerate(identity.keys):
            path: Path = ("identity", index, "keys", place)
            if raw_key(key) is None:
                yield Flaw(path, "must be 'ed25519:' and a public key of 32 bytes in base64")
            if owners.setdefault(key, identity.id) != identity.id:
                yield Flaw(path, f"is a key of {owners[key]!r}, too: one key proves one identity")


def _not_an_id(name: str) -> str:
    return f"must be 'agent:...', 'service:...' or 'user:...', not {name!r}"


def _groups(document: PolicyDocument) -> Iterator[Flaw]:
    declared = declared_identities(document)
    for name, members in document.groups.items():
        if not members:
            yield Flaw(("groups", name), "must have a member")
        for index, member in enumerate(members):
            path = ("groups", name, index)
            if not IDENTITY.fullmatch(member):
                yield Flaw(path, _not_an_id(member))
            elif not is_person(member) and member not in declared:
                yield Flaw(path, f"identity {member!r} is not declared: add an [[identity]]")


def _tools(document: PolicyDocument) -> Iterator[Flaw]:
    yield from duplicates("tool", "name", (each.name for each in document.tools))
    texts = (each.name for each in document.classes if each.family in TEXT_FAMILIES)
    receivable = {EVERY_CLASS, *TEXT_FAMILIES, *texts}
    for index, tool in enumerate(document.tools):
        if not NAME.fullmatch(tool.name):
            yield Flaw(("tool", index, "name"), f"must be a name, not {tool.name!r}")
        for name in sorted(tool.receives - receivable):
            yield Flaw(
                ("tool", index, "receives"),
                f"{name!r} is not a data class of text, a family of such classes, or '*'",
                name,
            )
        if tool.definition is not None and not _DEFINITION.fullmatch(tool.definition):
            yield Flaw(
                ("tool", index, "definition"),
                "must be 'sha256:' and 64 hexadecimal digits in lower case",
            )
    yield from _hosted(document.tools)
    for index, tool in enumerate(document.tools):
        if tool.within is not None and not tool.within:
            yield Flaw(("tool", index, "within"), "must be longer than nothing")


def _hosted(tools: tuple[ToolSpec, ...]) -> Iterator[Flaw]:
    owners: dict[str, str] = {}
    for index, tool in enumerate(tools):
        path: Path = ("tool", index)
        for name in sorted(tool.hosted):
            if not NAME.fullmatch(name):
                yield Flaw((*path, "hosted"), f"must hold types of tools, not {name!r}", name)
            owner = owners.setdefault(name, tool.name)
            if owner != tool.name:
                message = f"{name!r} is a type of tool {owner!r}, too"
                yield Flaw((*path, "hosted"), message, name)
        if tool.hosted:
            for key in _meant_for_functions(tool):
                message = "does not apply to a tool that runs at the provider"
                yield Flaw((*path, key), message)


def _meant_for_functions(tool: ToolSpec) -> Iterator[str]:
    if tool.receives:
        yield "receives"
    if tool.definition is not None:
        yield "definition"
    if tool.idempotency is not Idempotency.NONE:
        yield "idempotency"
    if tool.resource is not None:
        yield "resource"
    if tool.within is not None:
        yield "within"
    if tool.polls:
        yield "polls"


def _profiles(document: PolicyDocument) -> Iterator[Flaw]:
    for profile in document.profiles:
        path: Path = ("approval", profile.name)
        yield from _approvers((*path, "approvers"), profile)
        if profile.need < 1:
            yield Flaw((*path, "need"), "must be at least 1")
        elif profile.approvers and profile.need > len(profile.approvers):
            yield Flaw(
                (*path, "need"),
                f"must be at most {len(profile.approvers)}, the number of approvers",
            )
        for clock in ("decide_within", "execute_within"):
            if not getattr(profile, clock):
                yield Flaw((*path, clock), "must be longer than nothing")


def _approvers(path: Path, profile: ApprovalProfile) -> Iterator[Flaw]:
    if not profile.approvers:
        yield Flaw(path, "must name an approver")
    ids: set[str] = set()
    keys: set[str] = set()
    for index, approver in enumerate(profile.approvers):
        if not is_person(approver.id):
            yield Flaw((*path, index, "id"), f"must be a person 'user:...', not {approver.id!r}")
        if raw_key(approver.key) is None:
            yield Flaw(
                (*path, index, "key"), "must be 'ed25519:' and a public key of 32 bytes in base64"
            )
        if approver.id in ids:
            yield Flaw((*path, index, "id"), f"{approver.id!r} is named twice")
        if approver.key in keys:
            yield Flaw((*path, index, "key"), "is the key of another approver, too")
        ids.add(approver.id)
        keys.add(approver.key)


def _deciders(document: PolicyDocument) -> Iterator[Flaw]:
    profiles = {profile.name for profile in document.profiles}
    tools = {tool.name for tool in document.tools}
    yield from duplicates("decider", "name", (each.name for each in document.deciders))
    for index, decider in enumerate(document.deciders):
        path: Path = ("decider", index)
        yield from selection_flaws((*path, "tool"), decider.tools, document.tool_groups, tools)
        if not decider.within:
            yield Flaw((*path, "within"), "must be longer than nothing")
        if decider.approval is not None and decider.approval not in profiles:
            message = undeclared("approval profile", decider.approval, "approval")
            yield Flaw((*path, "approval"), message)


def _surfaces(document: PolicyDocument) -> Iterator[Flaw]:
    for name in sorted(document.coverage.require - SURFACES):
        expected = ", ".join(map(repr, sorted(SURFACES)))
        yield Flaw(("coverage", "require"), f"{name!r} is not one of {expected}", name)


def _providers(document: PolicyDocument) -> Iterator[Flaw]:
    yield from duplicates("provider", "id", (each.id for each in document.providers))
    taken = [
        (provider.id, parse_host(host))
        for provider in document.providers
        for host in provider.hosts
    ]
    for index, provider in enumerate(document.providers):
        if not NAME.fullmatch(provider.id):
            yield Flaw(("provider", index, "id"), f"must be a name, not {provider.id!r}")
        if not provider.hosts:
            yield Flaw(("provider", index, "hosts"), "must name a host")
        for place, host in enumerate(provider.hosts):
            entry = parse_host(host)
            rivals = sorted(
                {name for name, other in taken if name != provider.id and entry.overlaps(other)}
            )
            if rivals:
                yield Flaw(
                    ("provider", index, "hosts", place),
                    f"{host!r} is a host of provider {rivals[0]!r}, too",
                )
