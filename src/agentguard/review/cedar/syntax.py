# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is this written in Cedar?

Texts, entities, sets and attributes in Cedar's syntax. Names come from a policy file and may hold
any character.

INVARIANT: no name ends the text that it stands in (tests/review/test_cedar_syntax.py).
"""

import re
from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SPECIAL = re.compile(r"""["\\]|[^ -~]""")
_RESERVED = frozenset({"true", "false", "if", "then", "else", "in", "is", "like", "has"})
_INDENT = "  "


def text(value: str) -> str:
    """Return a string literal."""
    return f'"{_escaped(value)}"'


def pattern(glob: str) -> str:
    """Return a pattern of ``like`` for a glob, whose only wildcard is ``*`` in both languages."""
    return f'"{"*".join(map(_escaped, glob.split("*")))}"'


def beginning(prefix: str) -> str:
    """Return a pattern of ``like`` for every text that begins with *prefix*."""
    return f'"{_escaped(prefix).replace("*", chr(92) + "*")}*"'


def _escaped(value: str) -> str:
    return _SPECIAL.sub(_escaped_character, value)


def _escaped_character(found: re.Match[str]) -> str:
    character = found[0]
    return "\\" + character if character in '"\\' else f"\\u{{{ord(character):x}}}"


def entity(kind: str, name: str) -> str:
    """Return the name of an entity."""
    return f"{kind}::{text(name)}"


def set_of(items: Iterable[str]) -> str:
    """Return a set of expressions; Cedar has none without an item."""
    return f"[{', '.join(items)}]"


def texts(names: Iterable[str]) -> str:
    """Return a set of string literals, sorted."""
    return set_of(map(text, sorted(set(names))))


def key(name: str) -> str:
    """Return a name as an attribute is called after ``has`` and in a schema."""
    is_plain = _PLAIN.fullmatch(name) and name not in _RESERVED and not name.startswith("__cedar")
    return name if is_plain else text(name)


def member(record: str, name: str) -> str:
    """Return the attribute of a record."""
    written = key(name)
    return f"{record}.{written}" if written == name else f"{record}[{written}]"


def has(record: str, name: str) -> str:
    """Return whether a record has an attribute."""
    return f"{record} has {key(name)}"


def within(names: Iterable[str], given: str) -> str:
    """Return whether the set *given* holds nothing but these names."""
    listed = tuple(names)
    return f"{texts(listed)}.containsAll({given})" if listed else f"{given}.isEmpty()"


def all_of(conditions: Iterable[str]) -> str:
    """Return the conjunction of conditions, in parentheses where there are several."""
    return _joined(tuple(conditions), " && ", "true")


def any_of(conditions: Iterable[str]) -> str:
    """Return the disjunction of conditions, in parentheses where there are several."""
    return _joined(tuple(conditions), " || ", "false")


def _joined(conditions: tuple[str, ...], word: str, nothing: str) -> str:
    if not conditions:
        return nothing
    return conditions[0] if len(conditions) == 1 else f"({word.join(conditions)})"


def negated(condition: str) -> str:
    """Return the negation of a condition."""
    return f"!{condition}" if _is_enclosed(condition) else f"!({condition})"


def _is_enclosed(condition: str) -> bool:
    """Say whether a condition stands in one pair of parentheses; those in texts count as well."""
    if not condition.startswith("(") or '"' in condition:
        return False
    depth = 0
    for position, character in enumerate(condition):
        depth += (character == "(") - (character == ")")
        if not depth:
            return position == len(condition) - 1
    return False


def statement(
    verdict: str, head: tuple[str, str, str], conditions: Iterable[str], notes: dict[str, str]
) -> str:
    """Return a policy.

    Args:
        verdict: ``permit`` or ``forbid``.
        head: what it says of principal, action and resource.
        conditions: what must hold as well, all of it.
        notes: its annotations.
    """
    lines = [f"@{name}({text(value)})" for name, value in notes.items()]
    lines.append(f"{verdict} (")
    lines.append(",\n".join(_INDENT + part for part in head))
    lines.append(")")
    wanted = tuple(conditions)
    if wanted:
        lines.append("when {")
        lines.append(" &&\n".join(_INDENT + part for part in wanted))
        lines.append("}")
    return "\n".join(lines) + ";\n"
