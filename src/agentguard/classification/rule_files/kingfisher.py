# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which rules does a YAML file of Kingfisher hold?

Reads patterns, entropy and the demands on characters. How a file would have a credential
validated or revoked online is not looked at. Rules that are not visible only serve others and are
no findings. Source: the rules documentation,
https://github.com/mongodb/kingfisher/blob/main/docs/RULES.md.
"""

import re
from collections.abc import Mapping
from typing import Any

from agentguard.classification.engine import Rule
from agentguard.classification.rule_files import conditions
from agentguard.classification.rule_files.loading import (
    Condition,
    Imported,
    Problems,
    RuleFileFlawed,
    id_of,
    loaded,
)

_RULE = frozenset(
    {
        "name",
        "id",
        "pattern",
        "min_entropy",
        "confidence",
        "examples",
        "negative_examples",
        "references",
        "categories",
        "description",
        "visible",
        "validation",
        "revocation",
        "depends_on_rule",
        "prevalidated",
        "pattern_requirements",
        "tls_mode",
    }
)
_REQUIREMENTS = frozenset(
    {
        "min_digits",
        "min_uppercase",
        "min_lowercase",
        "min_special_chars",
        "special_chars",
        "ignore_if_contains",
        "checksum",
    }
)
_VALUE = "TOKEN"
_FLAGS = re.compile(r"\(\?([a-z]+)\)")
# What opens a named group, past everything escaped and every class of characters.
_GROUP = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?<(?![=!])", re.DOTALL)


def kingfisher_rules(
    text: str, *, data_class: str, without: frozenset[str] = frozenset()
) -> tuple[Rule, ...]:
    """Return the rules of a file.

    Args:
        text: what the file holds.
        data_class: what a match is.
        without: ids of rules that are left out.

    Raises:
        RuleFileFlawed: it is no such file, or a rule in it cannot be used.
    """
    import yaml

    try:
        # A few lines of anchors that name one another stand for more than fits into memory.
        aliased = any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text))
        table = None if aliased else yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        aliased, table = False, None
    if aliased:
        raise RuleFileFlawed(["it holds YAML aliases; write out what they stand for"])
    if not isinstance(table, Mapping):
        raise RuleFileFlawed(["it is no YAML with a member 'rules'"])
    problems = Problems()
    problems.unknown(table, frozenset({"rules"}), "file")
    tables = [
        each for each in problems.tables(table, "rules", "file") if each.get("visible") is not False
    ]
    imported = [_imported(each, problems) for each in tables if id_of(each) not in without]
    left_out = frozenset(id_of(each) for each in tables if id_of(each) in without)
    return loaded(imported, data_class, without - left_out, problems)


def _imported(table: Mapping[str, Any], problems: Problems) -> Imported:
    name = problems.text(table, "id", "a rule")
    place = f"rule {name!r}"
    if not name:
        problems.found.append("a rule has no id")
    problems.unknown(table, _RULE, place)
    written = problems.text(table, "pattern", place)
    if not written:
        problems.found.append(f"{place} has no pattern")
    pattern = compact(written)
    return Imported(
        name=name,
        pattern=pattern,
        group=_VALUE if f"(?P<{_VALUE}>" in pattern else None,
        conditions=(
            conditions.entropy_above(problems.number(table, "min_entropy", place)),
            *_required(table, place, problems),
        ),
    )


def _required(table: Mapping[str, Any], place: str, problems: Problems) -> tuple[Condition, ...]:
    required = next(iter(problems.tables(table, "pattern_requirements", place)), {})
    problems.unknown(required, _REQUIREMENTS, place)
    if "special_chars" in required:
        problems.found.append(f"{place}: 'special_chars' cannot be chosen; leave it out")
    kinds = {
        ours: problems.whole(required, theirs, place)
        for ours, theirs in (
            ("digits", "min_digits"),
            ("upper", "min_uppercase"),
            ("lower", "min_lowercase"),
            ("special", "min_special_chars"),
        )
    }
    words = problems.texts(required, "ignore_if_contains", place)
    return (conditions.characters(**kinds), conditions.without_words(words))


def compact(pattern: str) -> str:
    """Return a pattern without the blanks and comments of verbose mode, which RE2 does not have.

    A pattern without the flag ``x`` comes back as it is, blanks around it aside.
    """
    pattern = pattern.strip()
    flags = _FLAGS.match(pattern)
    if flags is None or "x" not in flags[1]:
        return _with_named_groups(pattern)
    kept = flags[1].replace("x", "")
    body = _without_layout(pattern[flags.end() :])
    return (f"(?{kept})" if kept else "") + _with_named_groups(body)


def _with_named_groups(pattern: str) -> str:
    """Return a pattern whose named groups are written as RE2 writes them."""
    return _GROUP.sub(lambda found: "(?P<" if found[0] == "(?<" else found[0], pattern)


def _without_layout(pattern: str) -> str:
    parts: list[str] = []
    in_class = False
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "\\":
            parts.append(pattern[at : at + 2])
            at += 2
            continue
        if not in_class and character == "#":
            end = pattern.find("\n", at)
            at = len(pattern) if end < 0 else end
            continue
        if in_class or not character.isspace():
            parts.append(character)
        if character == "[" and not in_class:
            in_class = True
            # A bracket that closes stands for itself as the first of a class.
            behind = pattern[at + 1 : at + 3]
            extra = 2 if behind[:2] == "^]" else 1 if behind[:1] in ("]", "^") else 0
            parts.append(pattern[at + 1 : at + 1 + extra])
            at += extra
        elif character == "]":
            in_class = False
        at += 1
    return "".join(parts)
