# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a file of cases, or a call written down in JSON, ask of a policy?

Reads calls as they are written for ``policy explain`` and ``policy test``; unknown keys and
implicit conversions are mistakes, and every mistake is told with its place.
It asks no policy.

INVARIANT: a mistake is told with file, key and line (tests/config/test_cases.py).
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path as FilePath
from typing import Annotated, Any, ClassVar

from pydantic import Field

from agentguard.canonical import Frozen
from agentguard.config.document import Name, OneOrMany, Table, Tell, read_table
from agentguard.config.durations import EXPECTED_TIME, point_in_time
from agentguard.config.identities import frozen_table
from agentguard.config.positions import Positions
from agentguard.config.reading import VERSION
from agentguard.config.report import Report
from agentguard.config.toml_files import parsed
from agentguard.errors import ConfigError, Problem
from agentguard.policy import Path, PolicyDocument
from agentguard.review.cases import Expectation
from agentguard.review.questions import ACTOR, PERSON, Question, strays
from agentguard.vocabulary import Assurance, Effect, Reference

SUFFIX = ".tests.toml"


class _Asked(Table):
    """A table that stands in no policy file."""


class HostedUseTable(_Asked):
    """One use of a tool that runs at the provider."""

    needed = ("type",)
    type: Name | None = None
    args: dict[str, Any] | None = None


class QuestionTable(_Asked):
    """A call."""

    needed: ClassVar[tuple[str, ...]] = ("as",)
    actor: Name | None = Field(default=None, alias="as")
    person: Name | None = Field(default=None, alias="for")
    through: OneOrMany | None = None
    tool: Name | None = None
    args: dict[str, Any] | None = None
    definition: Name | None = None
    provider: Name | None = None
    operation: Name | None = None
    model: Name | None = None
    references: list[Annotated[Reference, Field(strict=False)]] | None = None
    hosted: list[Any] | None = None
    environment: Name | None = None
    assurance: Assurance | None = Field(default=None, strict=False)
    claims: dict[str, dict[str, Any]] | None = None
    resource: OneOrMany | None = None
    paths: dict[str, str] | None = None
    spent: dict[str, Any] | None = None
    origins: dict[str, OneOrMany] | None = None
    conversation: OneOrMany | None = None
    at: Any = None


class CaseTable(QuestionTable):
    """``[[case]]``."""

    needed = ("as", "name", "expect")
    name: Name | None = None
    expect: Effect | None = Field(default=None, strict=False)
    rule: Name | None = None


class CaseFile(_Asked):
    """The top of a file of cases."""

    version: int | None = None
    case: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """A file of cases as it was read.

    Attributes:
        expectations: the cases, in the order of the file.
        report: tells further mistakes with their place in the file.
    """

    expectations: tuple[Expectation, ...]
    report: Report

    def refuse_strays(self, document: PolicyDocument) -> None:
        """Refuse cases that name what the policy does not declare.

        Raises:
            ConfigError: some do; it lists every problem.
        """
        rules = {each.id for each in document.rules} | {each.id for each in document.flows}
        for index, each in enumerate(self.expectations):
            for key, message in strays(document, each.question):
                self.report.add(("case", index, key), message)
            if each.rule is not None and each.rule not in rules:
                message = f"rule {each.rule!r} is not in the policy"
                self.report.add(("case", index, "rule"), message)
        if self.report.problems:
            raise ConfigError(self.report.problems)


def cases_beside(policy: str | os.PathLike[str]) -> FilePath:
    """Return where the cases of a policy file are looked for."""
    return FilePath(policy).with_suffix(SUFFIX)


def load_cases(path: str | os.PathLike[str]) -> Cases:
    """Read a file of cases.

    Raises:
        ConfigError: the file cannot be used; it lists a syntax error, or else every problem.
    """
    text, tables, problem = parsed(FilePath(path))
    if problem is not None:
        raise ConfigError([problem])
    report = Report(str(path), Positions(text))
    file = read_table(CaseFile, tables, (), report.add)
    listed = file.case if isinstance(file.case, list) else []
    if not listed:
        report.add(("case",), "must be written as [[case]] tables, and there must be one")
    if file.version not in {None, VERSION}:
        report.add(("version",), f"must be {VERSION}")
    expectations: list[Expectation] = []
    for index, value in enumerate(listed):
        place: Path = ("case", index)
        table = read_table(CaseTable, value, place, report.add)
        if any(table.name == other.name for other in expectations):
            report.add((*place, "name"), "is the name of another case, too")
        expectations.append(
            Expectation(
                name=table.name or "",
                question=_question(table, place, report.add),
                effect=table.expect or Effect.DENY,
                rule=table.rule,
            )
        )
    if report.problems:
        raise ConfigError(report.problems)
    return Cases(expectations=tuple(expectations), report=report)


