# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a policy say?

The tables of a policy file as values: parsed, not yet compiled.
It holds no path, no environment and no known value; those belong to the deployment.

INVARIANT: the digest depends on what the policy says, not on the order of its tables
(tests/policy/test_document.py).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from agentguard.canonical import Frozen, canonical_bytes, digest
from agentguard.policy.constraints import Constraint
from agentguard.policy.origins import HostEntry, parse_host, parse_origin
from agentguard.vocabulary import (
    Action,
    ApprovalProfile,
    DataClass,
    Effect,
    Impact,
    Profile,
    Reference,
)

ANYBODY = "user:*"
GROUP = "group:"
EVERY_CLASS = "*"
SECRET = "secret"  # noqa: S105 - the name of a family of classes
TEXT_FAMILIES = frozenset({SECRET, "pii", "organisation"})
MEDIA = "media"
ANSWER = "answer"
FAMILIES = TEXT_FAMILIES | {MEDIA, ANSWER}
DEFAULT_OPERATIONS = ("chat",)
SURFACES = frozenset({"openai", "anthropic"})


class Idempotency(StrEnum):
    """What makes it harmless to run a tool twice with the same arguments."""

    KEY = "key"
    NATURAL = "natural"
    NONE = "none"


class HostedDenial(StrEnum):
    """What becomes of a request that names a hosted tool which is not allowed."""

    REFUSE = "refuse"
    REMOVE = "remove"


