# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a proposed rule written, so that somebody can read it and a policy file can hold it?

Gives TOML with a comment for each constraint: what stands behind it, and what is to be looked at.

INVARIANT: what is written is read as the rule that was proposed
(tests/config/test_learned_rules.py).
INVARIANT: no character that a reader could not see is written as it is (same file).
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from re import fullmatch

from agentguard.policy import (
    AllOf,
    Anything,
    ArgumentSpec,
    Const,
    Constraint,
    DecimalBetween,
    Each,
    EmailAt,
    EqualsClaim,
    IntBetween,
    Items,
    Length,
    Match,
    Members,
    NumberBetween,
    OneOf,
    PathBelow,
    Prefix,
    RuleSpec,
    UrlParts,
)
from agentguard.review.lessons import Proposal, Support

# Categories of characters that are written as escapes, beside those that TOML wants so.
_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Co", "Cn", "Cs"})
_BASIC = 0xFFFF


def proposal_text(proposal: Proposal) -> str:
    """Return a proposed rule as TOML."""
    return "\n".join(_lines(proposal)) + "\n"


def _lines(proposal: Proposal) -> Iterator[str]:
    rule = proposal.rule
    yield (
        f"# learned from {proposal.calls} calls; persons {proposal.persons},"
        f" sessions {proposal.sessions}, days {proposal.days}"
    )
    for caution in proposal.cautions:
        yield f"# look at this: {_visible(caution)}"
    support = {each.name: each for each in proposal.support}
    yield "[[rule]]"
    yield f"id = {_text(rule.id)}"
    yield f"who = {_texts(rule.who)}"
    if rule.persons:
        yield f"for = {_texts(rule.persons)}"
    yield from _target(rule, support)
    for each in rule.arguments:
        yield from _explained(support.get(f"args.{each.name}"))
        yield f"args.{_key(each.name)} = {_argument(each)}"
    if rule.resource is not None:
        yield from _explained(support.get("resource"))
        yield f"resource = {_table(_members(rule.resource))}"
    yield from _confines(rule)
    yield f"then = {_text(rule.effect)}"
    if rule.approval is not None:
        yield f"approval = {_text(rule.approval)}"


def _target(rule: RuleSpec, support: Mapping[str, Support]) -> Iterator[str]:
    if rule.tools:
        yield f"tool = {_texts(rule.tools)}"
        return
    yield f"provider = {_texts(rule.providers)}"
    for name, words in (
        ("model", rule.models),
        ("operation", rule.operations or ()),
        ("references", rule.references),
    ):
        if words:
            yield from _explained(support.get(name))
            yield f"{name} = {_texts(words)}"


def _confines(rule: RuleSpec) -> Iterator[str]:
    if rule.environments:
        yield f"environments = {_texts(sorted(rule.environments))}"
    if rule.assurance is not None:
        yield f"assurance = {_text(rule.assurance)}"
    if rule.limits:
        yield f"limits = {_texts(rule.limits)}"


def _explained(support: Support | None) -> Iterator[str]:
    if support is None:
        return
    yield (
        f"# {_visible(support.name)}: {_visible(support.how)}; {support.calls} calls,"
        f" {support.values} different values, persons {support.persons}, days {support.days}"
    )
    if support.caution is not None:
        yield f"# look at this: {_visible(support.caution)}"


# --- constraints


def _argument(spec: ArgumentSpec) -> str:
    members = _members(spec.constraint)
    return _table({**members, "optional": "true"} if spec.optional else members)


def _members(constraint: Constraint) -> dict[str, str]:
    """Return the members of the table that stands for a constraint."""
    if isinstance(constraint, AllOf):
        return {key: each for part in constraint.parts for key, each in _members(part).items()}
    if isinstance(constraint, Items):
        counts = {"least": str(constraint.least), "most": str(constraint.most)}
        unique = {"unique": "true"} if constraint.unique else {}
        return {"items": _table(_members(constraint.item)), **counts, **unique}
    if isinstance(constraint, Members):
        inside = {
            name: _table({**_members(member), **({"optional": "true"} if optional else {})})
            for name, member, optional in constraint.members
        }
        return {"members": _table(inside)}
    if isinstance(constraint, Each):
        counts = {"least": str(constraint.least), "most": str(constraint.most)}
        return {"each": _list(map(_scalar, constraint.options)), **counts}
    found = _value_members(constraint) or _number_members(constraint)
    return found or _text_members(constraint)


def _value_members(constraint: Constraint) -> dict[str, str]:
    if isinstance(constraint, Const):
        return {"const": _scalar(constraint.value)}
    if isinstance(constraint, OneOf):
        return {"in": _list(map(_scalar, constraint.options))}
    return {"any": "true"} if isinstance(constraint, Anything) else {}


def _number_members(constraint: Constraint) -> dict[str, str]:
    if isinstance(constraint, IntBetween):
        return {"int": f"[{constraint.low}, {constraint.high}]"}
    if isinstance(constraint, NumberBetween):
        return {"number": _list(map(_scalar, (constraint.low, constraint.high)))}
    if isinstance(constraint, DecimalBetween):
        bounds = {"decimal": _list(map(_decimal, (constraint.low, constraint.high)))}
        return bounds if constraint.places is None else {**bounds, "places": str(constraint.places)}
    if isinstance(constraint, Length):
        return {"length": f"[{constraint.least}, {constraint.most}]"}
    return {}


def _text_members(constraint: Constraint) -> dict[str, str]:
    if isinstance(constraint, Match):
        return {"match": _text(constraint.pattern)}
    if isinstance(constraint, Prefix):
        return {"prefix": _text(constraint.text)}
    if isinstance(constraint, EmailAt):
        return {"email": _texts(constraint.domains)}
    if isinstance(constraint, PathBelow):
        return {"path": _texts(constraint.roots)}
    if isinstance(constraint, UrlParts):
        return {"url": _table(_url(constraint))}
    if isinstance(constraint, EqualsClaim):
        return {"claim": _text(f"{constraint.holder}.{constraint.claim}")}
    raise TypeError(f"{type(constraint).__name__} is not learned")


def _url(url: UrlParts) -> dict[str, str]:
    members = {"hosts": _texts(url.hosts)}
    for name, words in (("schemes", url.schemes), ("paths", url.paths)):
        if words:
            members[name] = _texts(words)
    if url.ports:
        members["ports"] = _list(map(str, url.ports))
    return members if url.query else {**members, "query": "false"}


# --- TOML


def _table(members: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{_key(name)} = {value}" for name, value in members.items()) + " }"


def _list(items: Iterable[str]) -> str:
    return "[" + ", ".join(items) + "]"


def _texts(words: Iterable[str]) -> str:
    return _list(map(_text, words))


def _key(name: str) -> str:
    return name if fullmatch("[A-Za-z0-9_-]+", name) else _text(name)


def _scalar(value: bool | float | str) -> str:  # noqa: FBT001 - a value of any type
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def _decimal(value: Decimal) -> str:
    return _text(format(value, "f"))


def _text(text: str) -> str:
    # Patterns are read more easily where a backslash is one.
    if "\\" in text and "'" not in text and not any(map(_is_hidden, text)):
        return f"'{text}'"
    quoted = json.dumps(str(text), ensure_ascii=False)
    return "".join(_escape(char) if _is_hidden(char) else char for char in quoted)


def _visible(text: str) -> str:
    return "".join(_escape(char) if _is_hidden(char) else char for char in text)


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in _HIDDEN


def _escape(char: str) -> str:
    number = ord(char)
    return f"\\u{number:04X}" if number <= _BASIC else f"\\U{number:08X}"
