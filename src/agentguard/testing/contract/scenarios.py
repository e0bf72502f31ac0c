# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must hold for every integration of a framework?

Subclass ``IntegrationContract`` in a test file, name the subclass ``Test...``, say which modes the
framework has, and write its three methods; pytest runs every scenario in every mode.

    class TestContract(IntegrationContract):
        modes = ("sync", "async", "sync-stream", "async-stream")

        def run(self, ground, text, mode): ...     # an agent with ground.functions(), guarded
        def resume(self, ground, ran, mode): ...   # the framework's own yes, and on with the run
        def call(self, ground, tool, arguments, mode): ...   # the guarded tool, without an agent

Nothing here imports pytest. A scenario fails with an AssertionError that says what did not hold.

INVARIANT: each scenario fails for an integration that guards nothing
(tests/testing/test_contract_itself.py).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar
from unittest import SkipTest

from agentguard.errors import (
    AgentGuardError,
    ApprovalExpired,
    ApprovalPending,
    ApprovalRejected,
    CallRefused,
    DeniedByPolicy,
    IdentityRequired,
)
from agentguard.testing.answers import Answer, ToolRequest
from agentguard.testing.contract.ground import (
    ADDRESS,
    SECRET,
    Ground,
    Ran,
    Say,
    asks_for,
    prepared,
    says,
)
from agentguard.testing.contract.policy import BOB, LOOKUP_RULE

E = TypeVar("E", bound=AgentGuardError)

MARK = re.compile(r"\[\[[A-Z_]+:[A-Z2-7]{8}\]\]")
PROJECT = "operation silver falcon"
BEYOND_THE_QUESTION, BEYOND_THE_APPROVAL = timedelta(hours=5), timedelta(minutes=11)


