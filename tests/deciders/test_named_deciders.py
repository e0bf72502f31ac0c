# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The deciders that come with the package are found by name, and only tighten what a policy says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agentguard import ApprovalPending, DeniedByPolicy, Guard
from agentguard.errors import ConfigError

POLICY = """
version = 1
name = "named"

[deployment]
store = "store.db"

[[identity]]
id = "agent:a"

[[tool]]
name = "pay"
impact = "read_only"

[[rule]]
id = "payments"
who = "agent:a"
tool = "pay"
args.amount = { int = [1, 1000] }
then = "allow"

[approval.leads]
approvers = [{ id = "user:carol", key = "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }]
decide_within = "1h"
execute_within = "1h"

[[decider]]
name = "cedar"
options = { policies = "calls.cedar", schema = "calls.cedarschema" }
"""
SCHEMA = """
entity Identity, Person, Tool;
action "call_unattended:pay", "call_with_approval:pay" appliesTo {
  principal: [Identity, Person],
  resource: Tool,
  context: {
    input: { amount: Long }, resources: Set<String>, agents: Set<Identity>, person?: Person,
    assurance: Long, now: Long, claims: {}, environment?: String, tenant?: String,
  },
};
"""
POLICIES = """
permit (principal, action == Action::"call_unattended:pay", resource)
when { context.input.amount <= 10 };
permit (principal, action == Action::"call_with_approval:pay", resource)
when { context.input.amount <= 100 };
"""


@pytest.fixture
def guarded(tmp_path: Path) -> Callable[..., Guard]:
    """Gives the guard of a policy with Cedar beside it."""

    def made(more: str = "") -> Guard:
        (tmp_path / "agentguard.toml").write_text(POLICY + more, encoding="utf-8")
        (tmp_path / "calls.cedar").write_text(POLICIES, encoding="utf-8")
        (tmp_path / "calls.cedarschema").write_text(SCHEMA, encoding="utf-8")
        return Guard.from_file(tmp_path / "agentguard.toml")

    return made


def test_cedar_tightens_a_policy(guarded: Callable[..., Guard]) -> None:
    """What the policy allows happens only if Cedar allows it as well, and never more than that."""
    with guarded() as guard:
        paid: list[int] = []

        @guard.tool
        def pay(amount: int) -> None:
            paid.append(amount)

        with guard.identity("agent:a"):
            pay(amount=10)
            for amount in (11, 101, 1001, 0):
                with pytest.raises(DeniedByPolicy):
                    pay(amount=amount)
        assert paid == [10]


def test_cedar_can_ask_for_approval(guarded: Callable[..., Guard]) -> None:
    """What Cedar permits with approval only is asked about, with the profile of its table."""
    with guarded('approval = "leads"\n') as guard:

        @guard.tool
        def pay(amount: int) -> int:
            return amount

        with guard.identity("agent:a"):
            assert pay(amount=10) == 10
            with pytest.raises(ApprovalPending):
                pay(amount=11)
            with pytest.raises(DeniedByPolicy):
                pay(amount=101)


def test_a_decider_without_its_options_refuses_the_policy(
    guarded: Callable[..., Guard],
) -> None:
    """A guard does not start with a decider that cannot be made."""
    with pytest.raises(ConfigError, match="'url' is needed"):
        guarded('\n[[decider]]\nname = "authzen"\n')
