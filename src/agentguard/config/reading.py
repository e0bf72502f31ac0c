# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a parsed file become a policy document?

Reads every table on its own and goes on after a mistake, with a stand-in for what is wrong, so
that all problems are told at once; a document with stand-ins is never compiled.
Opens nothing: values from files and from the environment are fetched by ``sources``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from agentguard.config.arguments import argument, read_constraint
from agentguard.config.budgets import budget_of, loops_of, price_of, rate_of
from agentguard.config.classes import classes_of, destinations_of, labels_of, source_of
from agentguard.config.confines import decider_of, limit_of, secret_store_of
from agentguard.config.document import (
    ApprovalTable,
    ApproverTable,
    ClassTable,
    CoverageTable,
    DeciderTable,
    DeploymentTable,
    DetectionTable,
    ExternalLabelTable,
    FactsTable,
    File,
    GroupTable,
    HostedToolsTable,
    IdentityTable,
    IssuerTable,
    LabelsTable,
    LimitTable,
    ProviderTable,
    RuleFileTable,
    RuleTable,
    SecretStoreTable,
    Table,
    Tell,
    ToolTable,
    VaultTable,
    read_table,
)
from agentguard.config.egress import egress_of, evidence_of, key_of_provider
from agentguard.config.flow_document import (
    BudgetTable,
    EgressTable,
    EvidenceTable,
    FlowTable,
    KeyTable,
    LedgerTable,
    LoopsTable,
    PriceTable,
    ProvenanceTable,
    RateTable,
)
from agentguard.config.flows import flow_of, provenance_of
from agentguard.config.identities import frozen_table, identity_of, issuer_of, span_of
from agentguard.operations import closest, is_operation_name, needs_pairs
from agentguard.policy import (
    CoverageSpec,
    DetectionSpec,
    HostedDenial,
    Idempotency,
    LabelsSpec,
    Path,
    PolicyDocument,
    ProviderSpec,
    RuleFileFormat,
    RuleFileSpec,
    RuleSpec,
    Strictness,
    ToolSpec,
    parse_host,
)
from agentguard.vocabulary import (
    ApprovalProfile,
    Approver,
    DataClass,
    Effect,
    Impact,
    Profile,
)

VERSION = 1

_STAND_IN = timedelta(seconds=1)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

