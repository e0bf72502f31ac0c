# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Could a rule let anybody make this operation at all?

Looks at rules, not at a call: a model, a reference or content may still be refused. An operation
that is not opened is refused to everybody, whatever is asked.

INVARIANT: a call that the policy allows is of an operation that is opened
(tests/policy/test_openings.py).
"""

from agentguard.policy.decision import Policy
from agentguard.policy.rules import PAIR_ONLY, Asked, CompiledRule
from agentguard.vocabulary import Effect, Kind


class Openings:
    """What the rules of a policy open, as far as they name operations.

    Args:
        policy: the policy.
    """

    def __init__(self, policy: Policy) -> None:
        reach = policy._table.reach  # noqa: SLF001 - the table is of this package
        rules: dict[int, CompiledRule] = {}
        for one in {id(each): each for each in reach.values()}.values():
            for rows in one.providers.values():
                rules.update((id(row.rule), row.rule) for row in rows)
        self._declared = frozenset(reach)
        self._allowing = [rule for rule in rules.values() if not _denies(rule)]
        self._denying = [rule for rule in rules.values() if _denies(rule) and rule.is_unconditional]

    def rules_for(self, verb: str, path: str, kind: Kind, name: str, *, model: bool) -> list[str]:
        """Return the ids of the rules by which somebody could be let make an operation, sorted.

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
        denying = [rule for rule in self._denying if rule.names_operation(asked)]
        return sorted(
            rule.spec.id
            for rule in self._allowing
            if rule.names_operation(asked)
            and (model or rule.covers_model(asked))
            and self._is_left(rule, denying)
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


def _denies(rule: CompiledRule) -> bool:
    return rule.spec.effect is Effect.DENY
