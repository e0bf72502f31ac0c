# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do two versions of a policy say about the same callers, and where do they differ at all?

Identities that the same rules name are looked at once. Rules are compared by what they say: their
ids, and how they name identities, persons and tools, do not matter.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import product

from agentguard.canonical import canonical_bytes
from agentguard.policy import IdentitySpec, PolicyDocument, ProviderSpec, ToolSpec, compile_policy
from agentguard.policy.constraints import are_disjoint
from agentguard.policy.decision import Policy
from agentguard.policy.document.forms import rule_form
from agentguard.policy.rules import CompiledRule, compile_rules
from agentguard.review.difference.leaves import compares_with_ids, constants, leaves
from agentguard.vocabulary import Assurance, Effect

SOMEBODY = "user:somebody"

Rules = tuple[CompiledRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Who calls, for whom, where and when: everything but the call.

    Attributes:
        identity: who calls.
        person: for whom, None for nobody.
        environment: where; None where no version has environments.
        assurance: how surely both are known.
        now: when.
        definition: the digest of the tool's definition; None where none is pinned.
    """

    identity: str
    person: str | None
    environment: str | None
    assurance: Assurance
    now: datetime
    definition: str | None = None

    @property
    def today(self) -> date:
        """The day, UTC."""
        return self.now.astimezone(UTC).date()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Version:
    """One version of a policy, laid out to be compared.

    Attributes:
        document: what it says.
        policy: the same, compiled.
        identities: the declared identities.
        tools: the declared tools.
        providers: the declared providers.
        named: for each identity the sets of rules that name it, by number.
        sets: the sets, each by tool or provider.
        compares_ids: whether some rule compares an argument with the id of a principal.
        confined: the declared persons that are tied to environments, with these.
    """

    document: PolicyDocument
    policy: Policy
    identities: Mapping[str, IdentitySpec]
    tools: Mapping[str, ToolSpec]
    providers: Mapping[str, ProviderSpec]
    named: Mapping[str, tuple[int, ...]]
    sets: tuple[Mapping[str, Rules], ...]
    compares_ids: bool
    confined: tuple[tuple[str, ...], ...]
    _keys: dict[int, bytes] = field(default_factory=dict, repr=False)

    def rules_for(self, sets: tuple[int, ...]) -> dict[str, Rules]:
        """Return the rules of some sets, by tool or provider."""
        found: dict[str, list[CompiledRule]] = {}
        for number in sets:
            for target, rules in self.sets[number].items():
                found.setdefault(target, []).extend(rules)
        return {target: tuple(rules) for target, rules in found.items()}

    def says(self, rule: CompiledRule) -> bytes:
        """Return what is equal for rules that say the same to whoever they name."""
        if id(rule) not in self._keys:
            form = rule_form(rule.spec)
            if not isinstance(form, Mapping):  # pragma: no cover - the form is a table
                raise TypeError
            limits = {each.name: (each.calls, each.sum, str(each.most)) for each in rule.limits}
            named = {
                **form,
                "who": (),
                "tools": (),
                "impacts": (),
                "providers": (),
                "for": (tuple(sorted(rule.persons)), rule.anybody),
                "limits": limits,
            }
            self._keys[id(rule)] = canonical_bytes(named)
        return self._keys[id(rule)]

    def admits(self, situation: Situation) -> bool:
        """Say whether anybody may call anything in a situation."""
        here = situation.environment
        environments = self.document.environments
        if situation.identity not in self.identities or (environments and here not in environments):
            return False
        for name in (situation.identity, situation.person or ""):
            identity = self.identities.get(name)
            if identity is not None and not _is_here(identity.environments, here):
                return False
        return True

    def is_open(self, target: str, situation: Situation) -> bool:
        """Say whether a tool or a provider is declared and may be reached in a situation."""
        found = self.tools.get(target) or self.providers.get(target)
        return found is not None and _is_here(found.environments, situation.environment)

    def in_force(self, rules: Rules, target: str, situation: Situation) -> Rules:
        """Return those of the rules about a target that may apply in a situation."""
        tool = self.tools.get(target)
        pinned = tool is None or tool.definition in (None, situation.definition)
        return tuple(
            rule
            for rule in rules
            if rule.acts_for(situation.person)
            and _is_here(rule.spec.environments, situation.environment)
            and (
                rule.spec.assurance is None or situation.assurance.is_at_least(rule.spec.assurance)
            )
            and _is_over(rule, situation.today)
            and (pinned or rule.spec.effect is Effect.DENY)
        )


def _is_here(environments: frozenset[str], here: str | None) -> bool:
    return not environments or here in environments


def _is_over(rule: CompiledRule, today: date) -> bool:
    until = rule.spec.shadow_until
    return until is None or (rule.spec.effect is not Effect.ALLOW and today > until)


def version_of(document: PolicyDocument) -> Version:
    """Lay a version out."""
    by_who: dict[frozenset[str], dict[str, list[CompiledRule]]] = {}
    for rule in compile_rules(document):
        group = by_who.setdefault(rule.who, {})
        for target in dict.fromkeys((*rule.tools, *rule.spec.providers)):
            group.setdefault(target, []).append(rule)
    named: dict[str, list[int]] = {each.id: [] for each in document.identities}
    for number, who in enumerate(by_who):
        for identity in who & named.keys():
            named[identity].append(number)
    return Version(
        document=document,
        policy=compile_policy(document),
        identities={each.id: each for each in document.identities},
        tools={each.name: each for each in document.tools},
        providers={each.id: each for each in document.providers},
        named={identity: tuple(numbers) for identity, numbers in named.items()},
        sets=tuple(
            {target: tuple(rules) for target, rules in group.items()} for group in by_who.values()
        ),
        compares_ids=_compares_ids(document),
        confined=tuple(
            sorted(
                (each.id, *sorted(each.environments))
                for each in document.identities
                if each.environments and each.id.startswith("user:")
            )
        ),
    )


def _compares_ids(document: PolicyDocument) -> bool:
    return any(
        compares_with_ids(constraint)
        for rule in document.rules
        for constraint in (
            *(each.constraint for each in rule.arguments),
            *(() if rule.resource is None else (rule.resource,)),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slice:
    """What both versions say about some identities and one tool or provider.

    Attributes:
        identities: the identities, for which both versions say the same.
        target: the tool or provider.
        before: the rules of the first version.
        after: the rules of the second.
    """

    identities: tuple[str, ...]
    target: str
    before: Rules
    after: Rules


def slices(before: Version, after: Version) -> Iterator[Slice]:
    """Return where the versions differ, as far as rules and what they rest on are written."""
    apart = before.compares_ids or after.compares_ids
    alike: dict[object, list[str]] = {}
    for identity in sorted({*before.named, *after.named}):
        key = (
            *_standing(before, identity),
            *_standing(after, identity),
            identity if apart else None,
        )
        alike.setdefault(key, []).append(identity)
    same_places = set(before.document.environments) == set(after.document.environments)
    for identities in alike.values():
        one = before.rules_for(before.named.get(identities[0], ()))
        other = after.rules_for(after.named.get(identities[0], ()))
        same_places_here = (
            same_places
            and _standing(before, identities[0])[1:] == _standing(after, identities[0])[1:]
        )
        for target in sorted({*one, *other}):
            found = Slice(
                identities=tuple(identities),
                target=target,
                before=one.get(target, ()),
                after=other.get(target, ()),
            )
            if not (same_places_here and _says_the_same(before, after, found)):
                yield _narrowed(before, after, found) if same_places_here else found


def _standing(version: Version, identity: str) -> tuple[object, ...]:
    spec = version.identities.get(identity)
    if spec is None:
        return ((), False, None)
    return (version.named[identity], True, tuple(sorted(spec.environments)))


def _says_the_same(before: Version, after: Version, found: Slice) -> bool:
    left, right = _facts(before, found.target), _facts(after, found.target)
    return left == right and {before.says(rule) for rule in found.before} == {
        after.says(rule) for rule in found.after
    }


def _narrowed(before: Version, after: Version, found: Slice) -> Slice:
    """Return a slice without the rules that cannot apply where the versions differ.

    Where they differ, a rule applies that only one of them has. A rule that both have and that
    can never apply together with such a one does not matter there, and elsewhere it is the same
    for both.
    """
    if _facts(before, found.target) != _facts(after, found.target):
        return found
    ours = {before.says(rule) for rule in found.before}
    theirs = {after.says(rule) for rule in found.after}
    only = [rule for rule in found.before if before.says(rule) not in theirs]
    only += [rule for rule in found.after if after.says(rule) not in ours]
    if any(rule.spec.effect is Effect.DENY or rule.spec.providers for rule in only):
        return found

    def matters(rule: CompiledRule) -> bool:
        return rule.spec.effect is Effect.DENY or any(
            rule is each or not _apart(rule, each) for each in only
        )

    return Slice(
        identities=found.identities,
        target=found.target,
        before=tuple(filter(matters, found.before)),
        after=tuple(filter(matters, found.after)),
    )


def _apart(one: CompiledRule, other: CompiledRule) -> bool:
    """Say whether certainly no call is let through by both of two rules."""
    ours = {each.name: each for each in one.spec.arguments}
    theirs = {each.name: each for each in other.spec.arguments}
    for name in ours.keys() | theirs.keys():
        left, right = ours.get(name), theirs.get(name)
        if left is None or right is None:
            listed = left or right
            if listed is not None and not listed.optional:
                return True
        elif not (left.optional and right.optional) and are_disjoint(
            left.constraint, right.constraint
        ):
            return True
    return False


def _facts(version: Version, target: str) -> object:
    tool, provider = version.tools.get(target), version.providers.get(target)
    if tool is not None:
        facts = (tool.definition, tool.environments, tool.resource is None, tool.hosted)
        return ("tool", *facts, version.confined)
    return ("provider", None if provider is None else provider.environments, version.confined)


def situations(before: Version, after: Version, found: Slice, now: datetime) -> Iterator[Situation]:
    """Return every situation that some rule of a slice tells from another."""
    rules = (*found.before, *found.after)
    places: list[str | None] = list(
        dict.fromkeys((*before.document.environments, *after.document.environments))
    ) or [None]
    levels = [*Assurance] if any(rule.spec.assurance for rule in rules) else [Assurance.DECLARED]
    pins = {
        tool.definition
        for version in (before, after)
        if (tool := version.tools.get(found.target)) is not None and tool.definition is not None
    }
    pinned: list[str | None] = [*sorted(pins)] or [None]
    for person, place, level, at, pin in product(
        _persons(before, after, rules), places, levels, _times(rules, now), pinned
    ):
        yield Situation(
            identity=found.identities[0],
            person=person,
            environment=place,
            assurance=level,
            now=at,
            definition=pin,
        )


def _persons(before: Version, after: Version, rules: Rules) -> list[str | None]:
    named = {person for rule in rules for person in rule.persons}
    named |= {name for version in (before, after) for name, *_ in version.confined}
    if before.compares_ids or after.compares_ids:
        # Somebody whose id is named as a value may stand behind the call as well.
        named |= {
            value
            for rule in rules
            for each in rule.spec.arguments
            for leaf in leaves(each.constraint)
            for value in constants(leaf)
            if isinstance(value, str) and value.startswith("user:")
        }
    other = SOMEBODY
    while other in named:
        other += "-else"
    return [None, other, *sorted(named)]


def _times(rules: Rules, now: datetime) -> list[datetime]:
    """Return now, and the first moment after each time that a rule is in shadow."""
    later = {
        datetime.combine(until + timedelta(days=1), time(), UTC)
        for rule in rules
        if (until := rule.spec.shadow_until) is not None
    }
    return [now, *sorted(each for each in later if each > now)]
