# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do entries and spans say what a decision rested on, beside the rule?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import BudgetExceeded, DeniedByPolicy, Guard
from agentguard.vocabulary import (
    Assurance,
    AuditEntry,
    EntryType,
    Principal,
    PrincipalKind,
    Reason,
)

POLICY = """\
version = 1
name = "told"
environments = ["production", "codegen"]

[[identity]]
id = "agent:a"

[[tool]]
name = "count"
impact = "reversible"

[limit.once]
calls = 1

[[rule]]
id = "count"
who = "agent:a"
for = "user:*"
tool = "count"
args.number = { int = [1, 9] }
limits = ["once"]
then = "allow"

[[rule]]
id = "no-sevens"
who = "agent:a"
for = "user:*"
tool = "count"
args.number = { const = 7 }
then = "deny"
shadow_until = 2999-12-31
"""
ALICE = Principal(id="user:alice", kind=PrincipalKind.USER, assurance=Assurance.TOKEN)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """Where spans end up."""
    return InMemorySpanExporter()


@pytest.fixture
def guard(tmp_path: Path, spans: InMemorySpanExporter) -> Iterator[Guard]:
    """A guard in production."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY, encoding="utf-8")
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with Guard.from_file(path, tracer_provider=provider, environment="production") as made:
        yield made


def counted(guard: Guard, number: int) -> int:
    """Call the tool for a person whom a token names."""

    def count(number: int) -> int:
        return number

    with guard.identity("agent:a", on_behalf_of=ALICE, session="s"):
        return guard.tool(count)(number)


def guard_span(spans: InMemorySpanExporter) -> dict[str, Any]:
    """Return the attributes of the last span of a crossing."""
    found = [each for each in spans.get_finished_spans() if each.name.startswith("guard")]
    return dict(found[-1].attributes or {})


def test_entries_say_what_a_decision_rested_on(guard: Guard, entries: list[AuditEntry]) -> None:
    """Environment, assurance of each principal, limits, and what rules in shadow would say."""
    counted(guard, 7)
    assert [entry.type for entry in entries] == [EntryType.INTENT, EntryType.OUTCOME]
    assert entries[0].details == {
        "environment": "production",
        "assurance": "token declared",
        "limits": "limit:once",
        "shadow": "deny",
        "shadow_rule": "no-sevens",
    }
    assert entries[1].details == {}


def test_a_refusal_says_it_as_well(guard: Guard, entries: list[AuditEntry]) -> None:
    """A call beyond its limit is written down with where and by whom, and charges nothing."""
    counted(guard, 1)
    with pytest.raises(BudgetExceeded) as caught:
        counted(guard, 2)
    assert caught.value.limits == ("limit:once",)
    assert entries[-1].type is EntryType.REFUSED
    assert entries[-1].details == {"environment": "production", "assurance": "token declared"}


def test_spans_say_the_same(guard: Guard, spans: InMemorySpanExporter) -> None:
    """The guard span carries names that stand in the policy, and how surely people are known."""
    counted(guard, 7)
    told = guard_span(spans)
    assert {name: told.get(f"agentguard.{name}") for name in WANTED} == WANTED


WANTED = {
    "environment.name": "production",
    "identity.assurance": "declared",
    "limit.names": ("limit:once",),
    "shadow.outcome": "deny",
    "shadow.rule.id": "no-sevens",
    "decision.outcome": "allow",
    "decision.rule.id": "count",
}


ORIGINS = """
[[flow]]
id = "known-numbers"
tool = "count"
after = ["untrusted"]
targets_from = ["user"]
then = "deny"
"""


def test_origins_are_told_by_the_names_of_the_policy(
    tmp_path: Path, spans: InMemorySpanExporter, entries: list[AuditEntry]
) -> None:
    """Entry and span say where the arguments come from and what the conversation has seen."""
    path = tmp_path / "flows.toml"
    path.write_text(POLICY.replace('"reversible"', '"reversible"\ntargets = ["number"]') + ORIGINS)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with (
        Guard.from_file(path, tracer_provider=provider, environment="production") as guard,
        guard.identity("agent:a", on_behalf_of=ALICE, session="s"),
    ):
        guard.from_outside([5], source="e-mail 12")
        with pytest.raises(DeniedByPolicy) as caught:
            counted(guard, 5)
    assert (caught.value.rule, entries[-1].reason) == ("known-numbers", Reason.FLOW_DENIED)
    assert "targets must come from the user's words" in str(caught.value)
    told = guard_span(spans)
    assert told["agentguard.origins"] == ("number=untrusted",)
    assert told["agentguard.conversation.seen"] == ("untrusted",)
    assert entries[-1].details["origins"] == "number=untrusted"
    assert entries[-1].details["conversation"] == "untrusted"


def test_what_is_usual_is_not_told(guard: Guard, spans: InMemorySpanExporter) -> None:
    """A decision that nothing in shadow would change says nothing of shadows."""
    counted(guard, 1)
    assert not [name for name in guard_span(spans) if "shadow" in name or "decider" in name]