class RuleFileFormat(StrEnum):
    """Which scanner a file of rules was written for."""

    GITLEAKS = "gitleaks"
    KINGFISHER = "kingfisher"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySpec:
    """A declared identity; ``owner`` counts as requester of what it asks approval for."""

    id: str
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """What a tool is.

    Attributes:
        name: the tool's name.
        impact: what it can do to the world.
        receives: the data classes and families it may receive; ``*`` is every class.
        definition: the pinned digest of its definition, None if it is not pinned.
        idempotency: what makes a second run harmless.
        hosted: the provider's types of a tool that runs at the provider; empty for a function.
    """

    name: str
    impact: Impact
    receives: frozenset[str] = frozenset()
    definition: str | None = None
    idempotency: Idempotency = Idempotency.NONE
    hosted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """A model provider: the hosts it is reached at and what may be sent beside the usual.

    Attributes:
        id: the provider's id in the policy.
        hosts: host entries, such as ``api.openai.com`` or ``127.0.0.1:*``.
        extra_fields: request fields beyond the documented ones that may be sent.
        headers: names of custom headers that may be sent, in lower case.
    """

    id: str
    hosts: tuple[str, ...]
    extra_fields: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    _entries: tuple[HostEntry, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Read the host entries.

        Raises:
            ValueError: an entry has none of the known forms.
        """
        object.__setattr__(self, "_entries", tuple(map(parse_host, self.hosts)))

    def serves(self, origin: str) -> bool:
        """Say whether requests to an origin such as ``https://host:443`` go to this provider."""
        parts = parse_origin(origin)
        return parts is not None and any(entry.serves(*parts) for entry in self._entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentSpec:
    """What one argument of a call may be, and whether it may be missing."""

    name: str
    constraint: Constraint
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    """One rule, as written; it names either tools or providers.

    Attributes:
        id: unique in a policy.
        who: ids, groups and globs of those who make the call.
        persons: ids and groups of those it is made for, or ``user:*``; empty for a rule that
            matches autonomous calls only.
        effect: what the rule says.
        tools: the tools it is about.
        arguments: what their arguments may be, in the order of the file.
        providers: the providers it is about.
        models: names and globs of models; empty in a rule that allows for calls that name no
            model, in a rule that denies for every call.
        operations: names of the semantic conventions, kinds, and pairs of verb and path; None
            where the file names none.
        references: what an allowed call may make the provider use or keep.
        approval: the approval profile, for a rule that asks.
    """

    id: str
    who: tuple[str, ...]
    persons: tuple[str, ...] = ()
    effect: Effect
    tools: tuple[str, ...] = ()
    arguments: tuple[ArgumentSpec, ...] = ()
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    operations: tuple[str, ...] | None = None
    references: tuple[Reference, ...] = ()
    approval: str | None = None

    @property
    def effective_operations(self) -> tuple[str, ...] | None:
        """The operations that the rule is about; None is every operation."""
        if self.operations is None and self.effect is not Effect.DENY:
            return DEFAULT_OPERATIONS
        return self.operations


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSource:
    """How a class is recognised beyond what is built in; it enters the digest.

    Attributes:
        name: the class.
        patterns: patterns of the organisation's own.
        value_digests: SHA-256 of each value written in the policy.
        values_file: the name of a file of values; its content does not enter.
        values_column: the column or member of that file that holds the values.
        environment: names of environment variables; their values do not enter.
        files: patterns of names of files that hold one value each; their content does not enter.
        dotenv: names of dotenv files; their content does not enter.
        keys: names, and globs over names, of members whose value is of the class.
        paths: JSON pointers, with ``*`` for any step, to what is of the class.
    """

    name: str
    patterns: tuple[str, ...] = ()
    value_digests: tuple[str, ...] = ()
    values_file: str | None = None
    values_column: str | None = None
    environment: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    dotenv: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationSpec:
    """What happens to a class before it goes to one provider, instead of its action."""

    data_class: str
    provider: str
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFileSpec:
    """A file of rules of another scanner.

    Attributes:
        file: its name, as written.
        format: which scanner it was written for.
        data_class: what its rules find.
        without: ids of the rules that are left out.
        content: SHA-256 of its text; a file says the same however its lines end.
    """

    file: str
    format: RuleFileFormat
    data_class: str
    without: tuple[str, ...] = ()
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionSpec:
    """How sensitive data is looked for.

    Attributes:
        profile: how much is taken for sensitive.
        explain_placeholders: whether a model is told that placeholders are opaque.
        detectors: names of the detectors that other packages offer and that are asked, too.
        rule_files: files of rules of other scanners, in the order of the file.
        names_model: the model of language that finds names in prose, as written; what is in it
            does not enter the digest. None for none.
    """

    profile: Profile = Profile.BALANCED
    explain_placeholders: bool = False
    detectors: tuple[str, ...] = ()
    rule_files: tuple[RuleFileSpec, ...] = ()
    names_model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsSpec:
    """What labels from outside mean.

    Attributes:
        classes: labels with the classes that they stand for, in the order of the file.
        unknown: the class that any other label stands for; None refuses such a label.
        headers: names of headers that carry labels.
    """

    classes: tuple[tuple[str, str], ...] = ()
    unknown: str | None = None
    headers: tuple[str, ...] = ()

    def class_of(self, label: str) -> str | None:
        """Return the class that a label stands for, None for one that is refused."""
        wanted = label.strip().casefold()
        return next(
            (name for known, name in self.classes if known.strip().casefold() == wanted),
            self.unknown,
        )


def value_digest(value: str) -> str:
    """Return what stands for a value of a class in the policy's digest."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDocument:
    """The policy tables of a file; ``classes`` holds the built-in classes as well.

    ``hosted_denial`` says what becomes of hosted tools that are not allowed, ``required_surfaces``
    which client libraries must be guarded for the guard to start, ``detection`` how data is looked
    for, ``labels`` what labels from outside mean.
    """

    name: str
    identities: tuple[IdentitySpec, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tools: tuple[ToolSpec, ...] = ()
    rules: tuple[RuleSpec, ...] = ()
    profiles: tuple[ApprovalProfile, ...] = ()
    classes: tuple[DataClass, ...] = ()
    class_sources: tuple[ClassSource, ...] = ()
    destinations: tuple[DestinationSpec, ...] = ()
    providers: tuple[ProviderSpec, ...] = ()
    hosted_denial: HostedDenial = HostedDenial.REFUSE
    required_surfaces: frozenset[str] = frozenset()
    detection: DetectionSpec = field(default_factory=DetectionSpec)
    labels: LabelsSpec = field(default_factory=LabelsSpec)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical bytes of what the policy says."""
        return digest(
            canonical_bytes(
                {
                    "version": 1,
                    "name": self.name,
                    "identities": {each.id: each.owner for each in self.identities},
                    "groups": {name: _sorted(self.groups[name]) for name in self.groups},
                    "tools": {each.name: _tool_form(each) for each in self.tools},
                    "rules": {each.id: _rule_form(each) for each in self.rules},
                    "approvals": {each.name: _profile_form(each) for each in self.profiles},
                    "classes": {each.name: _class_form(each) for each in self.classes},
                    "class_sources": {each.name: _source_form(each) for each in self.class_sources},
                    "destinations": _destinations_form(self.destinations),
                    "providers": {each.id: _provider_form(each) for each in self.providers},
                    "hosted_tools": {"denied": self.hosted_denial.value},
                    "coverage": {"require": _sorted(self.required_surfaces)},
                    "detection": _detection_form(self.detection),
                    "labels": _labels_form(self.labels),
                }
            )
        )


def _sorted(names: Iterable[str]) -> Frozen:
    return tuple(sorted(names))


def _tool_form(tool: ToolSpec) -> Frozen:
    return {
        "impact": tool.impact.value,
        "receives": _sorted(tool.receives),
        "definition": tool.definition,
        "idempotency": tool.idempotency.value,
        "hosted": _sorted(tool.hosted),
    }


def _rule_form(rule: RuleSpec) -> Frozen:
    operations = rule.effective_operations
    return {
        "who": _sorted(rule.who),
        "for": _sorted(rule.persons),
        "then": rule.effect.value,
        "tools": _sorted(rule.tools),
        "args": {
            each.name: {**each.constraint.form(), "optional": each.optional}
            for each in rule.arguments
        },
        "providers": _sorted(rule.providers),
        "models": _sorted(rule.models),
        "operations": None if operations is None else _sorted(operations),
        "references": _sorted(each.value for each in rule.references),
        "approval": rule.approval,
    }


def _profile_form(profile: ApprovalProfile) -> Frozen:
    return {
        "approvers": {each.id: each.key for each in profile.approvers},
        "need": profile.need,
        "decide_within": profile.decide_within.total_seconds(),
        "execute_within": profile.execute_within.total_seconds(),
        "wait": profile.wait.total_seconds(),
    }


def _class_form(data_class: DataClass) -> Frozen:
    return {
        "family": data_class.family,
        "action": data_class.action.value,
        "in_answers": data_class.in_answers.value,
        "approvers_see": data_class.approvers_see,
    }


def _destinations_form(destinations: Iterable[DestinationSpec]) -> Frozen:
    return {f"{each.data_class} {each.provider}": each.action.value for each in destinations}


def _detection_form(detection: DetectionSpec) -> Frozen:
    return {
        "profile": detection.profile.value,
        "explain_placeholders": detection.explain_placeholders,
        "detectors": _sorted(detection.detectors),
        "rule_files": {
            each.file: {
                "format": each.format.value,
                "class": each.data_class,
                "without": _sorted(each.without),
                "content": each.content,
            }
            for each in detection.rule_files
        },
        "names_model": detection.names_model,
    }


def _labels_form(labels: LabelsSpec) -> Frozen:
    return {
        "classes": dict(labels.classes),
        "unknown": labels.unknown,
        "headers": _sorted(labels.headers),
    }


def _source_form(source: ClassSource) -> Frozen:
    return {
        "patterns": _sorted(source.patterns),
        "values": _sorted(source.value_digests),
        "values_file": source.values_file,
        "values_column": source.values_column,
        "environment": _sorted(source.environment),
        "files": _sorted(source.files),
        "dotenv": _sorted(source.dotenv),
        "keys": _sorted(source.keys),
        "paths": _sorted(source.paths),
    }


def _provider_form(provider: ProviderSpec) -> Frozen:
    return {
        "hosts": _sorted(provider.hosts),
        "extra_fields": _sorted(provider.extra_fields),
        "headers": _sorted(provider.headers),
    }