T = TypeVar("T", bound=Table)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A file as it was read.

    Attributes:
        document: the policy tables.
        classes: the class tables, in the order of the file.
        schema_files: for each tool the file that describes its arguments, None for none.
        store: where the store lies, as written; None for the default.
        vault: how the vault is kept beyond the process, None for not at all.
        facts: how the facts of decisions are kept for replays, None for not at all.
        ledger: where budgets, rates and the stop are kept.
    """

    document: PolicyDocument
    classes: tuple[ClassTable, ...]
    schema_files: tuple[str | None, ...]
    store: str | None
    vault: VaultTable | None
    facts: FactsTable | None
    ledger: LedgerTable


def read(tables: Mapping[str, Any], built_in: tuple[DataClass, ...], tell: Tell) -> Reading:
    """Read the tables of a file.

    Args:
        tables: what the file holds.
        built_in: the data classes that need no declaration.
        tell: takes each problem with its path.
    """
    file = read_table(File, tables, (), tell)
    if file.version not in {None, VERSION}:
        tell(("version",), f"must be {VERSION}")
    deployment = _one(DeploymentTable, file.deployment, "deployment", tell)
    classes = tuple(table for _, table in _each(ClassTable, file.class_, "class", tell))
    tools = tuple(_each(ToolTable, file.tool, "tool", tell))
    document = PolicyDocument(
        name=file.name or "",
        identities=tuple(
            identity_of(table, path, tell)
            for path, table in _each(IdentityTable, file.identity, "identity", tell)
        ),
        groups=_groups(file.groups, "groups", tell),
        tools=tuple(_tool(table, path, tell) for path, table in tools),
        rules=tuple(
            _rule(table, path, tell) for path, table in _each(RuleTable, file.rule, "rule", tell)
        ),
        profiles=_profiles(file.approval, tell),
        classes=classes_of(classes, built_in, tell),
        class_sources=tuple(map(source_of, classes)),
        destinations=destinations_of(classes),
        providers=tuple(
            _provider(table, path, tell)
            for path, table in _each(ProviderTable, file.provider, "provider", tell)
        ),
        hosted_denial=_one(HostedToolsTable, file.hosted_tools, "hosted_tools", tell).denied
        or HostedDenial.REFUSE,
        coverage=_coverage(_one(CoverageTable, file.coverage, "coverage", tell)),
        detection=_detection(file.detection, tell),
        labels=_labels(file, tell),
    )
    document = _limited(_confined(document, file, tell), file, tell)
    vault = None if file.vault is None else _one(VaultTable, file.vault, "vault", tell)
    facts = None if file.facts is None else _one(FactsTable, file.facts, "facts", tell)
    ledger = _one(LedgerTable, file.ledger, "ledger", tell)
    return Reading(
        document=document,
        classes=classes,
        schema_files=tuple(table.schema_file for _, table in tools),
        store=deployment.store,
        vault=vault,
        facts=facts,
        ledger=ledger,
    )


def _confined(document: PolicyDocument, file: File, tell: Tell) -> PolicyDocument:
    """Return a document with what confines its rules and says whose word counts."""
    return replace(
        document,
        environments=tuple(file.environments or ()),
        tool_groups=_groups(file.tool_groups, "tool_groups", tell),
        limits=tuple(
            limit_of(
                name, read_table(LimitTable, value, ("limit", name), tell), ("limit", name), tell
            )
            for name, value in _named(file.limit, "limit", tell).items()
        ),
        secret_stores=tuple(
            secret_store_of(table)
            for _, table in _each(SecretStoreTable, file.secret_store, "secret_store", tell)
        ),
        issuers=tuple(
            issuer_of(
                name, read_table(IssuerTable, value, ("issuer", name), tell), ("issuer", name), tell
            )
            for name, value in _named(file.issuer, "issuer", tell).items()
        ),
        deciders=tuple(
            decider_of(table, path, tell)
            for path, table in _each(DeciderTable, file.decider, "decider", tell)
        ),
    )


def _limited(document: PolicyDocument, file: File, tell: Tell) -> PolicyDocument:
    """Return a document with where data may flow, and how much may be used up."""
    egress = None if file.egress is None else _one(EgressTable, file.egress, "egress", tell)
    loops = None if file.loops is None else _one(LoopsTable, file.loops, "loops", tell)
    return replace(
        document,
        flows=tuple(
            flow_of(table, path, tell) for path, table in _each(FlowTable, file.flow, "flow", tell)
        ),
        provenance=provenance_of(_one(ProvenanceTable, file.provenance, "provenance", tell)),
        egress=None if egress is None else egress_of(egress, ("egress",), tell),
        budgets=tuple(
            budget_of(
                name, read_table(BudgetTable, value, ("budget", name), tell), ("budget", name), tell
            )
            for name, value in _named(file.budget, "budget", tell).items()
        ),
        prices=tuple(
            price_of(table, path, tell)
            for path, table in _each(PriceTable, file.price, "price", tell)
        ),
        rates=tuple(
            rate_of(name, read_table(RateTable, value, ("rate", name), tell))
            for name, value in _named(file.rate, "rate", tell).items()
        ),
        loops=None if loops is None else loops_of(loops),
    )


def _one(model: type[T], table: object, name: str, tell: Tell) -> T:
    return model() if table is None else read_table(model, table, (name,), tell)


def _each(model: type[T], tables: object, name: str, tell: Tell) -> Iterator[tuple[Path, T]]:
    return _listed(model, tables, (name,), f"must be written as [[{name}]] tables", tell)


def _listed(
    model: type[T], tables: object, path: Path, expected: str, tell: Tell
) -> Iterator[tuple[Path, T]]:
    if tables is None:
        return
    if not isinstance(tables, list):
        tell(path, expected)
        return
    for index, table in enumerate(tables):
        yield (*path, index), read_table(model, table, (*path, index), tell)


def _labels(file: File, tell: Tell) -> LabelsSpec:
    named = _each(ExternalLabelTable, file.external_label, "external_label", tell)
    return labels_of(_one(LabelsTable, file.labels, "labels", tell), [table for _, table in named])


def _coverage(table: CoverageTable) -> CoverageSpec:
    return CoverageSpec(
        require=frozenset(table.require or ()),
        partial=table.partial or Strictness.REFUSE,
        observers=table.observers or Strictness.REFUSE,
        known_observers=frozenset(table.known_observers or ()),
    )


def _detection(table: object, tell: Tell) -> DetectionSpec:
    detection = _one(DetectionTable, table, "detection", tell)
    path: Path = ("detection", "rule_file")
    expected = "must be written as [[detection.rule_file]] tables"
    files = _listed(RuleFileTable, detection.rule_file, path, expected, tell)
    return DetectionSpec(
        profile=detection.profile or Profile.BALANCED,
        explain_placeholders=detection.explain_placeholders,
        detectors=tuple(detection.detectors or ()),
        rule_files=tuple(
            RuleFileSpec(
                file=each.file or "",
                format=each.format or RuleFileFormat.GITLEAKS,
                data_class=each.class_ or "",
                without=tuple(each.without or ()),
            )
            for _, each in files
        ),
        names_model=detection.names_model,
    )


def _named(tables: object, name: str, tell: Tell) -> dict[str, Any]:
    if isinstance(tables, dict):
        return tables
    if tables is not None:
        tell((name,), "must be a table")
    return {}


def _groups(tables: object, key: str, tell: Tell) -> dict[str, tuple[str, ...]]:
    groups = {}
    for name, members in _named(tables, key, tell).items():

        def told(path: Path, message: str, name: str = name) -> None:
            tell((key, name, *path[1:]), message)

        table = read_table(GroupTable, {"members": members}, (), told)
        groups[name] = tuple(table.members or ())
    return groups


def _tool(table: ToolTable, path: Path, tell: Tell) -> ToolSpec:
    schema = table.schema_
    return ToolSpec(
        name=table.name or "",
        impact=table.impact or Impact.IRREVERSIBLE,
        receives=frozenset(table.receives or ()),
        definition=table.definition,
        idempotency=table.idempotency or Idempotency.NONE,
        hosted=frozenset(table.hosted or ()),
        environments=frozenset(table.environments or ()),
        schema=None if schema is None else frozen_table(schema, (*path, "schema"), tell),
        resource=table.resource,
        targets=tuple(table.targets or ()),
        outward=table.outward,
        trusted=_trusted(table.trusted),
        returns=frozenset(table.returns or ()),
        verbs=tuple(table.verbs or ()),
        http=frozenset(each.upper() for each in table.http or ()),
        http_headers=frozenset(each.lower() for each in table.http_headers or ()),
        private_hosts=frozenset(table.private_hosts or ()),
        polls=table.polls,
        within=None if table.within is None else _within(table.within, (*path, "within"), tell),
        plan=table.plan,
    )


def _within(text: str, path: Path, tell: Tell) -> timedelta:
    span = span_of(text, _STAND_IN, path, tell)
    if not span:
        tell(path, "must be longer than nothing")
    return span


def _trusted(said: bool | list[str]) -> tuple[str, ...]:  # noqa: FBT001 - the key's own two forms
    """Return the places of a result that are trusted; the whole of it is the empty pointer."""
    return (("",) if said else ()) if isinstance(said, bool) else tuple(said)


def _rule(table: RuleTable, path: Path, tell: Tell) -> RuleSpec:
    stand_in = Effect.DENY if table.approval is None else Effect.APPROVE
    for index, name in enumerate(table.operation or ()):
        if not (is_operation_name(name) or needs_pairs(name)):
            tell((*path, "operation", index), _not_an_operation(name))
    return RuleSpec(
        id=table.id or "",
        who=tuple(table.who or ()),
        persons=tuple(table.persons or ()),
        effect=table.then or stand_in,
        tools=tuple(table.tool or ()),
        impacts=tuple(table.impact or ()),
        arguments=tuple(
            argument(name, value, (*path, "args", name), tell)
            for name, value in (table.args or {}).items()
        ),
        providers=tuple(table.provider or ()),
        models=tuple(table.model or ()),
        operations=None if table.operation is None else tuple(table.operation),
        references=tuple(table.references or ()),
        approval=table.approval,
        environments=frozenset(table.environments or ()),
        assurance=table.assurance,
        limits=tuple(table.limits or ()),
        resource=None
        if table.resource is None
        else read_constraint("resource", table.resource, (*path, "resource"), tell),
        classes=None if table.classes is None else frozenset(table.classes),
        shadow_until=table.shadow_until,
        shadow_irreversible=table.shadow_irreversible,
    )


def _not_an_operation(name: str) -> str:
    near = closest(name)
    return f"{name!r} is no operation that a rule can name" + (
        f"; did you mean {near!r}?" if near else ""
    )


def _profiles(tables: object, tell: Tell) -> tuple[ApprovalProfile, ...]:
    profiles = []
    for name, value in _named(tables, "approval", tell).items():
        path: Path = ("approval", name)
        table = read_table(ApprovalTable, value, path, tell)
        approvers = _listed(
            ApproverTable, table.approvers, (*path, "approvers"), "must be a list of tables", tell
        )
        profiles.append(
            ApprovalProfile(
                name=name,
                approvers=tuple(
                    Approver(id=each.id or "", key=each.key or "") for _, each in approvers
                ),
                need=1 if table.need is None else table.need,
                decide_within=span_of(
                    table.decide_within, _STAND_IN, (*path, "decide_within"), tell
                ),
                execute_within=span_of(
                    table.execute_within, _STAND_IN, (*path, "execute_within"), tell
                ),
                wait=span_of(table.wait or "0s", _STAND_IN, (*path, "wait"), tell),
            )
        )
    return tuple(profiles)


def _provider(table: ProviderTable, path: Path, tell: Tell) -> ProviderSpec:
    hosts = []
    for index, host in enumerate(table.hosts or ()):
        try:
            parse_host(host)
        except ValueError as error:
            tell((*path, "hosts", index), str(error))
        else:
            hosts.append(host)
    for index, header in enumerate(table.headers or ()):
        if not _HEADER.fullmatch(header):
            tell((*path, "headers", index), "must be the name of a header")
    return ProviderSpec(
        id=table.id or "",
        hosts=tuple(hosts),
        extra_fields=frozenset(table.extra_fields or ()),
        headers=frozenset(header.lower() for header in table.headers or ()),
        environments=frozenset(table.environments or ()),
        region=table.region or "",
        evidence=tuple(
            evidence_of(each, place, tell)
            for place, each in _below(EvidenceTable, table.evidence, path, "evidence", tell)
        ),
        keys=tuple(
            key_of_provider(each) for _, each in _below(KeyTable, table.key, path, "key", tell)
        ),
    )


def _below(
    model: type[T], tables: object, path: Path, name: str, tell: Tell
) -> Iterator[tuple[Path, T]]:
    """Yield the tables that are written below another one, such as ``[[provider.key]]``."""
    expected = f"must be written as [[{path[0]}.{name}]] tables"
    return _listed(model, tables, (*path, name), expected, tell)
