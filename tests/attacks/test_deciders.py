# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can an extra decider let something through, hold a call up, or break one?

The story: engines beside the policy fail open when they are slow, down, or asked in a form that
they do not know; answers such as ``"true"`` or ``1`` were taken for a yes. Here a decider does
everything wrong that it can, and the call does not happen.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from openai import OpenAI

from agentguard import ApprovalPending, DeniedByPolicy, Guard
from agentguard.deciders import CallAction, DecisionRequest, Effect, Verdict
from agentguard.enforcement import consultation
from agentguard.signing import new_key
from agentguard.testing import LoopbackProvider, decider_problems, decision_request
from agentguard.vocabulary import AuditEntry, Boundary, EntryType, Reason

CANARY = "canary.of.deciders@leak.example"
TABLES = """
[[identity]]
id = "agent:worker"

[[tool]]
name = "act"
impact = "reversible"
receives = ["*"]

[[tool]]
name = "asked"
impact = "reversible"
receives = ["*"]

[[tool]]
name = "elsewhere"
impact = "reversible"
receives = ["*"]

[[rule]]
id = "act"
who = "agent:worker"
tool = ["act", "elsewhere"]
args.text = { any = true }
then = "allow"

[[rule]]
id = "asked"
who = "agent:worker"
tool = "asked"
args.text = { any = true }
then = "approve"
approval = "leads"

[[rule]]
id = "model"
who = "agent:worker"
provider = ["loopback"]
model = ["*"]
then = "allow"

[[decider]]
name = "scripted"
tool = ["act", "asked"]
within = "1s"
"""
POINTS = "[agentguard.deciders]\nscripted = scripted_deciders:Scripted\n"
MODULE = """
ANSWER = None

class Scripted:
    def __init__(self, options, folder):
        self.options = options

    def decide(self, request):
        return ANSWER(request)
"""
ALLOWS, APPROVES, DENIES = (Verdict(effect=each) for each in Effect)


