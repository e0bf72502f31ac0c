# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the scenarios stand on?

A guard, a provider on loopback, tools that note what they did, an approver and a clock that can be
moved. It knows no framework.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from agentguard.approvals import sign_vote, with_vote
from agentguard.audit import parse_entry, verify
from agentguard.guard import Guard
from agentguard.signing import new_key
from agentguard.stores import Journal, SqliteReader, SqliteStore
from agentguard.testing.answers import Answer, ToolRequest
from agentguard.testing.contract.policy import AGENT, ALICE, CAROL, PROFILE, policy_text
from agentguard.testing.loopback import LoopbackProvider
from agentguard.vocabulary import Answer as Vote
from agentguard.vocabulary import (
    ApprovalChange,
    ApprovalRequest,
    AuditEntry,
    Boundary,
    EntryType,
)
from agentguard.wiring import now

ADDRESS = "jane.doe@customers.example"
SECRET = "sk-proj-" + "Q7mZ2xK9vT4bN8cL1wR5yH3j" * 2

Say = Callable[[str], Answer]
"""Gives an answer of the model to what the request says, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How far a run of an agent came.

    Attributes:
        answer: what the user is told at the end, None for a run that did not come so far. In a
            mode that streams it is put together from the pieces that were streamed.
        pending: the ids of the approval requests that the run waits for, as the framework's own
            interruption carries them.
        state: what ``IntegrationContract.resume`` needs, the framework's own state. It must
            survive JSON, since another process may take the run up.
    """

    answer: str | None = field(default=None, repr=False)
    pending: tuple[str, ...] = ()
    state: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Effect:
    """One execution of a tool, with what it got."""

    tool: str
    arguments: Mapping[str, Any] = field(repr=False)


class Ground:
    """What one scenario stands on.

    An adapter uses ``guard``, ``base_url``, ``model``, ``folder`` and ``functions``; the rest is
    for the scenarios.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.provider = LoopbackProvider(self._respond)
        self.model = "loopback-model"
        self.effects: list[Effect] = []
        self._later = timedelta(0)
        self._script: list[Say] = []
        self._guards: list[Guard] = []
        self._approver, public = new_key()
        self._policy = folder / "agentguard.toml"
        self._policy.write_text(policy_text(public), encoding="utf-8")
        self.guard = self._new_guard()
        self._store = SqliteStore(folder / "agentguard.db")

    @property
    def base_url(self) -> str:
        """Where the provider is."""
        return self.provider.base_url

    def functions(self, *, asynchronous: bool) -> dict[str, Callable[..., Any]]:
        """Return the plain, unguarded tools by their names.

        They are ``lookup(order)``, ``refund(order, amount)``, ``send_mail(to, text)`` and
        ``wipe(account)``; each returns a text.

        Args:
            asynchronous: whether they are coroutine functions.
        """
        return _async_tools(self._note) if asynchronous else _tools(self._note)

    def acting(
        self, person: str = ALICE, *, guard: Guard | None = None
    ) -> AbstractContextManager[Any]:
        """Act as the agent for somebody, in a session that can be met again."""
        return (guard or self.guard).identity(AGENT, on_behalf_of=person, session="contract")

    def elsewhere(self) -> "Ground":
        """Return the same ground as another process sees it: another guard of the same store."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.guard = self._new_guard()
        return twin

    def script(self, *said: Say) -> None:
        """Say what the model answers, in order; what is said last is said from then on."""
        self._script[:] = said

    def _respond(self, request: Mapping[str, Any]) -> Answer:
        """Answer a request of the model API."""
        say = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return say(json.dumps(request, ensure_ascii=False))

    def vote(self, request_id: str, *, approve: bool = True) -> None:
        """Answer a request as the approver's own process does, with a signature."""
        request = self.request(request_id)
        vote = sign_vote(
            request,
            approver=CAROL,
            answer=Vote.APPROVE if approve else Vote.REJECT,
            at=self._now(),
            private_key=self._approver,
        )
        profile = self.guard.enforcer.core.policy.profiles[PROFILE]
        after = with_vote(request, vote, profile, self._now())
        journal = Journal(self._store, now)
        entry = AuditEntry(type=EntryType.APPROVAL_VOTED, at=self._now())
        change = ApprovalChange(before=request, after=after, vote=vote)
        journal.append(entry, durable=True, change=change)
        journal.close()

    def request(self, request_id: str) -> ApprovalRequest:
        """Return a request for approval as it stands in the store.

        Raises:
            AssertionError: there is none.
        """
        found = self._store.approval(request_id)
        if found is None:
            raise AssertionError("the run waits for an approval that the guard never asked for")
        return found

    def waiting(self, tool: str) -> tuple[ApprovalRequest, ...]:
        """Return the requests of the acting session for a tool that have not ended for good."""
        caller = self.guard.enforcer.identities.presented(None)
        key = "" if caller is None else caller.session_key
        return self._store.open_approvals(key, tool)

    def move_clock(self, by: timedelta) -> None:
        """Let time pass for every guard of this ground."""
        self._later += by

    def intents(self) -> list[AuditEntry]:
        """Close the guards and return what the log says was about to happen in tools.

        Raises:
            AssertionError: the log does not verify.
        """
        self.close()
        reader = SqliteReader(self.folder / "agentguard.db")
        found = verify(reader.logs())
        if found.integrity.ranges or found.completeness.ranges:
            raise AssertionError(f"{found.integrity.sentence}; {found.completeness.sentence}")
        entries = (parse_entry(row.content).entry for log in reader.logs() for row in log.rows)
        return [e for e in entries if e.type is EntryType.INTENT and e.boundary is Boundary.TOOL]

    def close(self) -> None:
        """Close the guards and the approver's store."""
        for guard in self._guards:
            guard.close()
        self._store.close()

    def _note(self, tool: str, **arguments: Any) -> None:
        self.effects.append(Effect(tool, arguments))

    def _now(self) -> Any:
        return now() + self._later

    def _new_guard(self) -> Guard:
        guard = Guard.from_file(self._policy)
        guard.enforcer.core = replace(guard.enforcer.core, now=self._now)
        self._guards.append(guard)
        return guard


