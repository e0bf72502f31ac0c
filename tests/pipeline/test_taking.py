# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a call take out of which pot?"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentguard.classification import Classifier, build_classifier
from agentguard.config import load
from agentguard.errors import BudgetExceeded
from agentguard.identity import Identities
from agentguard.pipeline import (
    Attempt,
    Core,
    Dispatch,
    OpenSession,
    Reserve,
    Response,
    Trace,
    guarded_call,
)
from agentguard.session import Session
from agentguard.vocabulary import (
    Attachment,
    Boundary,
    Caller,
    Chain,
    Hold,
    Kind,
    Line,
    ModelCall,
    Principal,
    PrincipalKind,
    RateLine,
    ToolCall,
)
from agentguard.wiring import placed_by

TRACE = Trace(trace_id="0" * 32, span_id="0" * 16, stream="s")
POLICY = """
version = 1
name = "n"

[[identity]]
id = "agent:a"

[[identity]]
id = "agent:b"

[[tool]]
name = "send"
impact = "reversible"
receives = ["*"]

[[provider]]
id = "openai"
hosts = ["api.example"]

[[class]]
name = "email"
action = "label"

[[rule]]
id = "send"
who = ["agent:a", "agent:b"]
for = ["user:*"]
tool = "send"
args.text = { any = true }
then = "allow"

[[rule]]
id = "send-alone"
who = ["agent:a", "agent:b"]
tool = "send"
args.text = { any = true }
then = "allow"

[[rule]]
id = "models"
who = ["agent:a", "agent:b"]
provider = "openai"
model = ["*"]
operation = ["inference", "remote-run", "upload", "read"]
references = ["store"]
then = "allow"

[[class]]
name = "image"
action = "label"
"""
IDENTITIES = Identities(lambda: "session")
ALONE = IDENTITIES.narrowed("agent:a", session="s")
SEND = ToolCall(
    id="c",
    tool="send",
    definition="d",
    received={"text": "to jane@doe.example"},
    resolved={"text": "to jane@doe.example"},
)
CHAT = ModelCall(
    id="c",
    operation="chat",
    verb="POST",
    path="/chat/completions",
    origin="https://api.example",
    model="m",
    payload={"messages": ({"role": "user", "content": "hello"},), "max_tokens": 20},
)
SIZE = 64
Take = Callable[..., Any]


class Taken:
    """What a call asked for before it was dispatched."""

    def __init__(self, hold: Hold | None = None, rates: tuple[RateLine, ...] = ()) -> None:
        self.lines: tuple[Line, ...] = () if hold is None else hold.lines
        self.rates = rates

    @property
    def amounts(self) -> dict[str, int | None]:
        """What is taken of each measure."""
        return {line.key: line.amount for line in self.lines}

    @property
    def owner(self) -> str:
        """Whose pot it is."""
        (pot,) = {line.pot for line in self.lines}
        return pot.owner


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """What finds the built-in classes."""
    return build_classifier()


@pytest.fixture
def take(tmp_path: Path, classifier: Classifier) -> Take:
    """Give what finds out what a call takes under some budgets."""

    def taken(budgets: str, call: ModelCall | ToolCall = CHAT, caller: Caller = ALONE) -> Taken:
        path = tmp_path / "agentguard.toml"
        path.write_text(POLICY + budgets)
        settings = load(path, {})
        own = build_classifier(own=settings.own) if settings.own else classifier
        core = Core(
            policy=settings.policy,
            classifier=own,
            now=lambda: datetime(2026, 1, 1, 12, tzinfo=UTC),
            random=lambda count: b"r" * count,
            lease=timedelta(minutes=1),
            placed=placed_by(settings.policy),
        )
        tool = isinstance(call, ToolCall)
        attempt = Attempt(
            id="c",
            boundary=Boundary.TOOL if tool else Boundary.MODEL,
            surface="functions" if tool else "openai",
            operation=call.operation,
            target=call.target,
            caller=caller,
            objection=None,
            describe=lambda: call,
        )
        flow = guarded_call(attempt, core, TRACE)
        found = Taken()
        step = next(flow)
        while not isinstance(step, Dispatch):
            if isinstance(step, Reserve):
                found = Taken(step.hold, step.rates)
            step = flow.send(Session(b"k" * 32) if isinstance(step, OpenSession) else None)
        try:
            while True:
                done = Response(content={}) if isinstance(step, Dispatch) else None
                step = flow.send(done)
        except StopIteration:
            return found

    return taken


def budget(lines: str) -> str:
    """A budget with these lines."""
    return f"\n[budget.b]\n{lines}\n"


