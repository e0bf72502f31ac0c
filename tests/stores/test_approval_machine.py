# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Approvals on a real database, whatever people, clocks, racers and crashes do.

The machine keeps its own account of who may have voted when, and compares.
"""

import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from agentguard.approvals import (
    ENDED,
    ApprovalConflict,
    cancel,
    claim,
    expire_if_due,
    finish,
    lapse,
    new_request,
    sign_vote,
    with_vote,
)
from agentguard.audit import VerdictState, parse_entry, verify
from agentguard.signing import new_key
from agentguard.stores import ChangeLost, Journal, SqliteReader, SqliteStore
from agentguard.vocabulary import (
    Answer,
    ApprovalChange,
    ApprovalProfile,
    ApprovalRequest,
    ApprovalState,
    Approver,
    AuditEntry,
    Caller,
    Chain,
    EntryType,
    Impact,
    Principal,
    PrincipalKind,
    ToolCall,
    Vote,
)

LEGITIMATE = ("user:carol", "user:dave", "user:erin")
REQUESTER = "user:alice"
STRANGER = "user:mallory"
KEYS = {name: new_key() for name in (*LEGITIMATE, REQUESTER, STRANGER)}
LISTED = tuple(Approver(id=name, key=KEYS[name][1]) for name in (*LEGITIMATE, REQUESTER))
LEASE = timedelta(minutes=5)
DECIDE = timedelta(minutes=60)
EXECUTE = timedelta(minutes=10)


def _profile(need: int) -> ApprovalProfile:
    return ApprovalProfile(
        name="leads",
        approvers=LISTED,
        need=need,
        decide_within=DECIDE,
        execute_within=EXECUTE,
        wait=timedelta(0),
    )


CALLER = Caller(
    chain=Chain(
        principals=(
            Principal(id=REQUESTER, kind=PrincipalKind.USER),
            Principal(id="agent:support", kind=PrincipalKind.AGENT),
        )
    ),
    session="conv-1",
)


@dataclass
class Account:
    """What the machine itself knows of a request."""

    need: int
    asked_at: datetime
    approved_by: dict[str, datetime] = field(default_factory=dict)
    rejected: bool = False
    claims: int = 0
    runs: int = 0
    end: ApprovalState | None = None

    def may_run(self, now: datetime) -> bool:
        """Say whether people have agreed, in time, by the machine's own account."""
        times = sorted(self.approved_by.values())
        if self.rejected or len(times) < self.need:
            return False
        return now <= times[self.need - 1] + EXECUTE


