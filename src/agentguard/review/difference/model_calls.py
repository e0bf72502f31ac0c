# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which calls of models do two versions of a policy treat differently?

The sides of a box are the operations that the SDKs' tables list, the names of models, and what a
request refers to. Operations are finitely many; names of models are told apart by the globs; of
what may be referred to, the lists that rules give are enough, since less than what a rule lists is
allowed where the list is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from agentguard.operations import Operation, table_of
from agentguard.operations.table import SDKS, Allowed
from agentguard.policy import Glob, is_glob
from agentguard.policy.rules import CompiledRule
from agentguard.review.difference.boxes import Box
from agentguard.review.difference.changes import Change, Part, Said, Search, told
from agentguard.review.difference.languages import text_kinds
from agentguard.review.difference.patterns import glob_expression
from agentguard.review.difference.versions import (
    Rules,
    Situation,
    Slice,
    Version,
    situations,
)
from agentguard.review.questions import Question
from agentguard.vocabulary import Effect, Kind, Reference

_BY_PAIR_ONLY = frozenset({Kind.SOCKET, Kind.CREDENTIAL, Kind.ADMIN})
_CHOOSES_A_MODEL = frozenset({Kind.INFERENCE, Kind.REMOTE_RUN, Kind.SOCKET, Kind.CREDENTIAL})


def model_changes(before: Version, after: Version, found: Slice, now: datetime) -> list[Change]:
    """Return the differences in calls at one provider."""
    layout = _laid_out((*found.before, *found.after))
    return told(found.identities, found.target, _searches(before, after, found, now, layout))


def _searches(
    before: Version, after: Version, found: Slice, now: datetime, layout: "_Layout"
) -> Iterator[tuple[Said, Said, Search, Situation]]:
    seen: set[object] = set()
    for situation in situations(before, after, found, now):
        ours = _applying(before, found.before, found.target, situation)
        theirs = _applying(after, found.after, found.target, situation)
        key = (tuple(map(id, ours)), tuple(map(id, theirs)))
        if key in seen or not (ours or theirs):
            continue
        seen.add(key)
        search = Search(
            before=before,
            after=after,
            known=layout.known,
            ask=lambda point, situation=situation: layout.question(point, found.target, situation),  # type: ignore[misc]  # bound to this turn
            complete=layout.complete,
        )
        yield layout.said(ours), layout.said(theirs), search, situation


def _applying(version: Version, rules: Rules, target: str, situation: Situation) -> Rules:
    if not version.admits(situation) or not version.is_open(target, situation):
        return ()
    return version.in_force(rules, target, situation)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Layout:
    """The sides of the boxes.

    Attributes:
        operations: one operation for each set that no rule tells apart.
        models: names of models; the last one stands for none.
        named: for each name or glob the models that fit it, as bits.
        references: what a call may refer to.
        complete: whether names of models are told apart exactly.
    """

    operations: tuple[Operation, ...]
    models: tuple[str, ...]
    named: dict[str, int]
    references: tuple[frozenset[Reference], ...]
    complete: bool

    @property
    def known(self) -> Box:
        """The points of which a call can be made: all."""
        return tuple(
            (1 << len(side)) - 1 for side in (self.operations, self.models, self.references)
        )

    def said(self, rules: Rules) -> Said:
        """Return what rules say, as boxes."""
        parts: dict[Effect, list[Part]] = {effect: [] for effect in Effect}
        for rule in rules:
            for box in self._boxes(rule):
                if all(box):
                    parts[rule.spec.effect].append(Part(rule=rule.spec.id, box=box))
        return Said(
            allows=tuple(parts[Effect.ALLOW]),
            asks=tuple(parts[Effect.APPROVE]),
            denies=tuple(parts[Effect.DENY]),
        )

    def _boxes(self, rule: CompiledRule) -> Iterator[Box]:
        denies = rule.spec.effect is Effect.DENY
        every = (1 << len(self.references)) - 1
        models = 0
        for name in rule.spec.models:
            models |= self.named[name]
        operations = self._operations(rule)
        if denies:
            models = models if rule.spec.models else (1 << len(self.models)) - 1
            yield (operations, models, every)
            # A call that leaves the choice to the provider may get a model that is denied.
            yield (operations & self._choosing, self._no_model, every)
            return
        listed = sum(
            1 << place for place, each in enumerate(self.references) if each <= rule.references
        )
        models = models if rule.spec.models else self._no_model
        # What names no model in its body is never asked with one.
        yield (operations & self._naming, models, listed)
        yield (operations & ~self._naming, models & self._no_model, listed)

    @property
    def _no_model(self) -> int:
        return 1 << (len(self.models) - 1)

    @property
    def _choosing(self) -> int:
        return _bits(each.kind in _CHOOSES_A_MODEL for each in self.operations)

    @property
    def _naming(self) -> int:
        return _bits("model" in each.fields or each.verb == "WS" for each in self.operations)

    def _operations(self, rule: CompiledRule) -> int:
        return _bits(_names(rule, each) for each in self.operations)

    def question(self, point: tuple[int, ...], target: str, situation: Situation) -> Question:
        """Return the call of a point."""
        operation, model, references = point
        return Question(
            actor=situation.identity,
            person=situation.person,
            provider=target,
            operation=self.operations[operation].pair,
            model=self.models[model],
            references=tuple(sorted(self.references[references])),
            environment=situation.environment,
            assurance=situation.assurance,
            now=situation.now,
        )


def _bits(flags: Iterator[bool]) -> int:
    return sum(1 << place for place, flag in enumerate(flags) if flag)


def _names(rule: CompiledRule, operation: Operation) -> bool:
    """Say whether a rule is about an operation."""
    if rule.operations is None:
        return True
    names = {operation.pair}
    if rule.spec.effect is Effect.DENY or operation.kind not in _BY_PAIR_ONLY:
        names |= {operation.kind.value, operation.label}
    return not rule.operations.isdisjoint(names)


def _laid_out(rules: Rules) -> _Layout:
    models, named, complete = _models(sorted({name for rule in rules for name in rule.spec.models}))
    every = {frozenset[Reference]()} | {rule.references for rule in rules}
    return _Layout(
        operations=_told_apart(rules),
        models=models,
        named=named,
        references=tuple(sorted(every, key=lambda each: (len(each), sorted(each)))),
        complete=complete,
    )


def _told_apart(rules: Rules) -> tuple[Operation, ...]:
    found: dict[object, Operation] = {}
    for sdk in SDKS:
        for operation in table_of(sdk):
            if operation.allowed is Allowed.NEVER:
                continue
            key = (
                operation.kind in _CHOOSES_A_MODEL,
                "model" in operation.fields or operation.verb == "WS",
                *(_names(rule, operation) for rule in rules),
            )
            found.setdefault(key, operation)
    return tuple(found.values())


def _models(names: Sequence[str]) -> tuple[tuple[str, ...], dict[str, int], bool]:
    """Return names of models that stand for all, and which of them fit each name or glob."""
    kinds = text_kinds(tuple(map(glob_expression, names)))
    found = [name for name in names if not is_glob(name)]
    found += [text for kind in kinds or () for text in kind.texts if text]
    models = (*dict.fromkeys([*found, "another-model"]), "")
    named = {name: _bits(_fits(name, model) for model in models) for name in names}
    return models, named, kinds is not None


def _fits(name: str, model: str) -> bool:
    return Glob(name).matches(model)