PRICED = '\n[[price]]\nmodel = "m"\ntokens_in = "1"\ntokens_out = "10"\n'


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("calls = 5", {"calls": 1}),
        ("concurrent = 5", {"concurrent": 1}),
        ("tokens_in = 500", {"tokens_in": SIZE}),
        ("tokens_out = 500", {"tokens_out": 20}),
        ("tokens = 500", {"tokens": SIZE + 20}),
        ("tokens = 500\nhold_at_most = 30", {"tokens": 30}),
        ("tokens = 500\nhold_at_most = 300", {"tokens": SIZE + 20}),
        ('money = "1"', {"money": SIZE * 1000 + 20 * 10_000}),
        ('money = "1"\nhold_at_most = "0.0001"', {"money": 100_000}),
        ('bytes_out = { "*" = 500 }', {"bytes_out:*": SIZE}),
        ('wall = "1h"', {"wall": 0}),
        ("fan_out = 3", {"fan_out": 0}),
        ("depth = 1", {}),
    ],
)
def test_each_measure_has_its_amount(take: Take, lines: str, expected: dict[str, int]) -> None:
    """A call takes what it needs at most, or what one call may hold where that is less."""
    assert take(budget(lines) + PRICED).amounts == expected


def unbounded() -> ModelCall:
    """A call that does not say how long its answer may be."""
    return replace(CHAT, payload={"messages": ({"role": "user", "content": "hello"},)})


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("tokens_out = 500", {"tokens_out": None}),
        ("tokens = 500", {"tokens": None}),
        ("tokens = 500\nhold_at_most = 30", {"tokens": 30}),
        ('money = "1"', {"money": None}),
        ('money = "1"\nhold_at_most = "0.5"', {"money": 500_000_000}),
        ("tokens_in = 500", {"tokens_in": 48}),
    ],
)
def test_what_has_no_bound_takes_what_is_left(
    take: Take, lines: str, expected: dict[str, int | None]
) -> None:
    """An answer without a limit takes all that is left, or what one call may hold."""
    found = take(budget(lines) + PRICED, unbounded())
    assert found.amounts == expected
    assert all(line.least == 1 for line in found.lines if line.amount is None)


def test_an_unbounded_answer_that_costs_nothing_has_a_known_price(take: Take) -> None:
    """Where only what goes in costs something, the cost is known beforehand."""
    price = '\n[[price]]\nmodel = "m"\ntokens_in = "1"\ntokens_out = "0"\n'
    assert take(budget('money = "1"') + price, unbounded()).amounts == {"money": 48_000}


@pytest.mark.parametrize("model", ["unknown", ""])
def test_a_model_without_a_price_is_refused_under_money(take: Take, model: str) -> None:
    """What cannot be counted is not let through, and the line to add is named."""
    with pytest.raises(BudgetExceeded, match=r"add \[\[price\]\]") as refused:
        take(budget('money = "1"') + PRICED, replace(CHAT, model=model))
    assert refused.value.limits == ("budget:b",)
    assert "unknown" not in str(refused.value)


@pytest.mark.parametrize("kind", [Kind.READ, Kind.UPLOAD])
def test_what_runs_no_model_uses_no_tokens(take: Take, kind: Kind) -> None:
    """A request that makes no model work needs no price, and counts as a call."""
    call = replace(CHAT, kind=kind, model="", operation="files", path="/files")
    lines = 'calls = 5\ntokens = 5\nbytes_out = { "*" = 500 }'
    assert take(budget(lines), call).amounts == {"calls": 1, "bytes_out:*": SIZE}
    assert take(budget('money = "1"') + PRICED, call).amounts == {}


def test_calls_inside_a_call_are_added_up(take: Take) -> None:
    """A batch takes what each of its calls does, at the price of the dearest."""
    dear = '\n[[price]]\nmodel = "dear"\ntokens_in = "2"\ntokens_out = "20"\n'
    inner = (CHAT, replace(CHAT, model="dear"))
    call = replace(CHAT, kind=Kind.UPLOAD, inner=inner, model="")
    found = take(budget('tokens = 500\nmoney = "1"') + PRICED + dear, call)
    cost = 2 * (SIZE * 2000 + 20 * 20_000)
    assert found.amounts == {"tokens": 2 * (SIZE + 20), "money": cost}
    with pytest.raises(BudgetExceeded):
        take(budget('money = "1"') + PRICED, call)
    open_end = replace(call, inner=(CHAT, unbounded()))
    assert take(budget("tokens = 500"), open_end).amounts == {"tokens": None}


def test_a_tool_takes_its_price_whole(take: Take) -> None:
    """What a tool costs is known, so that no less is taken; without a price it costs nothing."""
    price = '\n[[price]]\ntool = "send"\ncall = "0.25"\n'
    lines = budget('money = "1"\nhold_at_most = "0.01"')
    assert take(lines + price, SEND).amounts == {"money": 250_000_000}
    assert take(lines + PRICED, SEND).amounts == {}
    assert take(budget("tokens = 5"), SEND).amounts == {}