class Scene:
    """A guard with one scripted decider, and what it was asked."""

    def __init__(self, policy_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = policy_file
        self.asked: list[DecisionRequest] = []
        self.ran: list[str] = []
        self._monkeypatch = monkeypatch
        self._guards: list[Guard] = []

    def guard(self, answer: Callable[[DecisionRequest], Any], lines: str = "") -> Guard:
        """Return a guard whose decider answers so."""
        written = self.path.read_text(encoding="utf-8")
        if "scripted" not in written:
            self.path.write_text(f"{written}{TABLES}{lines}", encoding="utf-8")
        guard = Guard.from_file(self.path)
        self._guards.append(guard)

        def noted(request: DecisionRequest) -> Any:
            self.asked.append(request)
            return answer(request)

        self._monkeypatch.setattr(sys.modules["scripted_deciders"], "ANSWER", noted)
        return guard

    def act(self, guard: Guard, tool: str = "act") -> str:
        """Call a tool."""

        def plain(text: str) -> str:
            self.ran.append(text)
            return "done"

        acting: Callable[[str], str] = guard.tool(name=tool)(plain)
        with guard.identity("agent:worker", session="s"):
            return acting(CANARY)

    def act_async(self, guard: Guard) -> str:
        """Call the tool in an event loop."""

        async def plain(text: str) -> str:
            self.ran.append(text)
            return "done"

        async def main() -> str:
            acting = guard.tool(name="act")(plain)
            with guard.identity("agent:worker", session="s"):
                return await acting(CANARY)

        return asyncio.run(main())

    def close(self) -> None:
        """Close every guard."""
        for guard in self._guards:
            guard.close()


@pytest.fixture
def scene(policy_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The starter policy with a scripted decider that is installed."""
    packages = tmp_path / "packages"
    folder = packages / "scripted_deciders-1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Name: scripted_deciders\nVersion: 1\n")
    (folder / "entry_points.txt").write_text(POINTS)
    (packages / "scripted_deciders.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.delitem(sys.modules, "scripted_deciders", raising=False)
    made = Scene(policy_file, monkeypatch)
    yield made
    made.close()


def raises(error: BaseException) -> Callable[[DecisionRequest], Any]:
    """Return a decider that raises."""

    def answer(_: DecisionRequest) -> Any:
        raise error

    return answer


class Sly(Verdict):
    """A verdict of another kind."""


BAD: dict[str, Callable[[DecisionRequest], Any]] = {
    "nothing": lambda _: None,
    "true": lambda _: True,
    "the word": lambda _: "allow",
    "the effect": lambda _: Effect.ALLOW,
    "a look-alike": lambda _: SimpleNamespace(effect=Effect.ALLOW),
    "a subclass": lambda _: Sly(effect=Effect.ALLOW),
    "a verdict with a text": lambda _: Verdict(effect="allow"),  # type: ignore[arg-type]  # the mistake
    "an error": raises(RuntimeError(CANARY)),
    "an exit": raises(SystemExit(CANARY)),
    "an interruption": raises(KeyboardInterrupt(CANARY)),
    "the end of a generator": raises(StopIteration(Verdict(effect=Effect.ALLOW))),
    "a coroutine": lambda _: asyncio.sleep(0, ALLOWS).close(),
    "no": lambda _: DENIES,
}


@pytest.mark.parametrize("way", ["act", "act_async"])
@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_plain_yes_denies(
    scene: Scene, bad: str, way: str, entries: list[AuditEntry]
) -> None:
    """Whatever a decider answers or raises but a plain yes, the tool does not run."""
    guard = scene.guard(BAD[bad])
    with pytest.raises(DeniedByPolicy) as caught:
        getattr(scene, way)(guard)
    assert scene.ran == []
    assert "'scripted'" in str(caught.value)
    assert CANARY not in f"{caught.value!r}{vars(caught.value)!r}"
    assert caught.value.__context__ is None
    assert entries[-1].reason is Reason.DENIED_BY_DECIDER
    assert entries[-1].details == {"decider": "scripted"}


@pytest.mark.parametrize("way", ["act", "act_async"])
def test_a_late_answer_denies_and_does_not_hold_the_call_up(scene: Scene, way: str) -> None:
    """A decider that hangs costs the time of its table; what it says afterwards is not heard."""
    free = threading.Event()

    def hangs(_: DecisionRequest) -> Verdict:
        free.wait(30)
        return ALLOWS

    guard = scene.guard(hangs)
    with pytest.raises(DeniedByPolicy, match="in time"):
        getattr(scene, way)(guard)
    free.set()
    assert scene.ran == []


def test_a_hanging_decider_does_not_hold_the_event_loop_up(scene: Scene) -> None:
    """Other tasks go on while a decider is waited for."""
    free = threading.Event()
    guard = scene.guard(lambda _: (free.wait(30), ALLOWS)[1])
    ticks = 0

    async def plain(text: str) -> str:
        scene.ran.append(text)
        return text

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    async def main() -> None:
        beside = asyncio.create_task(tick())
        acting = guard.tool(name="act")(plain)
        with guard.identity("agent:worker"), pytest.raises(DeniedByPolicy):
            await acting(CANARY)
        beside.cancel()

    asyncio.run(main())
    free.set()
    assert ticks > 3
    assert scene.ran == []


def test_all_questions_about_a_call_share_the_time(scene: Scene) -> None:
    """A decider that is slow each time does not get the time of its table for each question."""

    def slow(request: DecisionRequest) -> Verdict:
        time.sleep(0.6)
        unattended = request.action is CallAction.CALL_UNATTENDED
        return DENIES if unattended else ALLOWS

    with pytest.raises(DeniedByPolicy, match="in time"):
        scene.act(scene.guard(slow))


def test_so_many_hanging_questions_and_no_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once enough threads hang in a decider, further calls are denied at once."""
    monkeypatch.setattr(consultation, "MOST_OPEN", 2)
    free = threading.Event()
    guard = scene.guard(lambda _: (free.wait(30), ALLOWS)[1])
    for _ in range(2):
        with pytest.raises(DeniedByPolicy, match="in time"):
            scene.act(guard)
    with pytest.raises(DeniedByPolicy, match="too many questions"):
        scene.act(guard)
    assert len(scene.asked) == 2
    free.set()


def test_a_yes_changes_nothing_and_a_denial_is_asked_for_both_ways(scene: Scene) -> None:
    """One question where the first answer is yes, two where it is no."""
    assert scene.act(scene.guard(lambda _: ALLOWS)) == "done"
    assert [request.action for request in scene.asked] == [CallAction.CALL_UNATTENDED]
    scene.asked.clear()
    with pytest.raises(DeniedByPolicy):
        scene.act(scene.guard(lambda _: DENIES))
    assert [request.action for request in scene.asked] == list(CallAction)


def two_valued(request: DecisionRequest) -> Verdict:
    """Let it happen with a person's approval only."""
    return ALLOWS if request.action is CallAction.CALL_WITH_APPROVAL else DENIES


@pytest.mark.parametrize("answer", [two_valued, lambda _: APPROVES])
def test_a_decider_can_ask_for_approval(
    scene: Scene, answer: Callable[[DecisionRequest], Verdict], entries: list[AuditEntry]
) -> None:
    """Where its table names a profile, people are asked about what the rules allow."""
    scene.path.write_text(scene.path.read_text() + TABLES + 'approval = "leads"\n')
    with pytest.raises(ApprovalPending):
        scene.act(scene.guard(answer))
    assert scene.ran == []
    assert [entry.type for entry in entries[:1]] == [EntryType.APPROVAL_REQUESTED]


def test_nobody_to_ask_means_no(scene: Scene) -> None:
    """A decider that asks for approval denies where its table names no profile."""
    with pytest.raises(DeniedByPolicy, match="whom to ask") as caught:
        scene.act(scene.guard(lambda _: APPROVES))
    assert "approval = " in (caught.value.remedy or "")
    assert scene.ran == []


def test_a_decider_cannot_spare_an_approval(scene: Scene) -> None:
    """Where the rules ask, a decider is asked about an approved call, and yes changes nothing."""
    with pytest.raises(ApprovalPending):
        scene.act(scene.guard(lambda _: ALLOWS), "asked")
    assert [request.action for request in scene.asked] == [CallAction.CALL_WITH_APPROVAL]


def test_a_decider_is_not_asked_about_what_the_rules_deny(scene: Scene) -> None:
    """There is nothing to tighten in a denial, and nothing is told about the call."""
    guard = scene.guard(lambda _: ALLOWS)

    def plain(text: str) -> str:
        return text

    acting = guard.tool(name="act")(plain)
    with guard.identity("agent:support"), pytest.raises(DeniedByPolicy):
        acting(CANARY)
    assert scene.asked == []


def test_tools_beside_it_cost_no_question(scene: Scene) -> None:
    """A tool that the table does not name is decided by the rules alone."""
    assert scene.act(scene.guard(lambda _: DENIES), "elsewhere") == "done"
    assert scene.asked == []


def test_what_it_is_told(scene: Scene) -> None:
    """The question holds who acts, what is called with which arguments, and where."""
    scene.act(scene.guard(lambda _: ALLOWS))
    (request,) = scene.asked
    assert (request.tool, dict(request.arguments)) == ("act", {"text": CANARY})
    assert (request.subject.id, request.chain.ids) == ("agent:worker", ("agent:worker",))
    assert CANARY not in repr(request)
    with pytest.raises(TypeError):
        request.arguments["text"] = ""  # type: ignore[index]  # it cannot be changed


@pytest.mark.parametrize("verdict", [ALLOWS, APPROVES, DENIES])
def test_model_calls_are_asked_about_without_their_content(
    scene: Scene, provider: LoopbackProvider, verdict: Verdict
) -> None:
    """A decider that is asked about models hears of provider and model; only a yes lets it go."""
    guard = scene.guard(lambda _: verdict, "models = true\n")
    with OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0) as plain:
        client = guard.wrap(plain)
        said: Any = [{"role": "user", "content": f"hello {CANARY}"}]
        with guard.identity("agent:worker"):
            if verdict is ALLOWS:
                client.chat.completions.create(model="m", messages=said)
            else:
                with pytest.raises(DeniedByPolicy):
                    client.chat.completions.create(model="m", messages=said)
    assert len(provider.journal) == (1 if verdict is ALLOWS else 0)
    request = scene.asked[0]
    assert (request.provider, request.model, request.operation) == ("loopback", "m", "chat")
    assert request.arguments == {}


HOSTED = """
[[tool]]
name = "search"
impact = "read_only"
hosted = ["web_search"]

[[rule]]
id = "search"
who = "agent:worker"
tool = "search"
then = "allow"
"""


@pytest.mark.parametrize("verdict", [ALLOWS, APPROVES, DENIES])
def test_tools_that_run_at_the_provider_are_asked_about(
    scene: Scene, provider: LoopbackProvider, verdict: Verdict
) -> None:
    """A decider that was named for such a tool was never asked, since nobody sees it run."""
    tables = TABLES.replace('"act", "asked"', '"search"').replace(
        "[[decider]]", f"{HOSTED}[[decider]]"
    )
    scene.path.write_text(scene.path.read_text() + tables, encoding="utf-8")
    guard = scene.guard(lambda _: verdict)
    with (
        OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0) as plain,
        guard.identity("agent:worker"),
    ):
        client = guard.wrap(plain)
        client.responses.create(model="m", input="hi")
        assert scene.asked == []
        if verdict is ALLOWS:
            client.responses.create(model="m", input="hi", tools=[{"type": "web_search"}])
        else:
            with pytest.raises(DeniedByPolicy, match="scripted"):
                client.responses.create(model="m", input="hi", tools=[{"type": "web_search"}])
    assert len(provider.journal) == (2 if verdict is ALLOWS else 1)
    request = scene.asked[0]
    assert (request.tool, request.boundary, request.arguments) == ("search", Boundary.TOOL, {})


