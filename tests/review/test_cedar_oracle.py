# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The compiled table, the specification and Cedar decide alike, and a fault in one shows."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentguard.canonical import LARGEST_INTEGER
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    IntBetween,
    Policy,
    PolicyDocument,
    RuleSpec,
    compile_policy,
)
from agentguard.vocabulary import Call, Chain, Circumstances, Decision, Effect

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
DECISIONS = 3_000


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that compares."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("policy_oracle")


@pytest.mark.parametrize("seed", [1, 20_261_122])
def test_three_readings_of_random_policies_agree(oracle: Any, seed: int) -> None:
    """Random calls under random policies are decided alike by the table, the text and Cedar."""
    tally = oracle.compare(seed, decisions=DECISIONS)
    assert tally.differences == []
    assert tally.decisions >= DECISIONS
    assert all(tally.effects[effect.value] for effect in Effect)


def _of_rules(change: Callable[[RuleSpec], RuleSpec]) -> Callable[[PolicyDocument], Policy]:
    """A compiler that reads every rule otherwise than it is written."""

    def compiled(document: PolicyDocument) -> Policy:
        changed = replace(document, rules=tuple(map(change, document.rules)))
        policy = compile_policy(document)
        return policy if changed == document else compile_policy(changed)

    return compiled


def _of_arguments(
    change: Callable[[ArgumentSpec], ArgumentSpec],
) -> Callable[[PolicyDocument], Policy]:
    return _of_rules(lambda rule: replace(rule, arguments=tuple(map(change, rule.arguments))))


def _one_sided(argument: ArgumentSpec) -> ArgumentSpec:
    if not isinstance(argument.constraint, IntBetween):
        return argument
    return replace(argument, constraint=replace(argument.constraint, low=-LARGEST_INTEGER))


def _for_anybody(rule: RuleSpec) -> RuleSpec:
    return replace(rule, persons=("user:*",)) if rule.persons else rule


def _any_value(argument: ArgumentSpec) -> ArgumentSpec:
    return replace(argument, constraint=Anything())


def _only_the_actor(document: PolicyDocument) -> Any:
    """A policy that asks about the last agent alone."""
    policy = compile_policy(document)

    class Shortsighted:
        def decide(self, call: Call, chain: Chain, circumstances: Circumstances) -> Decision:
            person = () if chain.person is None else (chain.person,)
            return policy.decide(call, Chain(principals=(*person, chain.actor)), circumstances)

    return Shortsighted()


def _mildest(document: PolicyDocument) -> Any:
    """A policy in which a rule that denies counts only where nothing else applies."""
    policy = compile_policy(document)
    without = tuple(each for each in document.rules if each.effect is not Effect.DENY)
    milder = compile_policy(replace(document, rules=without)) if without else policy

    class Mild:
        def decide(self, call: Call, chain: Chain, circumstances: Circumstances) -> Decision:
            strict = policy.decide(call, chain, circumstances)
            mild = milder.decide(call, chain, circumstances)
            return strict if mild.effect is Effect.DENY else replace(mild, policy=strict.policy)

    return Mild()


FAULTS = {
    "one-sided bound": _of_arguments(_one_sided),
    "constraints ignored": _of_arguments(_any_value),
    "person ignored": _of_rules(_for_anybody),
    "environment ignored": _of_rules(lambda rule: replace(rule, environments=frozenset())),
    "assurance ignored": _of_rules(lambda rule: replace(rule, assurance=None)),
    "objects ignored": _of_rules(lambda rule: replace(rule, resource=None)),
    "limits ignored": _of_rules(lambda rule: replace(rule, limits=())),
    "shadow ignored": _of_rules(
        lambda rule: replace(rule, shadow_until=None, shadow_irreversible=False)
    ),
    "references ignored": _of_rules(lambda rule: replace(rule, references=())),
    "optional ignored": _of_arguments(lambda argument: replace(argument, optional=True)),
    "chain ignored": _only_the_actor,
    "deny ignored": _mildest,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_in_the_table_is_found(
    oracle: Any, fault: Callable[[PolicyDocument], Policy]
) -> None:
    """A compiled table that reads one thing wrongly does not agree for long."""

    def compiled(document: PolicyDocument) -> Policy:
        policy: Policy = fault(document)
        return policy

    tally = oracle.compare(3, decisions=40_000, compiler=compiled)
    assert tally.differences
    assert tally.differences[0]["rules"]
