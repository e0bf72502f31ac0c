# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a policy contradict itself, or name what it does not declare?

Checks a parsed document as a whole; shapes are checked where the file is read.
A flaw is located by the path of keys in the policy file, so that whoever read the file can add
the line.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agentguard.policy.document import (
    ANYBODY,
    EVERY_CLASS,
    FAMILIES,
    GROUP,
    PolicyDocument,
    RuleSpec,
)
from agentguard.policy.globs import Glob, is_glob
from agentguard.policy.origins import parse_host
from agentguard.vocabulary import ApprovalProfile, DataClass, Effect

Path: TypeAlias = tuple[str | int, ...]

_IDENTITY = re.compile(r"(agent|service|user):[A-Za-z0-9][A-Za-z0-9._@+/-]{0,199}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}")
_CLASS_NAME = re.compile(r"[a-z][a-z_]{0,39}")
_DEFINITION = re.compile(r"sha256:[0-9a-f]{64}")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_KEY_PREFIX = "ed25519:"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Flaw:
    """One mistake: where it stands in the policy file, and what is wrong with it."""

    path: Path
    message: str


def key_of(path: Path) -> str:
    """Return a path as it is shown: ``rule[2].args.amount``, counted from 0."""
    key = ""
    for part in path:
        if isinstance(part, int):
            key += f"[{part}]"
        else:
            name = part if _BARE_KEY.fullmatch(part) else f'"{part}"'
            key += f".{name}" if key else name
    return key


def flaws_of(document: PolicyDocument) -> tuple[Flaw, ...]:
    """Return every flaw of a document, in the order of its tables."""
    checks = (_identities, _groups, _tools, _rules, _profiles, _classes, _providers)
    return tuple(flaw for check in checks for flaw in check(document))


def _duplicates(table: str, key: str, names: Iterable[str]) -> Iterator[Flaw]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield Flaw((table, index, key), f"{name!r} is declared twice")
        seen.add(name)


def _declared(document: PolicyDocument) -> frozenset[str]:
    return frozenset(identity.id for identity in document.identities)


def _identities(document: PolicyDocument) -> Iterator[Flaw]:
    yield from _duplicates("identity", "id", (each.id for each in document.identities))
    for index, identity in enumerate(document.identities):
        if not _IDENTITY.fullmatch(identity.id):
            yield Flaw(("identity", index, "id"), _not_an_id(identity.id))
        if identity.owner is not None and not _is_person(identity.owner):
            yield Flaw(
                ("identity", index, "owner"), f"must be a person 'user:...', not {identity.owner!r}"
            )


def _not_an_id(name: str) -> str:
    return f"must be 'agent:...', 'service:...' or 'user:...', not {name!r}"


def _is_person(name: str) -> bool:
    return name.startswith("user:") and _IDENTITY.fullmatch(name) is not None


def _groups(document: PolicyDocument) -> Iterator[Flaw]:
    declared = _declared(document)
    for name, members in document.groups.items():
        if not members:
            yield Flaw(("groups", name), "must have a member")
        for index, member in enumerate(members):
            path = ("groups", name, index)
            if not _IDENTITY.fullmatch(member):
                yield Flaw(path, _not_an_id(member))
            elif not _is_person(member) and member not in declared:
                yield Flaw(path, f"identity {member!r} is not declared")


def _tools(document: PolicyDocument) -> Iterator[Flaw]:
    yield from _duplicates("tool", "name", (each.name for each in document.tools))
    receivable = {EVERY_CLASS, *FAMILIES, *(each.name for each in document.classes)}
    for index, tool in enumerate(document.tools):
        if not _NAME.fullmatch(tool.name):
            yield Flaw(("tool", index, "name"), f"must be a name, not {tool.name!r}")
        for name in sorted(tool.receives - receivable):
            yield Flaw(
                ("tool", index, "receives"), f"{name!r} is not a data class, a family or '*'"
            )
        if tool.definition is not None and not _DEFINITION.fullmatch(tool.definition):
            yield Flaw(
                ("tool", index, "definition"),
                "must be 'sha256:' and 64 hexadecimal digits in lower case",
            )


def _rules(document: PolicyDocument) -> Iterator[Flaw]:
    yield from _duplicates("rule", "id", (each.id for each in document.rules))
    declared = _declared(document)
    tools = frozenset(each.name for each in document.tools)
    providers = frozenset(each.id for each in document.providers)
    profiles = frozenset(each.name for each in document.profiles)
    for index, rule in enumerate(document.rules):
        path: Path = ("rule", index)
        if not _NAME.fullmatch(rule.id):
            yield Flaw((*path, "id"), f"must be a name, not {rule.id!r}")
        yield from _who(path, rule, document.groups, declared)
        yield from _persons(path, rule, document.groups)
        yield from _target(path, rule, tools, providers)
        yield from _approval(path, rule, profiles)
        yield from _duplicates_of_arguments(path, rule)


def _who(
    path: Path, rule: RuleSpec, groups: Mapping[str, tuple[str, ...]], declared: frozenset[str]
) -> Iterator[Flaw]:
    path = (*path, "who")
    if not rule.who:
        yield Flaw(path, "must name somebody")
    for name in rule.who:
        if name.startswith(GROUP):
            yield from _group(path, name, groups, "declared", declared.__contains__)
        elif is_glob(name):
            if not any(map(Glob(name).matches, declared)):
                yield Flaw(path, f"no declared identity fits {name!r}")
        elif name not in declared:
            yield Flaw(path, f"identity {name!r} is not declared")