def questions_in(text: str, source: str) -> tuple[Question, ...]:
    """Return the calls that a JSON text asks about: one object, or a list of them.

    Args:
        text: the text.
        source: what the text is called in errors.

    Raises:
        ConfigError: the text asks about no call; it lists every problem.
    """
    value, problem, line = _of_json(text)
    if problem:
        raise ConfigError([Problem(file=source, key="", line=line, message=problem)])
    report = Report(source, Positions(text, is_json=True))
    if value == []:
        report.add((), "holds no call: write one as an object, or several in a list")
    found = []
    for index, each in enumerate(value if isinstance(value, list) else [value]):
        place: Path = (index,) if isinstance(value, list) else ()
        found.append(
            _question(read_table(QuestionTable, each, place, report.add), place, report.add)
        )
    if report.problems:
        raise ConfigError(report.problems)
    return tuple(found)


def _of_json(text: str) -> tuple[object, str, int | None]:
    """Return what a text means, or what is wrong with it, and on which line."""
    # The errors hold the text: they end here.
    try:
        return json.loads(text, object_pairs_hook=_without_doubles), "", None
    except json.JSONDecodeError as error:
        return None, "is not JSON from here on", error.lineno
    except _Doubled as doubled:
        return None, f"holds the key {doubled.key!r} twice in one object", None
    except (ValueError, RecursionError):
        return None, "holds a number or a nesting that is too large", None


class _Doubled(Exception):
    """An object names a key twice; two readers would take different values."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table: dict[str, object] = {}
    for key, value in pairs:
        if key in table:
            raise _Doubled(key)
        table[key] = value
    return table


def _question(table: QuestionTable, path: Path, tell: Tell) -> Question:
    """Return the call that a table asks about, with stand-ins for what is wrong."""
    if (table.tool is None) == (table.provider is None):
        tell((*path, "tool"), "exactly one of 'tool' and 'provider' is needed")
    _refuse_strangers(table, path, tell)
    for holder in (table.claims or {}).keys() - {PERSON, ACTOR}:
        tell((*path, "claims", holder), f"must be {PERSON!r} or {ACTOR!r}")
    return Question(
        actor=table.actor or "",
        person=table.person,
        through=tuple(table.through or ()),
        tool=table.tool if table.tool or table.provider else "",
        arguments=frozen_table(table.args or {}, (*path, "args"), tell),
        definition=table.definition,
        provider=table.provider,
        operation=table.operation or "chat",
        model=table.model or "",
        references=tuple(table.references or ()),
        hosted=tuple(_hosted(table, path, tell)),
        environment=table.environment,
        assurance=table.assurance or Assurance.DECLARED,
        claims={
            holder: frozen_table(claims, (*path, "claims", holder), tell)
            for holder, claims in (table.claims or {}).items()
        },
        resources=None if table.resource is None else tuple(table.resource),
        paths=dict(table.paths or {}),
        spent=_spent(table.spent or {}, (*path, "spent"), tell),
        origins={name: tuple(words) for name, words in (table.origins or {}).items()},
        conversation=tuple(table.conversation or ()),
        now=_read(_instant, table.at, (*path, "at"), tell),
    )


def _refuse_strangers(table: QuestionTable, path: Path, tell: Tell) -> None:
    """Tell keys that belong to the other kind of call, lest they be taken to count."""
    strangers: tuple[str, ...] = ("operation", "model", "references", "hosted")
    if table.provider is not None:
        strangers = ("args", "definition", "resource", "origins")
    for key in strangers:
        if getattr(table, key) is not None:
            kind = "a tool" if table.provider is not None else "a model"
            tell((*path, key), f"belongs to a call of {kind}")


def _hosted(table: QuestionTable, path: Path, tell: Tell) -> list[tuple[str, Mapping[str, Frozen]]]:
    found = []
    for index, value in enumerate(table.hosted or ()):
        place = (*path, "hosted", index)
        use = read_table(HostedUseTable, value, place, tell)
        found.append((use.type or "", frozen_table(use.args or {}, (*place, "args"), tell)))
    return found


def _spent(table: Mapping[str, Any], path: Path, tell: Tell) -> dict[str, Decimal]:
    return {
        name: _read(_amount, value, (*path, name), tell) or Decimal()
        for name, value in table.items()
    }


def _read(reading: Callable[[object], Any], value: object, path: Path, tell: Tell) -> Any:
    try:
        return reading(value)
    except ValueError as error:
        tell(path, str(error))
        return None


def _amount(value: object) -> Decimal:
    problem = "must be an integer, or a decimal number in quotes, and not negative"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(problem)  # noqa: TRY004 - a mistake in a file, told like the others
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise ValueError(problem) from None
    if not amount.is_finite() or amount < 0:
        raise ValueError(problem)
    return amount


def _instant(value: object) -> datetime | None:
    """Return a point in time: of a day its beginning, UTC."""
    if isinstance(value, str):
        value = point_in_time(value)
        if value is None:
            raise ValueError(EXPECTED_TIME)
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise ValueError(EXPECTED_TIME)