class IntegrationContract:
    """The scenarios; see the module for how to use it.

    Attributes:
        modes: the ways in which the framework runs an agent. A name with ``stream`` in it says
            that answers are streamed, one with ``async`` that tools are coroutine functions.
        leaves_out: scenarios that the framework cannot have, by the names of their tests without
            ``test_``, with the reason, which is told where tests are skipped.
    """

    modes: ClassVar[tuple[str, ...]] = ("sync", "async")
    leaves_out: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def run(self, ground: Ground, text: str, mode: str) -> Ran:
        """Run a guarded agent that has all of ``ground.functions()`` as tools.

        Whoever acts is bound around this call already. The state of the framework's own goes into
        ``Ran.state`` and into files of ``ground.folder``.

        Args:
            ground: gives the guard, the provider's address and the tools.
            text: what the user says.
            mode: one of ``modes``.
        """
        raise NotImplementedError

    def resume(self, ground: Ground, ran: Ran, mode: str) -> Ran:
        """Answer the framework's own pause with its own yes, and go on with the run.

        Build the agent anew: the ground may be that of another process. What was resumed before
        may be resumed again, and either does nothing or raises.
        """
        raise NotImplementedError

    def call(self, ground: Ground, tool: str, arguments: dict[str, Any], mode: str) -> Any:
        """Call one guarded tool as the framework lets a program do it, without an agent."""
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Run each scenario in each mode, or in each that does not stream, where that says all."""
        if "mode" in metafunc.fixturenames:
            metafunc.parametrize("mode", self.modes)
        if "whole_mode" in metafunc.fixturenames:
            whole = [mode for mode in self.modes if "stream" not in mode]
            metafunc.parametrize("whole_mode", whole)

    def test_an_allowed_call_runs(self, tmp_path: Path, mode: str) -> None:
        """A tool that a rule allows runs once, and the model's answer reaches the user."""
        with self._ground(tmp_path, "an_allowed_call_runs") as ground:
            ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))
            with ground.acting():
                ran = self.run(ground, "where is my order?", mode)
            _require(ran.answer == "all done", "the answer is what the model said")
            _require(_effects(ground) == [("lookup", {"order": "ORD-0001"})], "it ran once")

    def test_a_denied_call_does_not_run(self, tmp_path: Path, mode: str) -> None:
        """A call that no rule allows does not run, and the model is told nothing of the rules."""
        with self._ground(tmp_path, "a_denied_call_does_not_run") as ground:
            ground.script(asks_for("lookup", order="everything"), says("all done"))
            with ground.acting():
                error = _error_of(lambda: self.run(ground, "where is my order?", mode))
            _require(not ground.effects, "nothing ran")
            _require(not ground.provider.saw(LOOKUP_RULE), "the model is told no rule")
            _told_or_raised(ground, error, DeniedByPolicy, "this call is not permitted")

    def test_a_denied_tool_is_hidden(self, tmp_path: Path, mode: str) -> None:
        """A tool that whoever acts may never call is not shown to the model, and does not run."""
        with self._ground(tmp_path, "a_denied_tool_is_hidden") as ground:
            ground.script(asks_for("wipe", account="ACC-1"), says("all done"))
            with ground.acting():
                _error_of(lambda: self.run(ground, "delete me", mode))
            _require(not ground.effects, "nothing ran")
            for request in ground.provider.journal:
                offered = _offered(request.json)
                _require("wipe" not in offered, "the tool is hidden")
                _require("lookup" in offered, "what may be called is shown")

    def test_nothing_sensitive_reaches_the_provider(self, tmp_path: Path, mode: str) -> None:
        """What the user says and what a tool returns is redacted before the provider sees it."""
        with self._ground(tmp_path, "nothing_sensitive_reaches_the_provider") as ground:
            ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))
            with ground.acting():
                self.run(ground, f"I am {ADDRESS}, my key is {SECRET}", mode)
            _require(len(ground.effects) == 1, "the tool ran")
            _require(len(ground.provider.journal) > 1, "its result went to the model")
            for canary in (ADDRESS, SECRET):
                _require(not ground.provider.saw(canary), "nothing sensitive left")

    def test_placeholders_are_turned_back(self, tmp_path: Path, mode: str) -> None:
        """A tool that may receive an address gets it, and so does the user, but no provider."""

        def asks_to_write(request: str) -> Answer:
            return asks_for("send_mail", to=_mark(request), text="hello")(request)

        with self._ground(tmp_path, "placeholders_are_turned_back") as ground:
            ground.script(asks_to_write, lambda request: says(f"wrote to {_mark(request)}")(""))
            with ground.acting():
                ran = self.run(ground, f"write to {ADDRESS}", mode)
            expected = [("send_mail", {"to": ADDRESS, "text": "hello"})]
            _require(_effects(ground) == expected, "the tool got the address")
            _require(ran.answer == f"wrote to {ADDRESS}", "the user got the address")
            _require(not ground.provider.saw(ADDRESS), "the provider did not")

    def test_an_answer_is_checked(self, tmp_path: Path, mode: str) -> None:
        """What a model may not say does not reach the user, in pieces of a stream or whole."""
        with self._ground(tmp_path, "an_answer_is_checked") as ground:
            ground.script(says(f"about {PROJECT}, then"))
            with ground.acting():
                ran = self.run(ground, "what is new?", mode)
            (request,) = ground.provider.journal
            _require((request.json.get("stream") is True) == ("stream" in mode), "it streams")
            _require(ran.answer is not None and ", then" in ran.answer, "there is an answer")
            _require(PROJECT not in str(ran.answer), "without what it may not hold")

    def test_an_approved_call_runs_once(self, tmp_path: Path, mode: str) -> None:
        """A call that needs a person waits, and runs once when the run is resumed."""
        with self._ground(tmp_path, "an_approved_call_runs_once") as ground:
            ran = self._pause(ground, mode)
            ground.vote(ran.pending[0])
            with ground.acting():
                done = self.resume(ground, ran, mode)
            _require(_effects(ground) == [("refund", REFUND)], "it ran once")
            _require(not done.pending, "nothing waits any more")
            _require(done.answer == "all done", "the run came to its end")

    def test_the_frameworks_own_yes_approves_nothing(self, tmp_path: Path, mode: str) -> None:
        """Without a person's signature, resuming the run leaves the call waiting."""
        with self._ground(tmp_path, "the_frameworks_own_yes_approves_nothing") as ground:
            ran = self._pause(ground, mode)
            with ground.acting():
                again = self.resume(ground, ran, mode)
            _require(not ground.effects, "nothing ran")
            _require(again.pending == ran.pending, "the run waits for the same approval")
            ground.vote(ran.pending[0])
            with ground.acting():
                self.resume(ground, again, mode)
            _require(_effects(ground) == [("refund", REFUND)], "it runs when it is approved")

    def test_a_rejected_call_does_not_run(self, tmp_path: Path, whole_mode: str) -> None:
        """A call that a person rejected does not run, and the model or the program is told so."""
        with self._ground(tmp_path, "a_rejected_call_does_not_run") as ground:
            ran = self._pause(ground, whole_mode)
            ground.vote(ran.pending[0], approve=False)
            with ground.acting():
                error = _error_of(lambda: self.resume(ground, ran, whole_mode))
            _require(not ground.effects, "nothing ran")
            _told_or_raised(ground, error, ApprovalRejected, "a person rejected this call")

    def test_a_question_expires(self, tmp_path: Path, whole_mode: str) -> None:
        """A call that nobody answered in time does not run."""
        self._expires(tmp_path, whole_mode, "a_question_expires", approved=False)

    def test_an_approval_expires(self, tmp_path: Path, whole_mode: str) -> None:
        """A call that was approved, but is resumed too late, does not run."""
        self._expires(tmp_path, whole_mode, "an_approval_expires", approved=True)

    def test_resuming_twice_runs_once(self, tmp_path: Path, mode: str) -> None:
        """A run that is resumed again after its call ran does not run the call again."""
        with self._ground(tmp_path, "resuming_twice_runs_once") as ground:
            ran = self._pause(ground, mode)
            ground.vote(ran.pending[0])
            for _ in range(2):
                with ground.acting():
                    _error_of(lambda: self.resume(ground, ran, mode))
            _require(_effects(ground) == [("refund", REFUND)], "it ran once")

    def test_a_run_is_resumed_elsewhere(self, tmp_path: Path, mode: str) -> None:
        """Another process takes the run up from its state, and the call runs once there."""
        with self._ground(tmp_path, "a_run_is_resumed_elsewhere") as ground:
            ran = self._pause(ground, mode)
            ground.vote(ran.pending[0])
            there = ground.elsewhere()
            carried = Ran(pending=ran.pending, state=json.loads(json.dumps(ran.state)))
            with there.acting():
                done = self.resume(there, carried, mode)
            _require(_effects(ground) == [("refund", REFUND)], "it ran once")
            _require(done.answer == "all done", "the run came to its end")
            with ground.acting():
                _error_of(lambda: self.resume(ground, ran, mode))
            _require(len(ground.effects) == 1, "the first process does not run it again")

    def test_what_ran_beside_a_pause_runs_once(self, tmp_path: Path, mode: str) -> None:
        """A call that was allowed beside one that waits does not run again when that is resumed."""
        with self._ground(tmp_path, "what_ran_beside_a_pause_runs_once") as ground:
            ground.script(
                _asks_for_all(("lookup", {"order": "ORD-0001"}), ("refund", REFUND)),
                says("all done"),
            )
            with ground.acting():
                ran = self.run(ground, "my money back, please", mode)
            _require(len(ran.pending) == 1, "one call waits")
            ground.vote(ran.pending[0])
            with ground.acting():
                done = self.resume(ground, ran, mode)
            _require(
                sorted(name for name, _ in _effects(ground)) == ["lookup", "refund"], "once each"
            )
            _require(done.answer == "all done", "the run came to its end")

    def test_two_calls_that_wait_run_once_each(self, tmp_path: Path, mode: str) -> None:
        """Two calls that wait at once need an approval each, and each runs once."""
        with self._ground(tmp_path, "two_calls_that_wait_run_once_each") as ground:
            other = {"order": "ORD-0002", "amount": 500}
            ground.script(_asks_for_all(("refund", REFUND), ("refund", other)), says("all done"))
            with ground.acting():
                ran = self.run(ground, "my money back, please", mode)
            asked: set[str] = set()
            # Some frameworks name all calls that wait, some one after the other.
            while ran.pending and not asked.issuperset(ran.pending):
                _require(len(ground.effects) <= len(asked), "nothing ran unasked")
                for request_id in set(ran.pending) - asked:
                    ground.vote(request_id)
                asked.update(ran.pending)
                with ground.acting():
                    ran = self.resume(ground, ran, mode)
            _require(len(asked) == len(ground.effects), "there was an approval for each")
            amounts = sorted(each.arguments["amount"] for each in ground.effects)
            _require(amounts == [REFUND["amount"], other["amount"]], "each ran once")
            _require(ran.answer == "all done", "the run came to its end")

    def test_an_approval_covers_no_other_arguments(self, tmp_path: Path, whole_mode: str) -> None:
        """An approved call lets no call with other arguments run."""
        with self._ground(tmp_path, "an_approval_covers_no_other_arguments") as ground:
            ran = self._pause(ground, whole_mode)
            ground.vote(ran.pending[0])
            ground.script(asks_for("refund", order="ORD-0001", amount=900), says("all done"))
            with ground.acting():
                other = self.run(ground, "more, please", whole_mode)
            _require(not ground.effects, "nothing ran")
            _require(bool(other.pending), "the other call waits")
            _require(other.pending != ran.pending, "for an approval of its own")

    def test_nobody_else_uses_an_approval(self, tmp_path: Path, whole_mode: str) -> None:
        """A run that is resumed for somebody else does not run the call."""
        with self._ground(tmp_path, "nobody_else_uses_an_approval") as ground:
            ran = self._pause(ground, whole_mode)
            ground.vote(ran.pending[0])
            with ground.acting(BOB):
                _error_of(lambda: self.resume(ground, ran, whole_mode))
            _require(not ground.effects, "nothing ran")

    def test_without_an_identity_nothing_happens(self, tmp_path: Path, mode: str) -> None:
        """Nobody acts, so nothing reaches the provider or a tool."""
        with self._ground(tmp_path, "without_an_identity_nothing_happens") as ground:
            ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))
            error = _error_of(lambda: self.run(ground, "where is my order?", mode))
            _refused(error, IdentityRequired)
            _nothing_happened(ground)

    def test_an_identity_that_is_lost_counts_for_nothing(self, tmp_path: Path, mode: str) -> None:
        """A thread of a pool does not know who acts, so nothing happens in it."""
        with self._ground(tmp_path, "an_identity_that_is_lost_counts_for_nothing") as ground:
            ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))
            with ground.acting(), ThreadPoolExecutor(1) as pool:
                lost = pool.submit(self.run, ground, "where is my order?", mode)
                error = _error_of(lost.result)
            _refused(error, IdentityRequired)
            _nothing_happened(ground)

    def test_a_tool_alone_is_guarded(self, tmp_path: Path, whole_mode: str) -> None:
        """A tool that is called without an agent runs where a rule allows it, or raises."""
        with self._ground(tmp_path, "a_tool_alone_is_guarded") as ground:
            allowed, denied = {"order": "ORD-0001"}, {"order": "everything"}
            _refused(
                _error_of(lambda: self.call(ground, "lookup", allowed, whole_mode)), CallRefused
            )
            with ground.acting(), ThreadPoolExecutor(1) as pool:
                lost = pool.submit(self.call, ground, "lookup", allowed, whole_mode)
                _refused(_error_of(lost.result), IdentityRequired)
            with ground.acting():
                error = _error_of(lambda: self.call(ground, "lookup", denied, whole_mode))
                _refused(error, DeniedByPolicy)
                error = _error_of(lambda: self.call(ground, "wipe", {"account": "A"}, whole_mode))
                _refused(error, CallRefused)
                _require(not ground.effects, "nothing ran")
                self.call(ground, "lookup", allowed, whole_mode)
            _require(len(ground.effects) == 1, "what is allowed ran")

    def test_a_tool_alone_waits_for_a_person(self, tmp_path: Path, whole_mode: str) -> None:
        """A tool that is called without an agent waits for an approval, and runs once after it."""
        with self._ground(tmp_path, "a_tool_alone_waits_for_a_person") as ground:
            with ground.acting():
                error = _error_of(lambda: self.call(ground, "refund", dict(REFUND), whole_mode))
            waits = _refused(error, ApprovalPending)
            _require(not ground.effects, "nothing ran")
            ground.vote(waits.request_id)
            with ground.acting():
                self.call(ground, "refund", dict(REFUND), whole_mode)
            _require(_effects(ground) == [("refund", REFUND)], "it ran once")

    def _pause(self, ground: Ground, mode: str) -> Ran:
        """Run the agent until it waits for a person."""
        ground.script(asks_for("refund", **REFUND), says("all done"))
        with ground.acting():
            ran = self.run(ground, "my money back, please", mode)
        _require(not ground.effects, "nothing ran before a person agreed")
        _require(len(ran.pending) == 1, "the run waits for one approval")
        _require(ground.request(ran.pending[0]).tool == "refund", "it is that of the call")
        _require(ran.answer is None, "there is no answer yet")
        return ran

    def _expires(self, folder: Path, mode: str, scenario: str, *, approved: bool) -> None:
        with self._ground(folder, scenario) as ground:
            ran = self._pause(ground, mode)
            if approved:
                ground.vote(ran.pending[0])
            ground.move_clock(BEYOND_THE_APPROVAL if approved else BEYOND_THE_QUESTION)
            with ground.acting():
                error = _error_of(lambda: self.resume(ground, ran, mode))
            _require(not ground.effects, "nothing ran")
            said = "the approval for this call has expired"
            _told_or_raised(ground, error, ApprovalExpired, said)

    @contextmanager
    def _ground(self, folder: Path, scenario: str) -> Iterator[Ground]:
        """Give the ground of a scenario; at its end the log must hold what happened."""
        if scenario in self.leaves_out:
            raise SkipTest(self.leaves_out[scenario])
        with prepared(folder) as ground:
            yield ground
            intents = sorted(each.target or "" for each in ground.intents())
            ran = sorted(each.tool for each in ground.effects)
            _require(intents == ran, "the log holds one intent for each tool that ran")


