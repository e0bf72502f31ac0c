# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does an agent's call of a tool pass the guard, and who answers when a person is asked?

The real guard under a policy file, with approvals on disk and an approver's real key. Whoever
answers sees which call it is and nothing else; the guard never knows which calls are honest.
"""

import inspect
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from talking import Talking

from agentguard import ApprovalPending, CallRefused, Guard
from agentguard.approvals import sign_vote, with_vote
from agentguard.config import load
from agentguard.signing import new_key
from agentguard.stores import Journal, SqliteStore
from agentguard.vocabulary import Answer, ApprovalChange, AuditEntry, EntryType
from agentguard.wiring import now

AGENT, PERSON, APPROVER = "agent:assistant", "user:account-owner", "user:approver"
# What stands in the policy files; the benchmark holds the key of another one.
KEY_IN_FILES = "ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

Perform = Callable[[str, dict[str, Any]], Any]


class Outcome(StrEnum):
    """What became of a call."""

    ALLOWED = "allowed"
    APPROVED = "approved"
    UNANSWERED = "unanswered"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True)
class Described:
    """What is known of a tool: its name, its words and its arguments."""

    name: str
    description: str
    signature: inspect.Signature


@dataclass
class Called:
    """A call and what became of it.

    Attributes:
        tool: its name.
        outcome: what became of it.
        result: what the tool returned.
        why: what the refusal said.
        added: what the guard took before the tool ran or was refused, in microseconds; None for
            calls that somebody was asked about.
    """

    tool: str
    outcome: Outcome
    result: Any = field(default=None, repr=False)
    why: str = ""
    added: float | None = None

    @property
    def ran(self) -> bool:
        """Say whether the tool did its work."""
        return self.outcome in {Outcome.ALLOWED, Outcome.APPROVED}

    @property
    def asked(self) -> bool:
        """Say whether somebody was asked."""
        return self.outcome in {Outcome.APPROVED, Outcome.UNANSWERED}


class GuardedAgent:
    """The tools of one suite behind a guard of one policy."""

    def __init__(self, policy: Path, tools: Iterable[Described]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="agentguard-")
        self._private, public = new_key()
        self._path = Path(self._folder.name) / "agentguard.toml"
        self._path.write_text(policy.read_text().replace(KEY_IN_FILES, public))
        self.guard = Guard.from_file(self._path)
        self._profiles = load(self._path).policy.profiles
        self._perform: Perform | None = None
        self._begun = 0.0
        self._tools = {tool.name: self.guard.tool(self._function(tool)) for tool in tools}
        self._talking = Talking(self.guard)
        self._sessions = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._talking.__exit__(kind, error, trace)
        self.guard.close()
        self._folder.cleanup()

    def _function(self, tool: Described) -> Callable[..., Any]:
        """Return a function with the tool's own arguments, as an author would have written it."""

        def function(**arguments: Any) -> Any:
            self._begun = time.perf_counter()
            if self._perform is None:
                raise LookupError("no conversation")
            return self._perform(tool.name, arguments)

        function.__name__ = function.__qualname__ = tool.name
        function.__doc__ = tool.description
        function.__annotations__ = {
            name: each.annotation for name, each in tool.signature.parameters.items()
        }
        function.__signature__ = tool.signature  # type: ignore[attr-defined]  # read by inspect
        return function

    @contextmanager
    def conversation(self, prompt: str, perform: Perform) -> Iterator[None]:
        """Begin a conversation in which the user says *prompt*."""
        self._sessions += 1
        self._perform = perform
        session = f"s{self._sessions}"
        with self.guard.identity(AGENT, on_behalf_of=PERSON, session=session):
            self._talking.begin(prompt)
            yield
        self._perform = None

    def hear(self, said: str) -> None:
        """Let the user say something more."""
        self._talking.hear(said)

    def call(self, tool: str, arguments: dict[str, Any], *, agreed: bool) -> Called:
        """Let the agent call a tool; *agreed* says what a person answers who is asked."""
        self._talking.ask(tool, arguments)
        called = self._called(tool, arguments, agreed=agreed)
        result = called.result if called.ran else called.outcome.value
        self._talking.told(result if isinstance(result, str) else json.dumps(result))
        return called

    def _called(self, tool: str, arguments: dict[str, Any], *, agreed: bool) -> Called:
        try:
            return self._timed(tool, arguments)
        except ApprovalPending as pending:
            told = str(pending)
            if not agreed:
                return Called(tool, Outcome.UNANSWERED, why=told)
            self._approve(pending.request_id)
        called = self._timed(tool, arguments)
        if called.outcome is not Outcome.ALLOWED:
            return called
        return replace(called, outcome=Outcome.APPROVED, why=told, added=None)

    def answer(self, words: str) -> str:
        """Return what the user is told where the agent says *words* in the end."""
        return self._talking.last_words(words)

    def _timed(self, tool: str, arguments: dict[str, Any]) -> Called:
        started = time.perf_counter()
        try:
            result = self._tools[tool](**arguments)
        except CallRefused as refused:
            added = (time.perf_counter() - started) * 1e6
            return Called(tool, Outcome.DENIED, why=str(refused), added=added)
        except LookupError as error:
            return Called(tool, Outcome.FAILED, result=str(error))
        added = (self._begun - started) * 1e6
        return Called(tool, Outcome.ALLOWED, result=result, added=added)

    def _approve(self, request: str) -> None:
        """Approve as an approver's process does: by a signed vote in the store."""
        store = SqliteStore(self._path.parent / "agentguard.db")
        try:
            before = store.approval(request)
            if before is None:
                raise LookupError(request)
            vote = sign_vote(
                before,
                approver=APPROVER,
                answer=Answer.APPROVE,
                at=now(),
                private_key=self._private,
            )
            after = with_vote(before, vote, self._profiles["owner"], now())
            journal = Journal(store, now)
            journal.append(
                AuditEntry(type=EntryType.APPROVAL_VOTED, at=now()),
                durable=True,
                change=ApprovalChange(before=before, after=after, vote=vote),
            )
            journal.close()
        finally:
            store.close()