SECOND = """
[approval.board]
approvers = [{ id = "user:carol", key = "KEY" }, { id = "user:dan", key = "OTHER" }]
need = 2
decide_within = "1h"
execute_within = "1h"
"""


@pytest.mark.parametrize(
    ("tool", "first", "second", "profile"),
    [
        ("act", "leads", "board", "board"),
        ("act", "board", "leads", "board"),
        ("asked", None, "board", "board"),
        ("asked", "board", None, "board"),
        ("asked", None, None, "leads"),
    ],
)
def test_of_those_who_ask_the_one_that_needs_more_people_is_heard(
    scene: Scene,
    approver_key: tuple[bytes, str],
    tool: str,
    first: str | None,
    second: str | None,
    profile: str,
) -> None:
    """What the rules or another decider ask for does not spare an approval that needs more."""
    board = SECOND.replace("KEY", approver_key[1]).replace("OTHER", new_key()[1])
    deciders = ""
    for name, asks in (("scripted", first), ("second", second)):
        line = "" if asks is None else f'approval = "{asks}"\n'
        deciders += f'[[decider]]\nname = "{name}"\ntool = ["act", "asked"]\n{line}\n'
    tables = TABLES[: TABLES.index("[[decider]]")] + board + deciders
    scene.path.write_text(scene.path.read_text() + tables, encoding="utf-8")
    points = next((scene.path.parent / "packages").rglob("entry_points.txt"))
    points.write_text(POINTS + "second = scripted_deciders:Scripted\n")
    with pytest.raises(ApprovalPending, match=f"profile '{profile}'"):
        scene.act(scene.guard(lambda _: APPROVES), tool)
    assert scene.ran == []


