# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do three readings of a policy agree?

The compiled table that decides in production, the specification that reads the rules as written,
and Cedar, which another project wrote and proved, on the exported policy. Random policies, random
calls; every call is decided by all three.

python benchmarks/policy_oracle.py --seconds 60            # prints what was compared
python benchmarks/policy_oracle.py --decisions 5000 --seed 7 --workers 1
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from policy_cedar import Cedar, NotAnswered
from policy_generated import Generator, Situation

from agentguard.errors import ConfigError
from agentguard.policy import Policy, PolicyDocument, compile_policy
from agentguard.policy.specification import specified
from agentguard.vocabulary import AskApproval, Decision, Effect, ModelCall, ReferOnly

CALLS_OF_A_POLICY = 100
# Loading a policy into Cedar costs as much as forty decisions, so the long run asks more of each.
CALLS_OF_A_LONG_RUN = 250
# Checking requests and policies against the schema costs as much as deciding them.
VALIDATED_OF = 8

Compile = Callable[[PolicyDocument], Policy]


@dataclass(slots=True)
class Tally:
    """What was compared.

    Attributes:
        policies: how many policies.
        unusable: how many generated policies held a flaw and were not used.
        effects: how many calls were decided how.
        differences: what the readings did not agree on.
        busy: how many seconds of a processor it took.
    """

    policies: int = 0
    unusable: int = 0
    effects: Counter[str] = field(default_factory=Counter)
    differences: list[dict[str, Any]] = field(default_factory=list)
    busy: float = 0.0

    @property
    def decisions(self) -> int:
        """How many calls were decided by all readings."""
        return sum(self.effects.values())


def effective(decision: Decision, situation: Situation) -> Effect:
    """Return what becomes of a call: one that refers to more than it may is refused."""
    call = situation.call
    if isinstance(call, ModelCall) and decision.effect is Effect.ALLOW:
        for each in decision.obligations:
            if isinstance(each, ReferOnly) and not call.references <= each.references:
                return Effect.DENY
    return decision.effect


def _specified(
    document: PolicyDocument, situation: Situation
) -> tuple[Effect, str | None, str | None]:
    found = specified(document, *situation)
    return found.effect, found.rule, found.profile


def _compiled(
    policy: Policy, situation: Situation
) -> tuple[Decision, tuple[Effect, str | None, str | None]]:
    decision = policy.decide(*situation)
    profiles = [each.profile for each in decision.obligations if isinstance(each, AskApproval)]
    return decision, (decision.effect, decision.rule, next(iter(profiles), None))


def readings(
    document: PolicyDocument,
    situations: Sequence[Situation],
    policy: Policy,
    *,
    validates: bool = True,
) -> list[tuple[Effect, bool]]:
    """Return for each call what the compiled table decides, and whether all readings agree."""
    answers = Cedar(document, validates=validates).effects(situations)
    found = []
    for situation, answer in zip(situations, answers, strict=True):
        decision, compiled = _compiled(policy, situation)
        wanted = _specified(document, situation)
        effect = effective(decision, situation)
        found.append((effect, compiled == wanted and effect is answer))
    return found


def disagrees(
    document: PolicyDocument, situation: Situation, compiler: Compile = compile_policy
) -> bool:
    """Say whether the readings differ on one call."""
    try:
        return not readings(document, [situation], compiler(document))[0][1]
    except ConfigError:
        return False
    except (NotAnswered, ValueError):
        return True


def smallest(
    document: PolicyDocument, situation: Situation, compiler: Compile = compile_policy
) -> PolicyDocument:
    """Return the policy with as few rules and arguments as still show a difference."""
    for rule in document.rules:
        rest = tuple(each for each in document.rules if each.id != rule.id)
        fewer = replace(document, rules=rest)
        if rest and disagrees(fewer, situation, compiler):
            document = fewer
    for rule in document.rules:
        for argument in rule.arguments:
            kept = tuple(each for each in rule.arguments if each is not argument)
            simpler = replace(rule, arguments=kept)
            fewer = replace(
                document,
                rules=tuple(simpler if each.id == rule.id else each for each in document.rules),
            )
            if disagrees(fewer, situation, compiler):
                document, rule = fewer, simpler  # noqa: PLW2901 - the same rule, simpler
    return document


