# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What shape has a configuration file?

One model for each kind of table; unknown keys and implicit conversions are errors.
Keys are optional here although some are needed: a table with one wrong key is still read, so that
everything else that is wrong with it is told as well.
This module, and ``flow_document`` with further tables, are the only ones that know pydantic.
"""

from collections.abc import Callable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agentguard.config.settings import VaultPlace
from agentguard.policy import (
    HostedDenial,
    Idempotency,
    IssuerKind,
    Path,
    RuleFileFormat,
    Strictness,
)
from agentguard.redaction import VaultScope
from agentguard.vocabulary import (
    Action,
    Assurance,
    Effect,
    Impact,
    PrincipalKind,
    Profile,
    Reference,
)

Tell = Callable[[Path, str], None]


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Name = Annotated[str, Field(min_length=1)]
Names = list[Name]
OneOrMany = Annotated[Names, BeforeValidator(_one_or_many)]
Impacts = Annotated[list[Annotated[Impact, Field(strict=False)]], BeforeValidator(_one_or_many)]
_Spelled = Field(default=None, strict=False)


class Table(BaseModel):
    """A table of the file; ``needed`` names the keys that must stand in it."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False)
    needed: ClassVar[tuple[str, ...]] = ()


class File(Table):
    """The top of the file; the tables below it are read one by one."""

    needed = ("version", "name")
    version: int | None = None
    name: Name | None = None
    deployment: Any = None
    environments: Names | None = None
    identity: Any = None
    groups: Any = None
    issuer: Any = None
    tool: Any = None
    tool_groups: Any = None
    limit: Any = None
    secret_store: Any = None
    decider: Any = None
    rule: Any = None
    approval: Any = None
    class_: Any = Field(default=None, alias="class")
    provider: Any = None
    hosted_tools: Any = None
    coverage: Any = None
    vault: Any = None
    facts: Any = None
    detection: Any = None
    labels: Any = None
    external_label: Any = None
    flow: Any = None
    provenance: Any = None
    egress: Any = None
    budget: Any = None
    price: Any = None
    rate: Any = None
    loops: Any = None
    ledger: Any = None


class DeploymentTable(Table):
    """``[deployment]``."""

    store: Name | None = None


class IdentityTable(Table):
    """``[[identity]]``."""

    needed = ("id",)
    id: Name | None = None
    owner: Name | None = None
    environments: OneOrMany | None = None
    claims: dict[Name, Any] | None = None
    keys: Names | None = None
    spiffe: Name | None = None


class IssuerTable(Table):
    """``[issuer.NAME]``."""

    needed = ("issuer", "audience")
    kind: IssuerKind = Field(default=IssuerKind.JWT, strict=False)
    issuer: Name | None = None
    audience: OneOrMany | None = None
    algorithms: OneOrMany | None = None
    keys_url: Name | None = None
    keys_file: Name | None = None
    keys_max_age: Name | None = None
    token_max_age: Name | None = None
    leeway: Name | None = None
    subject: Name | None = None
    subject_kind: PrincipalKind | None = _Spelled
    actor: Name | None = None
    claims: Names | None = None


class GroupTable(Table):
    """One line of ``[groups]``."""

    members: Names | None = None


class ToolTable(Table):
    """``[[tool]]``."""

    needed = ("name", "impact")
    name: Name | None = None
    impact: Impact | None = _Spelled
    receives: Names | None = None
    definition: Name | None = None
    idempotency: Idempotency | None = _Spelled
    hosted: Names | None = Field(default=None, min_length=1)
    environments: OneOrMany | None = None
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    schema_file: Name | None = None
    resource: Name | None = None
    targets: OneOrMany | None = None
    outward: bool = False
    trusted: bool | list[str] = False
    returns: OneOrMany | None = None
    verbs: OneOrMany | None = None
    http: OneOrMany | None = None
    http_headers: OneOrMany | None = None
    private_hosts: OneOrMany | None = None
    polls: bool = False
    within: Name | None = None
    plan: bool = False