class Engine:
    """A decider as a package would offer it, with one mistake or none."""

    def __init__(self, mistake: str = "") -> None:
        self.mistake = mistake
        self.last: str = ""

    def decide(self, request: DecisionRequest) -> Verdict:
        """Let agent:a call tool t."""
        self.last = request.tool
        if self.mistake == "shared":
            time.sleep(0.002)
        tool = self.last if self.mistake == "shared" else request.tool
        if self.mistake == "raises" and tool != "t":
            raise RuntimeError("no rule")
        known = self.mistake == "stranger" or request.subject.id == "agent:a"
        if self.mistake == "upside down" and request.action is CallAction.CALL_WITH_APPROVAL:
            return DENIES
        if self.mistake == "wide" and request.action is CallAction.CALL_WITH_APPROVAL:
            return ALLOWS
        return ALLOWS if known and tool == "t" else DENIES


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("", ""),
        ("raises", "raises"),
        ("stranger", "nothing names"),
        ("upside down", "with a person's approval"),
        ("wide", "does not deny"),
        ("shared", "at once"),
    ],
)
def test_the_conformance_test_finds_what_is_wrong_with_a_decider(mistake: str, told: str) -> None:
    """A right decider has no problems; each wrong one is told."""
    problems = decider_problems(
        Engine(mistake),
        allowed=decision_request("agent:a", tool="t"),
        denied=decision_request("agent:a", tool="other"),
    )
    assert bool(problems) is bool(mistake)
    assert told in " ".join(problems)
