# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the guard do what the specification says of the policy, call by call?

The policy is compared with its specification elsewhere. Here random calls go through whole guards,
which find out the circumstances themselves: what happened to a call, which rule its entry names,
and what it used up, are held against the specification on what was given.
"""

import importlib
import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentguard import ApprovalPending, CallRefused, ConfigError, wiring
from agentguard.canonical import Frozen
from agentguard.config import Settings, load
from agentguard.enforcement import Crossing, ResourceHooks, performing
from agentguard.pipeline import Response
from agentguard.policy import Policy, PolicyDocument, compile_policy
from agentguard.policy.specification import specified
from agentguard.provenance import Conversation
from agentguard.stores import Journal
from agentguard.vocabulary import (
    Assurance,
    AuditEntry,
    Boundary,
    Call,
    Caller,
    Chain,
    Circumstances,
    Decision,
    Effect,
    EntryType,
    ModelCall,
    ReferOnly,
    ToolCall,
)

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
POLICIES, CALLS = 20, 15
CLAIMS: tuple[dict[str, Frozen], ...] = ({}, {"customer": "c1"}, {"customer": ("c1", "o1", 7)})
FOLDERS = {"/srv/x": "/srv/x", "/srv/x/a": "/srv/x/a"}


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that makes up policies and calls."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("policy_generated")


class Carried:
    """One policy in a whole guard, and what becomes of calls."""

    def __init__(
        self,
        settings: Settings,
        document: PolicyDocument,
        policy: Policy,
        patch: pytest.MonkeyPatch,
    ) -> None:
        self.document, self.policy = document, policy
        self.entries: list[AuditEntry] = []
        self.found: list[Circumstances] = []
        self.ran = False
        self.profile: str | None = None
        self.refused: CallRefused | None = None
        self.now = datetime(2026, 6, 15, 12, tzinfo=UTC)
        patch.setattr(wiring, "now", lambda: self.now)
        self._listen(patch)
        self.parts = wiring.assemble(replace(settings, policy=policy))
        self.database = settings.deployment.store

    def _listen(self, patch: pytest.MonkeyPatch) -> None:
        append, decide = PLAIN

        def appending(journal: Journal, entry: AuditEntry, **more: Any) -> Any:
            self.entries.append(entry)
            if entry.type is EntryType.APPROVAL_REQUESTED:
                self.profile = more["change"].after.profile
            return append(journal, entry, **more)

        def deciding(policy: Policy, call: Call, chain: Chain, known: Circumstances) -> Decision:
            self.found.append(known)
            return decide(policy, call, chain, known)

        patch.setattr(Journal, "append", appending)
        patch.setattr(Journal, "offer", lambda *_, **__: False)
        patch.setattr(Policy, "decide", deciding)

    def spend(self, callers: Iterable[tuple[Caller, Mapping[str, Decimal]]]) -> None:
        """Have sessions use up limits before anything is called."""
        rows = [(c.account_key, key, str(n)) for c, spent in callers for key, n in spent.items()]
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.executemany("INSERT INTO spent VALUES (?, ?, ?)", rows)

    def spent(self, caller: Caller) -> dict[str, Decimal]:
        """Return what a session has used up."""
        sql = "SELECT key, amount FROM spent WHERE scope = ?"
        with closing(sqlite3.connect(self.database)) as connection:
            return {k: Decimal(n) for k, n in connection.execute(sql, (caller.account_key,))}

    def make(self, call: ToolCall | ModelCall, caller: Caller, resources: Any) -> Effect:
        """Make a call, and say what became of it."""
        self.entries.clear()
        self.found.clear()
        self.ran, self.profile = False, None
        tool = isinstance(call, ToolCall)
        acts = isinstance(call, ToolCall) and call.tool == "act"
        crossing = Crossing(
            boundary=Boundary.TOOL if tool else Boundary.MODEL,
            surface="functions" if tool else "openai",
            operation="execute_tool" if tool else "chat",
            target=call.target,
            carried=caller,
            describe=lambda name: replace(call, id=name),
            hooks=ResourceHooks(resource=lambda _: resources) if acts else None,
        )

        def dispatch(_: Call) -> Response:
            self.ran = True
            return Response(content=None)

        try:
            self.parts.enforcer.call(crossing, dispatch)
        except ApprovalPending:
            assert not self.ran
            return Effect.APPROVE
        except CallRefused as refused:
            assert not self.ran
            self.refused = refused
            return Effect.DENY
        assert self.ran
        return Effect.ALLOW


PLAIN = (Journal.append, Policy.decide)


def settings_in(folder: Path) -> Settings:
    """Return the settings of a policy that says nothing."""
    path = folder / "agentguard.toml"
    path.write_text('version = 1\nname = "empty"\n', encoding="utf-8")
    return load(path)


def documents(generator: Any, settings: Settings) -> Iterator[tuple[PolicyDocument, Policy]]:
    """Make up policies that can be used, with claims that they declare themselves."""
    classes = settings.policy.document.classes
    while True:
        document = generator.document()
        declared = tuple(
            replace(each, claims=generator.chance.choice(CLAIMS)) for each in document.identities
        )
        # What a tool is given may hold anything: what becomes of classes is not compared here.
        tools = tuple(
            each if each.hosted else replace(each, receives=frozenset({"*"}))
            for each in document.tools
        )
        document = replace(document, classes=classes, identities=declared, tools=tools)
        try:
            yield document, compile_policy(document)
        except ConfigError:
            continue


def as_declared(situation: Any, document: PolicyDocument) -> Any:
    """Return a call by principals of whom nothing is said that the policy contradicts."""
    known = {each.id: each.claims for each in document.identities}
    principals = tuple(
        replace(
            each,
            claims=known.get(each.id, each.claims),
            assurance=Assurance.TOKEN if each.assurance is Assurance.LOCAL_KEY else each.assurance,
        )
        for each in situation.chain.principals
    )
    return situation._replace(chain=Chain(principals=principals))


def given(situation: Any, now: datetime) -> Circumstances:
    """Return circumstances that a guard can find out: it always knows the time and the accounts."""
    known: Circumstances = situation.circumstances
    tool = isinstance(situation.call, ToolCall) and situation.call.tool == "act"
    return replace(
        known,
        now=known.now or now,
        resources=known.resources if tool else None,
        # Where files of a tool at the provider lead can be told by nobody here.
        paths=known.paths if isinstance(situation.call, ToolCall) else {},
        # Each call begins a conversation of its own, in which nothing was said before.
        origins=Conversation().origins(situation.call.tool, situation.call.resolved)
        if isinstance(situation.call, ToolCall)
        else {},
        conversation=frozenset(),
    )


def refers_beyond(policy: Policy, situation: Any, known: Circumstances) -> bool:
    """Say whether a model call refers to what its rules do not let it refer to."""
    duties = PLAIN[1](policy, situation.call, situation.chain, known).obligations
    return any(
        isinstance(each, ReferOnly) and not situation.call.references <= each.references
        for each in duties
    )


def compare(carried: Carried, situation: Any, caller: Caller, known: Circumstances) -> Effect:
    """Make a call, and hold what became of it against the specification."""
    call, document = situation.call, carried.document
    assert known.now is not None
    carried.now = known.now
    keys = {f"limit:{limit.name}": Decimal(0) for limit in document.limits}
    known = replace(known, spent={**keys, **known.spent})
    wanted = specified(document, call, situation.chain, known)
    before = carried.spent(caller)
    became = carried.make(call, caller, known.resources)
    expected = Effect.DENY if refers_beyond(carried.policy, situation, known) else wanted.effect
    told = (call, dict(getattr(call, "resolved", {})), situation.chain, known, wanted)
    assert became is expected, (told, carried.refused)
    rules = {each.rule for each in carried.entries if each.effect is not None}
    # What cannot be described, or is about nothing that can be named, is refused undecided.
    assert rules == {wanted.rule} or (not rules and became is Effect.DENY), told
    for found in carried.found:
        assert found.environment == known.environment
        assert found.now == known.now
        assert found.spent.items() <= known.spent.items()
    after = carried.spent(caller)
    charged = {key: n - before.get(key, 0) for key, n in after.items() if n != before.get(key)}
    used = {f"limit:{name}": amount for name, amount in wanted.charges.items() if amount}
    assert charged == (used if became is Effect.ALLOW else {}), told
    assert carried.profile == (wanted.profile if became is Effect.APPROVE else None), told
    return became


@pytest.mark.parametrize("seed", [5, 20_261_122])
def test_what_happens_to_a_call_is_what_is_specified(
    generated: Any, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls run, are asked about and are refused as specified, and only what runs is counted."""
    monkeypatch.setattr(
        performing, "resolve_paths", lambda texts: {text: FOLDERS.get(text) for text in texts}
    )
    tally = carried_out(generated.Generator(seed), tmp_path, POLICIES, CALLS, monkeypatch)
    assert all(tally[effect] for effect in Effect)


def carried_out(
    generator: Any, folder: Path, policies: int, calls: int, patch: pytest.MonkeyPatch
) -> Counter[Effect]:
    """Take random calls of random policies through guards, and count what became of them."""
    settings = settings_in(folder)
    tally: Counter[Effect] = Counter()
    numbered = itertools.count()
    for document, policy in itertools.islice(documents(generator, settings), policies):
        carried = Carried(settings, document, policy, patch)
        drawn = (generator.situation(document) for _ in range(calls))
        situations = [as_declared(each, document) for each in drawn]
        made = []
        for situation in situations:
            known = given(situation, carried.now)
            session = f"s-{next(numbered)}"
            made.append(
                (
                    situation,
                    Caller(chain=situation.chain, session=session, environment=known.environment),
                    known,
                )
            )
        carried.spend((caller, known.spent) for _, caller, known in made)
        for situation, caller, known in made:
            tally[compare(carried, situation, caller, known)] += 1
        carried.parts.close()
    return tally