class RuleTable(Table):
    """``[[rule]]``; each argument is read on its own."""

    needed = ("id", "who", "then")
    id: Name | None = None
    who: OneOrMany | None = None
    persons: OneOrMany | None = Field(default=None, alias="for")
    tool: OneOrMany | None = None
    impact: Impacts | None = None
    args: dict[str, Any] | None = None
    resource: dict[str, Any] | None = None
    provider: OneOrMany | None = None
    model: OneOrMany | None = None
    operation: OneOrMany | None = None
    references: (
        Annotated[list[Annotated[Reference, Field(strict=False)]], BeforeValidator(_one_or_many)]
        | None
    ) = None
    environments: OneOrMany | None = None
    assurance: Assurance | None = _Spelled
    limits: OneOrMany | None = None
    classes: Names | None = None
    then: Effect | None = _Spelled
    approval: Name | None = None
    shadow_until: date | None = None
    shadow_irreversible: bool = False


class ArgumentTable(Table):
    """``args.NAME`` of a rule, and what stands in it: one kind of constraint."""

    kinds: ClassVar[tuple[str, ...]] = (
        *("int", "number", "decimal", "in", "const", "match", "prefix", "path", "url", "host"),
        *("email", "each", "items", "members", "length", "claim", "forbidden", "any"),
    )
    integer: list[int] | None = Field(default=None, alias="int")
    number: list[Any] | None = None
    decimal: list[str] | None = None
    places: int | None = None
    options: list[Any] | None = Field(default=None, alias="in")
    const: Any = None
    match: str | None = None
    prefix: str | None = None
    path: OneOrMany | None = None
    url: dict[str, Any] | None = None
    host: OneOrMany | None = None
    email: OneOrMany | None = None
    each: list[Any] | None = None
    items: dict[str, Any] | None = None
    members: dict[str, Any] | None = None
    least: int | None = None
    most: int | None = None
    unique: bool | None = None
    length: list[int] | None = None
    claim: str | None = None
    forbidden: bool | None = None
    any: bool | None = None
    optional: bool = False
    origins: OneOrMany | None = Field(default=None, alias="from")
    otherwise: Effect | None = Field(default=None, strict=False, alias="else")


class UrlTable(Table):
    """``url`` of a constraint."""

    needed = ("hosts",)
    hosts: OneOrMany | None = Field(default=None, min_length=1)
    schemes: OneOrMany | None = Field(default=None, min_length=1)
    ports: list[int] | None = Field(default=None, min_length=1)
    paths: OneOrMany | None = Field(default=None, min_length=1)
    query: bool = True


class ApprovalTable(Table):
    """``[approval.NAME]``; each approver is read on its own."""

    needed = ("approvers", "decide_within", "execute_within")
    approvers: Any = None
    need: int | None = None
    decide_within: str | None = None
    execute_within: str | None = None
    wait: str | None = None


class ApproverTable(Table):
    """One approver of an approval profile."""

    needed = ("id", "key")
    id: Name | None = None
    key: Name | None = None


class ClassTable(Table):
    """``[[class]]``."""

    needed = ("name",)
    name: Name | None = None
    action: Action | None = _Spelled
    at: dict[Name, Annotated[Action, Field(strict=False)]] | None = None
    in_answers: Action | None = _Spelled
    in_results: Action | None = _Spelled
    in_definitions: Action | None = _Spelled
    approvers_see: bool | None = None
    labelled: bool = False
    patterns: Names | None = None
    values: Names | None = None
    values_file: Name | None = None
    values_column: Name | None = None
    values_from_env: Names | None = None
    values_from_files: Names | None = None
    values_from_dotenv: Names | None = None
    keys: Names | None = None
    paths: Names | None = None
    environments: OneOrMany | None = None


class ProviderTable(Table):
    """``[[provider]]``."""

    needed = ("id", "hosts")
    id: Name | None = None
    hosts: Names | None = None
    extra_fields: Names | None = None
    headers: Names | None = None
    environments: OneOrMany | None = None
    region: Name | None = None
    evidence: Any = None
    key: Any = None


class LimitTable(Table):
    """``[limit.NAME]``."""

    calls: int | None = None
    sum: Name | None = None
    most: Any = None


class SecretStoreTable(Table):
    """``[[secret_store]]``."""

    needed = ("name",)
    name: Name | None = None
    hosts: OneOrMany | None = None
    paths: OneOrMany | None = None
    addresses: OneOrMany | None = None