def told(
    document: PolicyDocument, situation: Situation, compiler: Compile = compile_policy
) -> dict[str, Any]:
    """Return a difference as text: the smallest policy, the call, and what each reading says."""
    document = smallest(document, situation, compiler)
    decision, _ = _compiled(compiler(document), situation)
    cedar = Cedar(document)
    try:
        answer = str(cedar.effects([situation])[0])
    except (NotAnswered, ValueError) as error:
        answer = f"not answered: {error}"
    return {
        "rules": [str(rule) for rule in document.rules],
        "call": str(situation.call),
        "arguments": str(getattr(situation.call, "resolved", "")),
        "model": str(getattr(situation.call, "model", "")),
        "chain": str(situation.chain),
        "claims": [str(each.claims) for each in situation.chain.principals],
        "expires": [str(each.expires_at) for each in situation.chain.principals],
        "circumstances": str(situation.circumstances),
        "resources": str(situation.circumstances.resources),
        "environments": [str((each.id, each.environments)) for each in document.identities],
        "compiled": str(decision),
        "specified": str(specified(document, *situation)),
        "cedar": answer,
        "policies": cedar.exported.policies,
    }


def compare(
    seed: int,
    *,
    seconds: float | None = None,
    decisions: int | None = None,
    compiler: Compile = compile_policy,
    most_differences: int = 1,
    calls: int = CALLS_OF_A_POLICY,
) -> Tally:
    """Compare until the time is up or as many calls were decided, so many with each policy."""
    generator, tally = Generator(seed), Tally()
    end = None if seconds is None else time.monotonic() + seconds
    while (end is None or time.monotonic() < end) and (
        decisions is None or tally.decisions < decisions
    ):
        document = generator.document()
        try:
            policy = compiler(document)
        except ConfigError:
            tally.unusable += 1
            continue
        situations = [generator.situation(document) for _ in range(calls)]
        validates = tally.policies % VALIDATED_OF == 0
        try:
            found = readings(document, situations, policy, validates=validates)
        except (NotAnswered, ValueError):
            found = [(Effect.DENY, not disagrees(document, each, compiler)) for each in situations]
        tally.policies += 1
        tally.effects.update(effect.value for effect, _ in found)
        for situation, (_, agreed) in zip(situations, found, strict=True):
            if not agreed and len(tally.differences) < most_differences:
                tally.differences.append(told(document, situation, compiler))
        if len(tally.differences) >= most_differences:
            break
    return tally


def _work(job: tuple[int, float | None, int | None, int]) -> Tally:
    seed, seconds, decisions, calls = job
    began = time.process_time()
    tally = compare(seed, seconds=seconds, decisions=decisions, calls=calls)
    tally.busy = time.process_time() - began
    return tally


def main() -> int:
    """Compare, and print what was compared."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--decisions", type=int, help="of each worker")
    parser.add_argument("--calls", type=int, default=CALLS_OF_A_LONG_RUN, help="with each policy")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--differences", type=Path, default=Path("policy-differences.json"))
    options = parser.parse_args()
    seconds = 60.0 if options.seconds is None and options.decisions is None else options.seconds
    seed = int(time.time()) if options.seed is None else options.seed
    began = time.monotonic()
    jobs = [
        (seed * 1000 + each, seconds, options.decisions, options.calls)
        for each in range(options.workers)
    ]
    if options.workers == 1:
        tallies = [_work(jobs[0])]
    else:
        with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
            tallies = pool.map(_work, jobs)
    took = time.monotonic() - began
    total = sum((each.effects for each in tallies), Counter[str]())
    decided = total.total()
    differences = [each for tally in tallies for each in tally.differences]
    print(f"seed {seed}, {options.workers} workers, {took:.1f} s")
    print(f"policies    {sum(each.policies for each in tallies):>9,}")
    print(f"unusable    {sum(each.unusable for each in tallies):>9,}")
    busy = sum(each.busy for each in tallies) / 60
    print(f"decisions   {decided:>9,}   {decided / took * 60:,.0f} a minute,", end=" ")
    print(f"{decided / busy:,.0f} a minute of a processor")
    for effect in Effect:
        print(f"  {effect.value:<9} {total[effect.value]:>9,}")
    print(f"differences {len(differences):>9,}")
    if differences:
        options.differences.write_text(json.dumps(differences, indent=1), encoding="utf-8")
        print(f"written to {options.differences}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