def test_bytes_are_counted_by_class_and_family(take: Take) -> None:
    """Text that leaves in clear counts under its class, its family and everything."""
    lines = budget("bytes_out = { email = 500, pii = 500, phone = 500, '*' = 500 }")
    address = len("jane@doe.example")
    found = take(lines, SEND).amounts
    assert found == {"bytes_out:email": address, "bytes_out:pii": address, "bytes_out:*": 30}
    mail = {"messages": ({"role": "user", "content": "to jane@doe.example"},)}
    found = take(lines, replace(CHAT, payload=mail)).amounts
    assert (found["bytes_out:email"], found["bytes_out:pii"]) == (address, address)


def test_what_is_hidden_does_not_leave(take: Take) -> None:
    """A class that is hidden before it goes to a provider uses up nothing of its bytes."""
    hidden = POLICY_HIDING + budget("bytes_out = { bank_account = 500 }")
    text = {"messages": ({"role": "user", "content": "pay DE89370400440532013000"},)}
    assert take(hidden, replace(CHAT, payload=text)).amounts == {}


POLICY_HIDING = '\n[[class]]\nname = "bank_account"\naction = "redact"\n'


def test_what_belongs_to_a_class_by_its_place_counts_whole(take: Take) -> None:
    """Where it cannot be said which bytes are of a class, all of them may be."""
    placed = '\n[[class]]\nname = "diagnosis"\naction = "label"\nkeys = ["text"]\n'
    found = take(placed + budget("bytes_out = { diagnosis = 500 }"), UNNAMED).amounts
    assert found == {"bytes_out:diagnosis": len('{"text":"hello"}')}


UNNAMED = replace(SEND, received={"text": "hello"}, resolved={"text": "hello"})


def test_what_a_provider_may_see_counts_there(take: Take) -> None:
    """A class that one provider is sent as it is leaves in clear there, wherever it is found."""
    placed = '\n[[class]]\nname = "diagnosis"\naction = "redact"\nkeys = ["note"]\n'
    placed += 'at = { openai = "label" }\n'
    call = replace(CHAT, payload={"messages": (), "metadata": {"note": "hello"}})
    found = take(placed + budget("bytes_out = { diagnosis = 500 }"), call).amounts
    assert found == {"bytes_out:diagnosis": len('{"messages":[],"metadata":{"note":"hello"}}')}


def test_what_is_attached_counts(take: Take) -> None:
    """An image counts under its class, and under everything."""
    image = Attachment(pointer="/x", data_class="image", label="image", content=b"1" * 100)
    found = take(
        budget("bytes_out = { image = 500, '*' = 500 }"), replace(CHAT, attachments=(image,))
    )
    assert found.amounts == {"bytes_out:image": 100, "bytes_out:*": SIZE + 100}


FOR_ALICE = IDENTITIES.narrowed("agent:a", on_behalf_of="user:alice", session="s")
AGENT_B = Principal(id="agent:b", kind=PrincipalKind.AGENT)
HANDED_ON = replace(FOR_ALICE, chain=Chain(principals=(*FOR_ALICE.chain.principals, AGENT_B)))


@pytest.mark.parametrize(
    ("scope", "alone", "for_alice", "handed_on"),
    [
        ("agent", "agent:a", "agent:a", "agent:b"),
        ("person", "", "user:alice", "user:alice"),
        ("tenant", "", "", ""),
        ("run", ALONE.account_key, FOR_ALICE.account_key, FOR_ALICE.account_key),
    ],
)
def test_each_scope_has_its_owner(
    take: Take, scope: str, alone: str, for_alice: str, handed_on: str
) -> None:
    """A run is the same however it is handed on; those who have no person count together."""
    lines = budget(f'scope = "{scope}"\ncalls = 5')
    owners = [take(lines, SEND, caller).owner for caller in (ALONE, FOR_ALICE, HANDED_ON)]
    assert owners == [alone, for_alice, handed_on]


def test_a_tenant_has_a_pot_of_its_own(take: Take) -> None:
    """Calls for a tenant are counted for that tenant."""
    caller = replace(ALONE, tenant="acme")
    assert take(budget('scope = "tenant"\ncalls = 5'), SEND, caller).owner == "acme"


def test_more_agents_behind_one_another_than_may_be_are_refused(take: Take) -> None:
    """The depth of a chain is compared without asking anybody."""
    lines = budget("depth = 1")
    assert take(lines, SEND, FOR_ALICE).lines == ()
    with pytest.raises(BudgetExceeded, match="has not enough depth left") as refused:
        take(lines, SEND, HANDED_ON)
    assert refused.value.begins_anew is None


def test_rates_count_whose_calls_they_say(take: Take) -> None:
    """A rate has the owner of its scope, and is told with its name."""
    lines = '\n[rate.r]\nrate = "5/minute"\nscope = "person"\n'
    (mine,), (other,) = (take(lines, SEND, each).rates for each in (FOR_ALICE, ALONE))
    assert (mine.name, mine.rate) == ("r", "5/minute")
    assert mine.parts == ("r", "person", "user:alice", "", "")
    assert other.parts == ("r", "person", "", "", "")