class DeciderTable(Table):
    """``[[decider]]``."""

    needed = ("name",)
    name: Name | None = None
    options: dict[Name, Any] | None = None
    tool: OneOrMany | None = None
    models: bool = False
    within: Name | None = None
    approval: Name | None = None


class HostedToolsTable(Table):
    """``[hosted_tools]``."""

    denied: HostedDenial | None = _Spelled


class VaultTable(Table):
    """``[vault]``."""

    scope: VaultScope = Field(default=VaultScope.SESSION, strict=False)
    tenant: Name | None = None
    store: VaultPlace = Field(default=VaultPlace.SQLITE, strict=False)
    file: Name | None = None
    dsn_env: Name | None = None
    key_env: Name | None = None
    key_file: Name | None = None
    old_key_envs: Names | None = None
    old_key_files: Names | None = None
    expire_after: Name | None = None


class FactsTable(Table):
    """``[facts]``."""

    key_env: Name | None = None
    key_file: Name | None = None
    old_key_envs: Names | None = None
    old_key_files: Names | None = None
    expire_after: Name | None = None


class CoverageTable(Table):
    """``[coverage]``."""

    require: Names | None = None
    partial: Strictness | None = _Spelled
    observers: Strictness | None = _Spelled
    known_observers: Names | None = None


class LabelsTable(Table):
    """``[labels]``."""

    unknown: Name | None = None
    headers: Names | None = None


class ExternalLabelTable(Table):
    """``[[external_label]]``."""

    needed = ("name", "class")
    name: Name | None = None
    class_: Name | None = Field(default=None, alias="class")


class DetectionTable(Table):
    """``[detection]``; each file of rules is read on its own."""

    profile: Profile | None = _Spelled
    explain_placeholders: bool = False
    detectors: Names | None = None
    rule_file: Any = None
    names_model: Name | None = None


class RuleFileTable(Table):
    """``[[detection.rule_file]]``."""

    needed = ("file", "format", "class")
    file: Name | None = None
    format: RuleFileFormat | None = _Spelled
    class_: Name | None = Field(default=None, alias="class")
    without: Names | None = None


T = TypeVar("T", bound=Table)

_EXPECTED = {
    "string_type": "must be text",
    "string_unicode": "must be text in valid Unicode",
    "string_too_short": "must not be empty",
    "int_type": "must be an integer",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "date_type": "must be a date, such as 2026-12-31",
}


def read_table(model: type[T], table: object, path: Path, tell: Tell) -> T:
    """Return what is well formed of a table, and tell what is not.

    Args:
        model: the kind of table.
        table: what the file holds.
        path: where it stands.
        tell: takes each problem with its path.
    """
    if not isinstance(table, Mapping):
        tell(path, "must be a table")
        return model()
    for key in model.needed:
        if key not in table:
            tell((*path, key), "is needed")
    found = _validated(model, table)
    if isinstance(found, model):
        return found
    wrong = set()
    for place, message in found:
        tell((*path, *place), message)
        wrong.add(place[0])
    return model.model_validate({key: table[key] for key in table if key not in wrong})


def _validated(model: type[T], table: Mapping[str, Any]) -> T | list[tuple[Path, str]]:
    """Return a table, or its problems."""
    # The validation error holds what the file holds, known values included: it is dropped here.
    try:
        return model.model_validate(dict(table))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    # One key may be wrong in both of its forms, and is told once.
    return list({_place(model, each["loc"]): _message(model, each) for each in details}.items())


def _place(model: type[Table], loc: Path) -> Path:
    return loc[:1] if _has_two_forms(model, loc[0]) else loc


def _has_two_forms(model: type[Table], key: str | int) -> bool:
    field = model.model_fields.get(str(key))
    return field is not None and {bool, list[str]} <= {*get_args(field.annotation)}


def _message(model: type[Table], detail: Mapping[str, Any]) -> str:
    kind = detail["type"]
    if _has_two_forms(model, detail["loc"][0]):
        return "must be true or false, or a list of texts"
    if kind == "extra_forbidden":
        keys = sorted(field.alias or name for name, field in model.model_fields.items())
        near = get_close_matches(str(detail["loc"][0]), keys, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        return f"is not a known key; expected one of {', '.join(map(repr, keys))}{meant}"
    if kind == "enum":
        return f"must be {detail['ctx']['expected']}"
    return _EXPECTED.get(kind, f"is not well formed ({kind})")
