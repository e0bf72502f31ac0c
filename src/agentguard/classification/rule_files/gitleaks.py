# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which rules does a TOML file of gitleaks hold?

Reads the format that gitleaks and betterleaks share. Allow lists of values, matches and lines
apply; those of paths and commits say nothing about a text, and a rule that looks at paths alone
is told as one to leave out. Source: the "Configuration" section of the gitleaks documentation,
https://github.com/gitleaks/gitleaks#configuration.
"""

import tomllib
from collections.abc import Mapping
from typing import Any

from agentguard.classification.engine import Pattern, Rule
from agentguard.classification.rule_files import conditions
from agentguard.classification.rule_files.loading import (
    Condition,
    Imported,
    Problems,
    RuleFileFlawed,
    id_of,
    loaded,
)

_FILE = frozenset(
    {"title", "description", "minVersion", "extend", "rules", "allowlist", "allowlists"}
)
_RULE = frozenset(
    {
        "id",
        "description",
        "regex",
        "secretGroup",
        "entropy",
        "keywords",
        "path",
        "tags",
        "allowlist",
        "allowlists",
    }
)
_ALLOW = frozenset(
    {
        "description",
        "condition",
        "commits",
        "paths",
        "regexTarget",
        "regexes",
        "stopwords",
        "targetRules",
    }
)
_EXTENDS = "it extends another file; list that file itself"


def gitleaks_rules(
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
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleFileFlawed([f"it is no TOML: {error}"]) from None
    except (ValueError, RecursionError):
        raise RuleFileFlawed(["it holds a number or a nesting that is too large"]) from None
    problems = Problems()
    problems.unknown(table, _FILE, "file")
    if table.get("extend"):
        problems.found.append(_EXTENDS)
    shared = [
        (each, frozenset(problems.texts(each, "targetRules", "allowlist")))
        for key in ("allowlist", "allowlists")
        for each in problems.tables(table, key, "file")
    ]
    imported = [
        _imported(each, [allow for allow, ids in shared if not ids or id_of(each) in ids], problems)
        for each in problems.tables(table, "rules", "file")
        if id_of(each) not in without
    ]
    left_out = frozenset(
        id_of(each) for each in problems.tables(table, "rules", "file") if id_of(each) in without
    )
    return loaded(imported, data_class, without - left_out, problems)


def _imported(
    table: Mapping[str, Any], shared: list[Mapping[str, Any]], problems: Problems
) -> Imported:
    name = problems.text(table, "id", "a rule")
    place = f"rule {name!r}"
    if not name:
        problems.found.append("a rule has no id")
    problems.unknown(table, _RULE, place)
    pattern = problems.text(table, "regex", place)
    if not pattern:
        problems.found.append(f"{place} looks at names of files alone; leave it out")
    if table.get("path"):
        problems.found.append(f"{place} applies to certain files alone; leave it out")
    group = problems.whole(table, "secretGroup", place)
    allowed = [
        *shared,
        *problems.tables(table, "allowlist", place),
        *problems.tables(table, "allowlists", place),
    ]
    compiled = problems.pattern(pattern, place) if pattern and allowed else None
    exempt = tuple(
        condition for allow in allowed for condition in _exemption(allow, compiled, place, problems)
    )
    return Imported(
        name=name,
        pattern=pattern,
        group=group or None,
        keywords=problems.texts(table, "keywords", place),
        conditions=(
            conditions.entropy_above(problems.number(table, "entropy", place)),
            *((conditions.none_of(exempt),) if exempt else ()),
        ),
    )


def _exemption(
    allow: Mapping[str, Any], rule: Pattern | None, place: str, problems: Problems
) -> tuple[Condition, ...]:
    """Return when an allow list lets a value pass, nothing when it can say so of no text."""
    place = f"{place}, allow list"
    problems.unknown(allow, _ALLOW, place)
    target = problems.text(allow, "regexTarget", place)
    if target not in ("", "secret", "match", "line"):
        problems.found.append(f"{place}: 'regexTarget' must be 'match' or 'line'")
    both = problems.text(allow, "condition", place).upper() in ("AND", "&&")
    parts: list[Condition] = []
    regexes = [
        _targeted(compiled, target, rule)
        for written in problems.texts(allow, "regexes", place)
        if (compiled := problems.pattern(written, place)) is not None
    ]
    if regexes:
        parts.append(conditions.any_of(tuple(regexes)))
    words = problems.texts(allow, "stopwords", place)
    if words:
        without = conditions.without_words(words)
        parts.append(conditions.none_of((without,)))
    if both and (allow.get("paths") or allow.get("commits")):
        return ()
    return (conditions.all_of(tuple(parts)),) if both and parts else tuple(parts)


def _targeted(pattern: Pattern, target: str, rule: Pattern | None) -> Condition:
    if target == "line":
        return conditions.line_matches(pattern)
    if target == "match" and rule is not None:
        return conditions.whole_match_matches(rule, pattern)
    return conditions.value_matches(pattern)