@contextmanager
def prepared(folder: Path) -> Iterator[Ground]:
    """Prepare a ground in an empty folder, and take it down."""
    ground = Ground(folder)
    try:
        with ground.provider:
            yield ground
    finally:
        ground.close()


def says(text: str) -> Say:
    """Let the model say a text."""
    return lambda _: Answer(content=text, cut=3)


def asks_for(tool: str, **arguments: Any) -> Say:
    """Let the model ask for a tool."""
    return lambda _: Answer(tool_calls=(ToolRequest(tool, arguments),))


def _tools(note: Callable[..., None]) -> dict[str, Callable[..., Any]]:
    def lookup(order: str) -> str:
        """Look an order up."""
        note("lookup", order=order)
        return f"{order} was sent to {ADDRESS}, with the key {SECRET}"

    def refund(order: str, amount: int) -> str:
        """Give money back."""
        note("refund", order=order, amount=amount)
        return f"refunded {amount}"

    def send_mail(to: str, text: str) -> str:
        """Send a letter."""
        note("send_mail", to=to, text=text)
        return f"sent to {to}"

    def wipe(account: str) -> str:
        """Delete an account for good."""
        note("wipe", account=account)
        return "deleted"

    return {each.__name__: each for each in (lookup, refund, send_mail, wipe)}


def _async_tools(note: Callable[..., None]) -> dict[str, Callable[..., Any]]:
    plain = _tools(note)

    async def lookup(order: str) -> str:
        """Look an order up."""
        return str(plain["lookup"](order))

    async def refund(order: str, amount: int) -> str:
        """Give money back."""
        return str(plain["refund"](order, amount))

    async def send_mail(to: str, text: str) -> str:
        """Send a letter."""
        return str(plain["send_mail"](to, text))

    async def wipe(account: str) -> str:
        """Delete an account for good."""
        return str(plain["wipe"](account))

    return {each.__name__: each for each in (lookup, refund, send_mail, wipe)}