REFUND: Mapping[str, Any] = MappingProxyType({"order": "ORD-0001", "amount": 400})


def _asks_for_all(*calls: tuple[str, Mapping[str, Any]]) -> Say:
    """Let the model ask for several tools at once."""
    return lambda _: Answer(tool_calls=tuple(ToolRequest(*call) for call in calls))


def _require(holds: object, claim: str) -> None:
    if not holds:
        raise AssertionError(f"this does not hold: {claim}")


def _effects(ground: Ground) -> list[tuple[str, Mapping[str, Any]]]:
    return [(each.tool, each.arguments) for each in ground.effects]


def _mark(request: str) -> str:
    found = MARK.search(request)
    return found[0] if found else "no placeholder"


def _offered(request: Mapping[str, Any]) -> list[str]:
    """Return the names of the tools in a request of any API."""
    return [each.get("function", each).get("name", "") for each in request.get("tools") or ()]


def _error_of(work: Callable[[], object]) -> Exception | None:
    """Return what the work raised, None if it came to its end."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - a framework may dress a refusal in anything
        return error
    return None


def _guards_own(error: BaseException | None) -> AgentGuardError | None:
    """Return the guard's own error in what a framework raised."""
    seen: list[BaseException | None] = [error]
    for each in seen:
        if isinstance(each, AgentGuardError):
            return each
        if isinstance(each, BaseExceptionGroup):
            seen.extend(each.exceptions)
        if each is not None and len(seen) < _AS_DEEP_AS_ANYBODY_DRESSES:
            seen.extend((each.__cause__, each.__context__))
    return None


_AS_DEEP_AS_ANYBODY_DRESSES = 100


def _refused(error: Exception | None, kind: type[E]) -> E:
    """Return the guard's own error, which must be of a kind."""
    found = _guards_own(error)
    if isinstance(found, kind):
        return found
    told = type(error).__name__ if error is not None else "no error"
    raise AssertionError(f"the guard did not stop it as {kind.__name__}: {told}")


def _told_or_raised(
    ground: Ground, error: Exception | None, kind: type[AgentGuardError], told: str
) -> None:
    """Hold that a refusal was raised out of the run, or that the model was told of it."""
    if error is not None:
        _refused(error, kind)
    else:
        _require(ground.provider.saw(told), "the model was told of the refusal")


def _nothing_happened(ground: Ground) -> None:
    _require(not ground.effects, "nothing ran")
    _require(not ground.provider.received_bytes(), "nothing reached the provider")