class Approvals(RuleBasedStateMachine):
    """People, agents, racers, crashes and an attacker, around one database."""

    requests: Bundle[str] = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="agentguard-")
        self.place = Path(self.folder.name) / "guard.db"
        self.now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
        self.accounts: dict[str, Account] = {}
        self.crashed: list[Journal] = []
        self.store = SqliteStore(self.place)
        self.journal = Journal(self.store, lambda: self.now)

    def teardown(self) -> None:
        """Close everything and compare the audit log with the account."""
        for journal in (*self.crashed, self.journal):
            journal.close()
        reader = SqliteReader(self.place)
        assert verify(reader.logs()).integrity.state is VerdictState.HOLDS
        entries = [parse_entry(row.content).entry for log in reader.logs() for row in log.rows]
        intents = [one.approval_id for one in entries if one.type is EntryType.INTENT]
        for name, account in self.accounts.items():
            assert intents.count(name) == account.claims
        self.folder.cleanup()

    def _write(
        self,
        kind: EntryType,
        before: ApprovalRequest | None,
        after: ApprovalRequest,
        vote: Vote | None = None,
    ) -> bool:
        entry = AuditEntry(type=kind, at=self.now, call_id=after.call_id, approval_id=after.id)
        change = ApprovalChange(before=before, after=after, vote=vote)
        try:
            self.journal.append(entry, durable=True, change=change)
        except ChangeLost:
            return False
        return True

    def _read(self, name: str) -> ApprovalRequest:
        request = self.store.approval(name)
        assert request is not None
        return request

    @initialize(target=requests, need=st.integers(1, 2))
    def ask_first(self, need: int) -> str:
        """Ask people about a call."""
        return self._ask(need)

    @rule(target=requests, need=st.integers(1, 2))
    def ask(self, need: int) -> str:
        """Ask people about another call."""
        return self._ask(need)

    def _ask(self, need: int) -> str:
        name = f"r{len(self.accounts)}"
        arguments = {"amount": 500}
        request = new_request(
            id=name,
            nonce=name.encode().ljust(32, b"n"),
            salt=name.encode().ljust(32, b"s"),
            call=ToolCall(
                id=f"call-{name}",
                tool="refund",
                definition="sha256:d",
                received=arguments,
                resolved=arguments,
            ),
            caller=CALLER,
            requesters=(),
            impact=Impact.IRREVERSIBLE,
            rule="refund-large",
            policy="sha256:p",
            profile=_profile(need),
            shown="{}",
            now=self.now,
        )
        assert self._write(EntryType.APPROVAL_REQUESTED, None, request)
        self.accounts[name] = Account(need=need, asked_at=self.now)
        return name

    @rule(minutes=st.sampled_from([-3, 1, 4, 11, 70]))
    def the_clock_jumps(self, minutes: int) -> None:
        """Time passes, or is set back a little."""
        self.now += timedelta(minutes=minutes)

    @rule(
        name=requests,
        approver=st.sampled_from([*LEGITIMATE, *LEGITIMATE, REQUESTER, STRANGER]),
        answer=st.sampled_from([Answer.APPROVE] * 4 + [Answer.REJECT]),
        forged=st.sampled_from([False] * 4 + [True]),
        dated=st.sampled_from([0, 0, 0, -90, 20]),
    )
    def somebody_votes(
        self,
        name: str,
        approver: str,
        answer: Answer,
        *,
        forged: bool,
        dated: int,
    ) -> None:
        """Somebody answers: an approver, the requester, a stranger or a forger."""
        request, account = self._read(name), self.accounts[name]
        signer = STRANGER if forged else approver
        at = self.now + timedelta(minutes=dated)
        vote = sign_vote(
            request, approver=approver, answer=answer, at=at, private_key=KEYS[signer][0]
        )
        try:
            after = with_vote(request, vote, _profile(account.need), self.now)
        except ApprovalConflict:
            return
        assert signer == approver
        assert approver in LEGITIMATE
        assert account.asked_at <= at <= min(self.now, account.asked_at + DECIDE)
        assert approver not in account.approved_by
        assert self._write(EntryType.APPROVAL_VOTED, request, after, vote)
        if answer is Answer.APPROVE:
            account.approved_by[approver] = at
        else:
            account.rejected = True

    @rule(
        name=requests,
        agreed=st.sampled_from([True, True, False]),
        minutes=st.integers(0, 12),
        racers=st.integers(1, 3),
        crash=st.sampled_from([False, False, True]),
    )
    def agents_claim(
        self, name: str, *, agreed: bool, minutes: int, racers: int, crash: bool
    ) -> None:
        """Some agents make the call at once, from the same reading; the winner may crash."""
        if agreed:
            for approver in LEGITIMATE[:2]:
                self.somebody_votes(name, approver, Answer.APPROVE, forged=False, dated=0)
        self.now += timedelta(minutes=minutes)
        request, account = self._read(name), self.accounts[name]
        for _ in range(racers):
            try:
                profile = _profile(account.need)
                after = claim(request, profile, self.now, self.journal.stream, LEASE)
            except ApprovalConflict:
                continue
            assert account.may_run(self.now)
            if not self._write(EntryType.INTENT, request, after):
                continue
            account.claims += 1
            event("claimed")
            if crash:
                self.the_process_crashes()
                continue
            account.runs += 1
            done = finish(after, ApprovalState.DONE)
            assert self._write(EntryType.OUTCOME, after, done)

    @rule()
    def the_process_crashes(self) -> None:
        """The process is gone and another opens the database; the old one never writes again."""
        self.crashed.append(self.journal)
        self.store = SqliteStore(self.place)
        self.journal = Journal(self.store, lambda: self.now)

    @rule()
    def somebody_sweeps(self) -> None:
        """What is due expires or lapses."""
        for request in self.store.approvals():
            after = expire_if_due(request, self.now) or lapse(request, self.now)
            if after is not None:
                assert self._write(EntryType.APPROVAL_ENDED, request, after)

    @rule(name=requests, really=st.sampled_from([False, False, True]))
    def the_agent_cancels(self, name: str, *, really: bool) -> None:
        """The agent withdraws its question, now and then."""
        if not really:
            return
        request = self._read(name)
        with suppress(ApprovalConflict):
            assert self._write(EntryType.APPROVAL_ENDED, request, cancel(request))

    @rule(name=requests, lengthen=st.booleans())
    def somebody_writes_approved_into_the_database(self, name: str, lengthen: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """An attacker with the file, but without a key, forges an approval."""
        decided = self.now + timedelta(days=9 if lengthen else 0)
        with closing(sqlite3.connect(self.place, timeout=5)) as connection, connection:
            connection.execute(
                "UPDATE approval SET state = 'approved', decided_at = ?"
                " WHERE id = ? AND state IN ('pending', 'approved')",
                (decided.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z", name),
            )

    @invariant()
    def nothing_runs_twice_or_unasked(self) -> None:
        """Runs never exceed claims, claims never exceed one, and none is without people."""
        for account in self.accounts.values():
            assert account.runs <= account.claims <= 1
            assert account.claims == 0 or len(account.approved_by) >= account.need

    @invariant()
    def what_ended_stays_ended(self) -> None:
        """A request seen in an ended state is never seen in another; expired was never claimed."""
        for request in self.store.approvals():
            account = self.accounts[request.id]
            if account.end is not None:
                assert request.state is account.end
            elif request.state in ENDED:
                account.end = request.state
            if request.state in (ApprovalState.EXPIRED, ApprovalState.REJECTED):
                assert account.claims == 0


Approvals.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, print_blob=True
)
TestApprovals = Approvals.TestCase
