# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a guard keep its promises over a long time, whatever happens in which order?

The story: each part is right for one call, and a limit is passed all the same, because a call was
cancelled between two of them, the process died, the clock jumped, or the policy changed meanwhile.
A machine makes calls for several people under limits, grants and approvals, breaks them off,
crashes, reloads, erases and replays; it keeps an account of its own and compares.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agentguard import (
    AgentGuardError,
    ApprovalExpired,
    ApprovalPending,
    ApprovalRejected,
    BudgetExceeded,
    CallRefused,
    ConfigError,
    DeniedByPolicy,
    IdentityRequired,
)
from agentguard.stores import FactsStore
from agentguard.vocabulary import Caller, Grant

if TYPE_CHECKING:
    from tests.attacks.sessions.conftest import World

Place = tuple[str, str]
Who = tuple[str, str, str]
SHADOW_UNTIL = date(2026, 6, 20)
ORDERS = {"user:alice": ("k1", "k2"), "user:bob": ("k3",)}
PEOPLE = (
    ("agent:a", "user:alice", "prod"),
    ("agent:a", "user:bob", "prod"),
    ("agent:b", "user:alice", "dev"),
)
AMOUNTS = st.sampled_from([0, 1, 5, 7, 10, 13, 20, 21, 40, 41])
WHO = st.sampled_from(PEOPLE)
ENDINGS = st.sampled_from(
    [
        *("plain", "plain", "plain", "fails", "cancelled inside", "cancelled at the intent"),
        *("interrupted after the intent", "interrupted before the intent"),
        *("crashes inside", "crashes at the intent"),
    ]
)
NEVER_RAN = frozenset(
    {
        *("cancelled at the intent", "interrupted after the intent"),
        *("interrupted before the intent", "crashes at the intent"),
    }
)
REFUSALS = (DeniedByPolicy, BudgetExceeded, IdentityRequired)


@dataclass(eq=False)
class Handed:
    """A grant, and what those who made it know of it."""

    grant: Grant
    who: Who
    above: "Handed | None"
    calls: int
    most: int
    highest: int
    until: datetime

    @property
    def all(self) -> "tuple[Handed, ...]":
        """This one and those it was cut from."""
        return (self,) if self.above is None else (*self.above.all, self)


@dataclass(eq=False)
class Agreed:
    """An answer of a person, and whether it was used up."""

    place: tuple[str, str, int]
    at: datetime
    used: bool = False


@dataclass
class Account:
    """What the machine knows by itself."""

    charged: Counter[Place] = field(default_factory=Counter)
    ran: Counter[Place] = field(default_factory=Counter)
    intents: Counter[Place] = field(default_factory=Counter)
    dispatched: Counter[Place] = field(default_factory=Counter)
    agreed: dict[str, Agreed] = field(default_factory=dict)
    asked: dict[str, tuple[str, str, int]] = field(default_factory=dict)


