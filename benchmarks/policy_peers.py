# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How long do other engines take to decide? Run by policy_decisions.py in the peers' interpreter.

cedarpy with one set of policies, and with a set for each identity and tool; casbin with one
matcher; agent-governance-toolkit's ``govern`` around a function that does nothing, one for each
identity with the rules of that identity. ``govern`` knows no prefixes: it compares the amount only.
"""

import json
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from policy_workload import Call, Rule, calls_of, median_of, rules_of

Decide = Callable[[Call], bool]

CASBIN_MODEL = """
[request_definition]
r = sub, obj, amount, path
[policy_definition]
p = sub, obj, most, prefix
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.obj == p.obj && fits(r.amount, r.path, p.most, p.prefix)
"""


def cedar(rules: Sequence[Rule]) -> Decide:
    """Return Cedar with one set of policies."""
    import cedarpy

    policies = cedarpy.PolicySet.from_str("\n".join(map(_policy, rules)))
    entities = cedarpy.Entities.from_json_str("[]")
    return lambda call: _asked(cedarpy, policies, entities, call)


def sliced_cedar(rules: Sequence[Rule]) -> Decide:
    """Return Cedar with a set of policies for each identity and tool, found by a dictionary."""
    import cedarpy

    slices = {
        (rule.identity, rule.tool): cedarpy.PolicySet.from_str(_policy(rule)) for rule in rules
    }
    entities = cedarpy.Entities.from_json_str("[]")
    return lambda call: _asked(cedarpy, slices[call.identity, call.tool], entities, call)


def _policy(rule: Rule) -> str:
    return (
        f'permit (principal == Identity::"{rule.identity}", action == Action::"call",'
        f' resource == Tool::"{rule.tool}") when {{ 0 <= context.amount &&'
        f' context.amount <= {rule.most} && context.path like "{rule.prefix}*" }};'
    )


def _asked(cedarpy: Any, policies: Any, entities: Any, call: Call) -> bool:
    request = {
        "principal": {"type": "Identity", "id": call.identity},
        "action": {"type": "Action", "id": "call"},
        "resource": {"type": "Tool", "id": call.tool},
        "context": {"amount": call.amount, "path": call.path},
    }
    return bool(cedarpy.is_authorized(request, policies, entities).allowed)


def casbin(rules: Sequence[Rule]) -> Decide:
    """Return casbin with one matcher over all rules."""
    import casbin as engine  # type: ignore[import-not-found]  # a peer, in its own interpreter

    model = engine.Model()
    model.load_model_from_text(CASBIN_MODEL)
    enforcer = engine.Enforcer(model)
    enforcer.add_function("fits", _fits)
    enforcer.add_policies(
        [[rule.identity, rule.tool, str(rule.most), rule.prefix] for rule in rules]
    )
    return lambda call: bool(enforcer.enforce(call.identity, call.tool, call.amount, call.path))


def _fits(amount: int, path: str, most: str, prefix: str) -> bool:
    return 0 <= amount <= int(most) and path.startswith(prefix)


def govern(rules: Sequence[Rule]) -> Decide:
    """Return a governed function for each identity."""
    import agentmesh.governance as toolkit  # type: ignore[import-not-found]  # a peer

    of_identity = defaultdict(list)
    for number, rule in enumerate(rules):
        condition = f"action.type == '{rule.tool}' and amount.value <= {rule.most}"
        of_identity[rule.identity].append(
            {"name": f"r{number}", "action": "allow", "condition": condition}
        )
    governed = {
        identity: toolkit.govern(
            lambda **_: True,
            policy=toolkit.Policy(name=identity, agents=[identity], rules=some),
            agent_id=identity,
            audit=False,
        )
        for identity, some in of_identity.items()
    }

    def decide(call: Call) -> bool:
        try:
            return bool(governed[call.identity](action=call.tool, amount=call.amount))
        except toolkit.GovernanceDenied:
            return False

    return decide


ENGINES = {
    "cedarpy, one set": cedar,
    "cedarpy, sliced": sliced_cedar,
    "casbin": casbin,
    "agent-governance-toolkit": govern,
}


def main() -> None:
    """Measure one engine on one size and print what was found as JSON."""
    logging.disable(logging.CRITICAL)
    name, rules, identities = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    made = rules_of(rules, identities)
    began = time.perf_counter()
    decide = ENGINES[name](made)
    load = time.perf_counter() - began
    print(
        json.dumps(
            {
                "load": load,
                "allowed": median_of(decide, calls_of(made, allowed=True)),
                "denied": median_of(decide, calls_of(made, allowed=False)),
            }
        )
    )


if __name__ == "__main__":
    main()