def _persons(path: Path, rule: RuleSpec, groups: Mapping[str, tuple[str, ...]]) -> Iterator[Flaw]:
    path = (*path, "for")
    for name in rule.persons:
        if name.startswith(GROUP):
            yield from _group(path, name, groups, "a person", _is_person)
        elif name != ANYBODY and not _is_person(name):
            yield Flaw(path, f"{name!r} is not a person: expected 'user:...', a group or 'user:*'")


def _group(
    path: Path,
    name: str,
    groups: Mapping[str, tuple[str, ...]],
    wanted: str,
    fits: Callable[[str], bool],
) -> Iterator[Flaw]:
    members = groups.get(name.removeprefix(GROUP))
    if members is None:
        yield Flaw(path, f"group {name!r} is not declared")
        return
    for member in members:
        if not fits(member):
            yield Flaw(path, f"member {member!r} of {name!r} is not {wanted}")


def _target(
    path: Path, rule: RuleSpec, tools: frozenset[str], providers: frozenset[str]
) -> Iterator[Flaw]:
    if bool(rule.tools) == bool(rule.providers):
        problem = "both" if rule.tools else "neither"
        yield Flaw(path, f"must name either 'tool' or 'provider', but names {problem}")
    for name in rule.tools:
        if name not in tools:
            yield Flaw((*path, "tool"), f"tool {name!r} is not declared")
    for name in rule.providers:
        if name not in providers:
            yield Flaw((*path, "provider"), f"provider {name!r} is not declared")
    if rule.providers and not rule.models:
        yield Flaw((*path, "model"), "must name a model, since the rule names a provider")
    if rule.models and not rule.providers:
        yield Flaw((*path, "model"), "belongs to a rule that names a provider")
    if rule.providers and not rule.operations:
        yield Flaw((*path, "operation"), "must name an operation")
    if rule.arguments and not rule.tools:
        yield Flaw((*path, "args"), "belong to a rule that names a tool")


def _approval(path: Path, rule: RuleSpec, profiles: frozenset[str]) -> Iterator[Flaw]:
    asks = rule.effect is Effect.APPROVE
    if asks and rule.providers:
        yield Flaw((*path, "then"), "must be 'allow' or 'deny' in a rule for model calls")
    if asks and rule.approval is None:
        yield Flaw((*path, "approval"), "is needed with then = 'approve'")
    if not asks and rule.approval is not None:
        yield Flaw((*path, "approval"), "belongs to then = 'approve' only")
    if rule.approval is not None and rule.approval not in profiles:
        yield Flaw((*path, "approval"), f"approval profile {rule.approval!r} is not declared")


def _duplicates_of_arguments(path: Path, rule: RuleSpec) -> Iterator[Flaw]:
    names = [each.name for each in rule.arguments]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Flaw((*path, "args", name), "is declared twice")


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
        if not _is_person(approver.id):
            yield Flaw((*path, index, "id"), f"must be a person 'user:...', not {approver.id!r}")
        if not _is_public_key(approver.key):
            yield Flaw(
                (*path, index, "key"), "must be 'ed25519:' and a public key of 32 bytes in base64"
            )
        if approver.id in ids:
            yield Flaw((*path, index, "id"), f"{approver.id!r} is named twice")
        if approver.key in keys:
            yield Flaw((*path, index, "key"), "is the key of another approver, too")
        ids.add(approver.id)
        keys.add(approver.key)


def _is_public_key(key: str) -> bool:
    if not key.startswith(_KEY_PREFIX):
        return False
    try:
        raw = base64.b64decode(key.removeprefix(_KEY_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(raw) == _KEY_BYTES


def _classes(document: PolicyDocument) -> Iterator[Flaw]:
    names = {each.name for each in document.classes}
    reserved = {*FAMILIES, EVERY_CLASS}
    for index, source in enumerate(document.class_sources):
        path: Path = ("class", index, "name")
        if source.name in reserved:
            yield Flaw(path, f"{source.name!r} is the name of a family")
        elif not _CLASS_NAME.fullmatch(source.name):
            yield Flaw(path, f"must be lower-case letters and '_', not {source.name!r}")
        elif source.name not in names:
            yield Flaw(path, f"{source.name!r} is not declared")
    yield from _duplicates("class", "name", (each.name for each in document.class_sources))
    yield from _families(document.classes)


def _families(classes: Iterable[DataClass]) -> Iterator[Flaw]:
    for data_class in classes:
        if data_class.family not in FAMILIES:
            expected = ", ".join(map(repr, sorted(FAMILIES)))
            yield Flaw(("class",), f"the family of {data_class.name!r} must be one of {expected}")


def _providers(document: PolicyDocument) -> Iterator[Flaw]:
    yield from _duplicates("provider", "id", (each.id for each in document.providers))
    taken = [
        (provider.id, parse_host(host))
        for provider in document.providers
        for host in provider.hosts
    ]
    for index, provider in enumerate(document.providers):
        if not _NAME.fullmatch(provider.id):
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