class Sessions(RuleBasedStateMachine):
    """People, agents, crashes, clocks and an operator, around one database."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self.world = world
        self.world.on_call = self._happened
        self.account = Account()
        self.grants: list[Handed] = []
        self.stale: list[Handed] = []
        self.running: tuple[Caller, str, int] | None = None

    def teardown(self) -> None:
        """Close, compare what is written with the account, and look for what must not lie there."""
        try:
            self.world.guard.close()
            self.world.replay()
            self._compare_log()
            self.world.assert_nothing_told()
        finally:
            self.world.close()

    def _happened(self, tool: str) -> None:
        assert self.running is not None, "a tool ran that nobody called"
        caller, called, amount = self.running
        assert called == tool
        self.account.dispatched[tool, caller.session_key] += 1
        self._charge(self.account.ran, caller, tool, amount)

    def _charges(self, caller: Caller, tool: str, amount: int) -> list[tuple[str, str, int, int]]:
        """Return the accounts of a call, what it uses up of each, and how much each holds."""
        session, found = caller.account_key, []
        if tool in ("pay", "look"):
            found.append((session, "limit:few", 1, self.world.few))
        if tool in ("pay", "ask"):
            found.append((session, "limit:money", amount, self.world.most))
        for held in self._held(caller):
            found.append((held.grant.id, f"grant:{held.grant.id}:calls", 1, held.calls))
            found.append((held.grant.id, f"grant:{held.grant.id}:sum:amount", amount, held.most))
        return found

    def _held(self, caller: Caller) -> list[Handed]:
        ids = {each.id for each in caller.grants}
        return [each for each in self.grants if each.grant.id in ids]

    def _charge(self, where: Counter[Place], caller: Caller, tool: str, amount: int) -> None:
        for scope, key, used, most in self._charges(caller, tool, amount):
            where[scope, key] += used
            assert where[scope, key] <= most, f"{key} was passed"

    def _fits(self, caller: Caller, tool: str, amount: int) -> bool:
        charged = self.account.charged
        return all(
            charged[scope, key] + used <= most
            for scope, key, used, most in self._charges(caller, tool, amount)
        )

    def _allowed(self, caller: Caller, tool: str, amount: int) -> bool:
        """Say whether a payment is within rules, limits and grants, by the machine's account."""
        forbidden = {13} | (
            {7} if tool == "pay" and self.world.now.date() > SHADOW_UNTIL else set()
        )
        if amount in forbidden or not 0 <= amount <= 40:
            return False
        for held in self._held(caller):
            if tool != "pay" or amount > held.highest or held.until <= self.world.now:
                return False
        return self._fits(caller, tool, amount)

    @contextmanager
    def _as(self, who: Who, handed: Handed | None) -> Iterator[Caller]:
        actor, person, environment = who
        with ExitStack() as stack:
            caller = stack.enter_context(
                self.world.guard.identity(
                    actor,
                    on_behalf_of=self.world.guard.person(person, claims={"orders": ORDERS[person]}),
                    session="s",
                    environment=environment,
                )
            )
            for each in () if handed is None else handed.all:
                holder = each.grant.holder
                caller = stack.enter_context(self.world.guard.identity(holder, grant=each.grant))
            yield caller

    def _attempt(
        self, who: Who, handed: Handed | None, tool: str, amount: int, ending: str
    ) -> tuple[Caller | None, BaseException | None]:
        """Make a call in one of the ways, and return who made it and what it raised."""
        try:
            with self._as(who, handed) as caller:
                self.running = (caller, tool, amount)
                return caller, self.world.attempt(tool, amount, ending)
        except IdentityRequired as refused:
            return None, refused
        finally:
            self.running = None

    def _go_on(self) -> None:
        """Leave a process that died; what it handed out is worth nothing in the next one."""
        if self.world.go_on():
            event("a process died")
            self.stale += self.grants
            self.grants = []

    @rule(who=WHO, amount=AMOUNTS, ending=ENDINGS, chosen=st.none() | st.integers(0, 9))
    def pays(self, who: Who, amount: int, ending: str, chosen: int | None) -> None:
        """Somebody pays, under a grant or not, and the call is broken off somewhere or not."""
        handed = (
            self.grants[chosen % len(self.grants)] if chosen is not None and self.grants else None
        )
        who = who if handed is None else handed.who
        caller, raised = self._attempt(who, handed, "pay", amount, ending)
        if caller is None:
            assert handed is not None
            assert handed.until <= self.world.now or isinstance(raised, IdentityRequired)
            return
        allowed = self._allowed(caller, "pay", amount)
        event(f"pay {ending} {allowed}")
        if not allowed:
            assert isinstance(raised, REFUSALS), (raised, ending)
            assert self.world.left is None
            return
        assert not isinstance(raised, REFUSALS), raised
        assert (raised is None) == (ending in {"plain", "crashes inside"}), (raised, ending)
        self.account.intents["pay", caller.session_key] += ending != "interrupted before the intent"
        if ending not in NEVER_RAN or ending == "crashes at the intent":
            self._charge(self.account.charged, caller, "pay", amount)
        self._go_on()

    @rule(who=WHO, amount=AMOUNTS, ending=st.sampled_from(["plain", "plain", "fails"]))
    def asks(self, who: Who, amount: int, ending: str) -> None:
        """Somebody makes a call that people must agree to."""
        caller, raised = self._attempt(who, None, "ask", amount, ending)
        assert caller is not None
        place = (self.world.guard.policy_state.digest, caller.session_key, amount)
        if not self._allowed(caller, "ask", amount):
            assert isinstance(raised, REFUSALS), raised
            return
        agreed = [
            each
            for each in self.account.agreed.values()
            if each.place == place
            and not each.used
            and self.world.now <= each.at + timedelta(minutes=10)
        ]
        if not isinstance(raised, AgentGuardError):
            assert agreed, "nobody agreed to this call"
            event("an approved call ran")
            agreed[0].used = True
            self.account.intents["ask", caller.session_key] += 1
            self._charge(self.account.charged, caller, "ask", amount)
            return
        assert not agreed, raised
        assert isinstance(
            raised, ApprovalPending | ApprovalExpired | ApprovalRejected | CallRefused
        )
        if isinstance(raised, ApprovalPending):
            self.account.asked.setdefault(raised.request_id, place)
        if isinstance(raised, ApprovalExpired) and raised.request_id in self.account.agreed:
            # It ended, whatever the clock says later.
            self.account.agreed[raised.request_id].used = True

    @rule(
        who=WHO,
        amount=st.sampled_from([1, 5, 20]),
        minutes=st.sampled_from([0, 0, 1, 9, 11]),
        change=st.booleans(),
    )
    def asks_and_is_answered(self, who: Who, amount: int, minutes: int, *, change: bool) -> None:
        """Somebody asks, a person agrees, and time or the policy goes on before the call is made."""
        known = len(self.account.asked)
        self.asks(who, amount, "plain")
        if len(self.account.asked) == known:
            return
        self.somebody_answers(known, agrees=True)
        if change and minutes:
            self._the_policy_changes(self.world.few, self.world.most - 1)
        self.time_passes(minutes)
        self.asks(who, amount, "plain")
        self.asks(who, amount, "plain")

    @rule(who=WHO, key=st.sampled_from(["k1", "k2", "k3", "k9", "order"]))
    def looks(self, who: Who, key: str) -> None:
        """Somebody reads an object, their own or another's."""
        raised: AgentGuardError | None = None
        with self._as(who, None) as caller:
            self.running = (caller, "look", 0)
            try:
                self.world.look(key)
            except AgentGuardError as error:
                raised = error
        self.running = None
        allowed = key in ORDERS[who[1]] and self._fits(caller, "look", 0)
        assert (raised is None) == allowed, raised
        if allowed:
            self.account.intents["look", caller.session_key] += 1
            self._charge(self.account.charged, caller, "look", 0)

    @rule(who=WHO)
    def sends(self, who: Who) -> None:
        """Somebody uses a tool that is tied to one environment."""
        raised: AgentGuardError | None = None
        with self._as(who, None) as caller:
            self.running = (caller, "send", 0)
            try:
                self.world.send(self.world.canary)
            except AgentGuardError as error:
                raised = error
        self.running = None
        assert (raised is None) == (who[2] == "prod"), raised
        self.account.intents["send", caller.session_key] += raised is None

    @rule(
        who=WHO,
        calls=st.integers(1, 3),
        most=st.sampled_from([5, 20, 40]),
        minutes=st.sampled_from([1, 30]),
        chosen=st.none() | st.integers(0, 9),
    )
    def hands_out(self, who: Who, calls: int, most: int, minutes: int, chosen: int | None) -> None:
        """An agent hands a part of what it may do to another one, who may hand on a part of that."""
        above = (
            self.grants[chosen % len(self.grants)] if chosen is not None and self.grants else None
        )
        if above is not None:
            if above.above is not None:
                return
            who = above.who
            calls, most = min(calls, above.calls), min(most, above.most)
        highest = 20 if above is None else 40  # wider than the one above, which holds all the same
        holder = "agent:helper" if above is None else "agent:b"
        if who[0] == holder:
            holder = "agent:a"
        until = self.world.now + timedelta(minutes=minutes)
        try:
            with self._as(who, above):
                grant = self.world.guard.grant(
                    holder,
                    tools={"pay": {"amount": {"int": [0, highest]}, "memo": {"any": True}}},
                    within=timedelta(minutes=minutes),
                    calls=calls,
                    sums={"amount": most},
                    depth=1 if above is None else 0,
                )
        except IdentityRequired:
            assert above is not None
            assert any(each.until <= self.world.now for each in above.all)
            return
        if above is not None:
            until = min(until, above.until)
        self.grants.append(Handed(grant, who, above, calls, most, highest, until))

    @precondition(lambda self: self.stale)
    @rule(chosen=st.integers(0, 9))
    def takes_up_a_grant_of_before(self, chosen: int) -> None:
        """A grant that another process counted is taken up by nobody."""
        handed = self.stale[chosen % len(self.stale)]
        with pytest.raises(IdentityRequired), self._as(handed.who, handed):
            pytest.fail("a grant was taken up whose account is lost")

    @precondition(lambda self: self.account.asked)
    @rule(chosen=st.integers(0, 9), agrees=st.sampled_from([True, True, True, False]))
    def somebody_answers(self, chosen: int, *, agrees: bool) -> None:
        """A person answers a request, perhaps late."""
        name = list(self.account.asked)[chosen % len(self.account.asked)]
        if self.world.answer(name, agrees=agrees) and agrees:
            self.account.agreed[name] = Agreed(self.account.asked[name], self.world.now)

    @rule(minutes=st.sampled_from([1, 9, 11, 31, 241, 6 * 24 * 60, -1, -31, -6 * 24 * 60]))
    def time_passes(self, minutes: int) -> None:
        """The clock goes on, or is set back."""
        self.world.now += timedelta(minutes=minutes)

    @rule(
        what=st.sampled_from(["breaks", "dies", "anew", "replay", "erase", "erase", "change"]),
        few=st.integers(1, 6),
        most=st.sampled_from([10, 40, 60, 100]),
        person=st.sampled_from(["user:alice", "user:bob", "user:nobody"]),
        before=st.booleans(),
    )
    def an_operator_acts(
        self, what: str, few: int, most: int, person: str, *, before: bool
    ) -> None:
        """An operator changes the policy, erases, replays, or starts the program again."""
        acts: dict[str, Callable[[], None]] = {
            "breaks": self._the_policy_breaks,
            "dies": self._the_process_dies,
            "anew": self._the_guard_is_made_anew,
            "replay": self._calls_are_replayed,
            "erase": lambda: self._facts_are_erased(person, before=before),
            "change": lambda: self._the_policy_changes(few, most),
        }
        acts[what]()

    def _the_policy_changes(self, few: int, most: int) -> None:
        """Other caps come into force; what is used up stays used up."""
        self.world.few, self.world.most = few, most
        self.world.write_policy()
        self.world.guard.reload()
        self.world.remember_policy()

    def _the_policy_breaks(self) -> None:
        """A file that cannot be used changes nothing."""
        before = self.world.guard.policy_state.digest
        self.world.write_policy("\n[limit.more]\ncalls = 0\n")
        with pytest.raises(ConfigError):
            self.world.guard.reload()
        assert self.world.guard.policy_state.digest == before
        self.world.write_policy()

    def _the_process_dies(self) -> None:
        """The process dies between two calls, with what it had not written yet."""
        self.world.crash()
        self._go_on()

    def _the_guard_is_made_anew(self) -> None:
        """The program ends in order, and starts again."""
        self.world.guard.close()
        self.stale += self.grants
        self.grants = []
        self.world.open()

    def _facts_are_erased(self, person: str, *, before: bool) -> None:
        """An operator erases what is kept of a person's calls, and nobody else's."""
        self.world.flush()
        store = FactsStore(self.world.database)
        known = self.world.kept()
        moment = self.world.now if before else None
        gone = store.erase(self.world.keeper.selection(person=person, before=moment))
        left = self.world.kept()
        erased = [
            each for each in known if each.person == person and (moment is None or each.at < moment)
        ]
        assert (gone, len(left)) == (len(erased), len(known) - len(erased))
        assert not [each for each in left if each in erased]

    def _calls_are_replayed(self) -> None:
        """Recorded calls are decided again, while the guard runs."""
        self.world.flush()
        self.world.replay()

    @invariant()
    def the_accounts_agree(self) -> None:
        """What the store says is used up is what the machine counted, and nothing ran beyond it."""
        charged = self.account.charged
        assert self.world.spent() == {place: used for place, used in charged.items() if used}
        assert all(used <= charged[place] for place, used in self.account.ran.items())

    def _compare_log(self) -> None:
        """Every call that was dispatched has its intent, and every intent is of a call."""
        intents = self.world.intents()
        for place in {*intents, *self.account.intents}:
            tool, most = place[0], self.account.intents[place]
            # A crash may lose the last milliseconds of what changes nothing or is not counted.
            lost = self.world.crashes and tool == "send"
            assert (0 if lost else self.account.dispatched[place]) <= intents[place] <= most
            assert lost or intents[place] == most, place


def test_long_sessions_keep_what_was_promised(new_world: "type[World]") -> None:
    """No order of calls, crashes, clocks and operators passes a cap, loses an entry or tells a text."""

    class Here(Sessions):
        def __init__(self) -> None:
            super().__init__(new_world())

    run_state_machine_as_test(
        Here,
        settings=settings(max_examples=10, stateful_step_count=30, deadline=None, print_blob=True),
    )
