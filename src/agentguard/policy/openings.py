# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Could a rule let anybody make this operation at all?

Looks at rules, not at a call: a model, a reference or content may still be refused. An operation
that is not opened is refused to everybody, whatever is asked.

INVARIANT: a call that the policy allows is of an operation that is opened
(tests/policy/test_openings.py).
"""

from collections.abc import Iterable

from agentguard.policy.decision import Policy
from agentguard.policy.rules import PAIR_ONLY, Asked, CompiledRule
from agentguard.vocabulary import Effect, Kind

# Stands for every operation where a rule that denies names none.
EVERY = ""


class Openings:
    """What the rules of a policy open, as far as they name operations.

    Args:
        policy: the policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._declared = policy.identities
        rules = policy._compiled  # noqa: SLF001 - the rules are of this package
        self._allowing = _by_word(rule for rule in rules if _may_let_happen(rule))
        self._denying = _by_word(rule for rule in rules if _always_denies(rule))

    def opens(self, verb: str, path: str, kind: Kind, name: str, *, model: bool) -> bool:
        """Say whether a rule could let somebody make an operation.

        Args:
            verb: the operation's verb.
            path: its path template.
            kind: what it does.
            name: its name in the semantic conventions; empty if it has none.
            model: whether it can name a model.
        """
        pair = f"{verb} {path}"
        every_name = frozenset((pair, str(kind), name or pair))
        names = frozenset((pair,)) if kind in PAIR_ONLY else every_name
        asked = Asked(names, every_name, "", runs_a_model=False)
        denying = [
            rule for word in (EVERY, *sorted(every_name)) for rule in self._denying.get(word, ())
        ]
        return any(
            (model or rule.covers_model(asked)) and self._is_left(rule, denying)
            for word in sorted(names)
            for rule in self._allowing.get(word, ())
        )

    def _is_left(self, rule: CompiledRule, denying: list[CompiledRule]) -> bool:
        """Say whether rules that deny leave somebody for whom another rule may apply."""
        for provider in rule.spec.providers:
            left = rule.who & self._declared
            for deny in denying:
                if provider in deny.spec.providers and deny.covers_persons_of(rule):
                    left -= deny.who
            if left:
                return True
        return False


def _by_word(rules: Iterable[CompiledRule]) -> dict[str, list[CompiledRule]]:
    """Return rules by each word by which they name operations; ``EVERY`` where they name none."""
    found: dict[str, list[CompiledRule]] = {}
    for rule in rules:
        for word in (EVERY,) if rule.operations is None else rule.operations:
            found.setdefault(word, []).append(rule)
    return found


def _may_let_happen(rule: CompiledRule) -> bool:
    """Say so of a rule for model calls, unless it is never more than recorded."""
    spec = rule.spec
    return bool(spec.providers) and spec.effect is not Effect.DENY and spec.shadow_until is None


def _always_denies(rule: CompiledRule) -> bool:
    """Say so of a rule for model calls that does, whatever is asked, where and when."""
    spec = rule.spec
    if not spec.providers or spec.effect is not Effect.DENY or not rule.is_unconditional:
        return False
    return spec.shadow_until is None and not spec.environments
