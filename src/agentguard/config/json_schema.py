# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which JSON Schema has a policy file, so that editors complete and check it?

Made from the models that read the file. It says less than reading does: what names what, and
whether a number or a pattern makes sense, is told by ``policy check``.

INVARIANT: a file that can be used is valid under it (tests/config/test_json_schema.py).
"""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BeforeValidator

from agentguard.config.document import (
    ApprovalTable,
    ApproverTable,
    ArgumentTable,
    ClassTable,
    CoverageTable,
    DeciderTable,
    DeploymentTable,
    DetectionTable,
    ExternalLabelTable,
    FactsTable,
    File,
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
    ToolTable,
    VaultTable,
)
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
    TermsTable,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_ONE: Mapping[str, type[Table]] = {
    "deployment": DeploymentTable,
    "hosted_tools": HostedToolsTable,
    "coverage": CoverageTable,
    "vault": VaultTable,
    "facts": FactsTable,
    "detection": DetectionTable,
    "labels": LabelsTable,
    "provenance": ProvenanceTable,
    "egress": EgressTable,
    "loops": LoopsTable,
    "ledger": LedgerTable,
}
_LISTED: Mapping[str, type[Table]] = {
    "identity": IdentityTable,
    "tool": ToolTable,
    "secret_store": SecretStoreTable,
    "decider": DeciderTable,
    "rule": RuleTable,
    "class": ClassTable,
    "provider": ProviderTable,
    "external_label": ExternalLabelTable,
    "flow": FlowTable,
    "price": PriceTable,
}
_NAMED: Mapping[str, type[Table]] = {
    "issuer": IssuerTable,
    "limit": LimitTable,
    "approval": ApprovalTable,
    "budget": BudgetTable,
    "rate": RateTable,
}
_GROUPS = ("groups", "tool_groups")
_CONSTRAINT = "#/$defs/constraint"
_NAMES = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a policy file."""
    definitions: dict[str, Any] = {"constraint": _constraint()}
    top = _schema(File, definitions)
    for key, model in _ONE.items():
        top["properties"][key] = _schema(model, definitions)
    for key, model in _LISTED.items():
        top["properties"][key] = {"type": "array", "items": _schema(model, definitions)}
    for key, model in _NAMED.items():
        named = {"type": "object", "additionalProperties": _schema(model, definitions)}
        top["properties"][key] = named
    for key in _GROUPS:
        top["properties"][key] = {"type": "object", "additionalProperties": _NAMES}
    _nested(top["properties"], definitions)
    return {"$schema": DIALECT, "title": "agentguard policy", **top, "$defs": definitions}


def _nested(properties: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Fill in the tables that are read one by one inside others."""
    rule = properties["rule"]["items"]["properties"]
    rule["args"] = {"type": "object", "additionalProperties": {"$ref": _CONSTRAINT}}
    rule["resource"] = {"$ref": _CONSTRAINT}
    profile = properties["approval"]["additionalProperties"]["properties"]
    profile["approvers"] = {"type": "array", "items": _schema(ApproverTable, definitions)}
    files = {"type": "array", "items": _schema(RuleFileTable, definitions)}
    properties["detection"]["properties"]["rule_file"] = files
    provider = properties["provider"]["items"]["properties"]
    for key, model in (("evidence", EvidenceTable), ("key", KeyTable)):
        provider[key] = {"type": "array", "items": _schema(model, definitions)}
    egress = properties["egress"]["properties"]
    terms = _schema(TermsTable, definitions)
    for key, each in (("regions", _ONE_OR_NAMES), ("terms", terms)):
        egress[key] = {"type": "object", "additionalProperties": each}
    properties["version"] = {"const": 1}


def _schema(model: type[Table], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one kind of table, its choices moved to the definitions."""
    described = model.model_json_schema(by_alias=True)
    definitions.update(described.get("$defs", {}))
    one_or_many = set(_one_or_many(model))
    properties = {
        name: _plain(field, one_or_many=name in one_or_many)
        for name, field in described["properties"].items()
    }
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**schema, "required": list(model.needed)} if model.needed else schema


def _one_or_many(model: type[Table]) -> Iterator[str]:
    """Yield the keys of lists for which a single item may stand alone."""
    for name, field in model.model_fields.items():
        parts = (field, *get_args(field.annotation))
        metadata = [each for part in parts for each in getattr(part, "__metadata__", ())]
        if any(isinstance(each, BeforeValidator) for each in (*metadata, *field.metadata)):
            yield field.alias or name


def _plain(field: Mapping[str, Any], *, one_or_many: bool) -> dict[str, Any]:
    """Return the schema of one key without the null that stands for its absence in Python."""
    choices = [each for each in field.get("anyOf", [field]) if each.get("type") != "null"]
    kept = [
        {key: item for key, item in each.items() if key not in {"title", "default"}}
        for each in choices
    ]
    if one_or_many:
        return {"anyOf": [kept[0]["items"], kept[0]]}
    return kept[0] if len(kept) == 1 else {"anyOf": kept}


def _constraint() -> dict[str, Any]:
    """Return the schema of a constraint: one kind, with what may stand beside it."""
    kinds = ArgumentTable.kinds
    described = ArgumentTable.model_json_schema(by_alias=True)["properties"]
    properties = {name: _plain(field, one_or_many=False) for name, field in described.items()}
    properties.update(_KINDS)
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "anyOf": [{"required": [kind]} for kind in (*kinds, "from")],
    }


def _range(*types: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": list(types)}, "minItems": 2, "maxItems": 2}


_SCALARS = {
    "type": "array",
    "items": {"type": ["string", "number", "boolean"]},
    "minItems": 1,
}
_ONE_OR_NAMES = {"anyOf": [_NAMES["items"], _NAMES]}
_KINDS: Mapping[str, Any] = {
    "int": _range("integer"),
    "number": _range("number"),
    "decimal": _range("string"),
    "in": _SCALARS,
    "each": _SCALARS,
    "const": {"type": ["string", "number", "boolean"]},
    "path": _ONE_OR_NAMES,
    "host": _ONE_OR_NAMES,
    "email": _ONE_OR_NAMES,
    "length": _range("integer"),
    "items": {"$ref": _CONSTRAINT},
    "members": {"type": "object", "additionalProperties": {"$ref": _CONSTRAINT}},
    "any": {"const": True},
    "forbidden": {"const": True},
    "optional": {"type": "boolean"},
    "from": _ONE_OR_NAMES,
    "else": {"enum": ["approve", "deny"]},
}
