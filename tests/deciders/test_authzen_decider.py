# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A decision point that speaks AuthZEN is asked in plain words, and only a plain yes allows."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentguard.canonical import freeze
from agentguard.deciders import Decider
from agentguard.deciders.authzen import AuthZenDecider, NoAnswer, from_options
from agentguard.testing.answers import StreamEnd
from agentguard.testing.deciders import decider_problems, decision_request, principal_named
from agentguard.testing.http_server import LoopbackServer
from agentguard.testing.received import Journal, Received
from agentguard.testing.replies import EventStream, Reply
from agentguard.vocabulary import Boundary, CallAction, Chain, Effect, PrincipalKind, Reference

CANARY = "canary-3f9a77"
YES = Reply(200, body={"decision": True})
REQUEST = decision_request("agent:a", tool="pay")

Answering = Callable[[Received], Reply]


class DecisionPoint:
    """A server that speaks AuthZEN, or something like it."""

    def __init__(self) -> None:
        self.answering: Answering = lambda _: YES
        self.journal = Journal()
        self.server = LoopbackServer(self.journal, self._reply)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def _reply(self, request: Received) -> Reply:
        return self.answering(request)

    @property
    def asked(self) -> list[Any]:
        """The bodies of the requests, read as JSON."""
        return [json.loads(each.body) for each in self.journal.requests()]


@pytest.fixture
def point() -> Iterator[DecisionPoint]:
    """A decision point that says yes until it is told otherwise."""
    point = DecisionPoint()
    point.server.start()
    yield point
    point.server.stop()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[..., AuthZenDecider]]:
    """Gives what makes deciders from options, and closes them."""
    every: list[AuthZenDecider] = []

    def make(**options: object) -> AuthZenDecider:
        decider = from_options({name: freeze(each) for name, each in options.items()}, tmp_path)
        every.append(decider)
        return decider

    yield make
    for decider in every:
        decider.close()


Made = Callable[..., AuthZenDecider]


def knows(request: Received) -> Reply:
    """Say yes about one agent and one tool."""
    asked = json.loads(request.body)
    allowed = asked["subject"]["id"] == "agent:a" and asked["resource"]["id"] == "pay"
    return Reply(200, body={"decision": allowed, "context": {"reason_user": {"en": CANARY}}})


def test_it_keeps_to_what_the_guard_expects(point: DecisionPoint, made: Made) -> None:
    """The decider passes the checks that are made for deciders."""
    point.answering = knows
    decider: Decider = made(url=point.url)
    denied = decision_request("agent:a", tool="burn")
    assert decider_problems(decider, allowed=REQUEST, denied=denied) == ()


def test_a_question_names_who_what_and_where(point: DecisionPoint, made: Made) -> None:
    """Subject, action, resource and context are those of the call, and nothing else is sent."""
    user = replace(principal_named("user:u"), claims={"team": "x", "secret": CANARY})
    chain = Chain(principals=(user, principal_named("agent:a")))
    request = replace(
        REQUEST,
        chain=chain,
        subject=user,
        environment="production",
        tenant="t1",
        action=CallAction.CALL_WITH_APPROVAL,
        arguments={"amount": 5, "note": CANARY},
    )
    made(url=point.url, claims=["team"], arguments=["amount"]).decide(request)
    [asked] = point.asked
    assert asked["subject"]["type"] == PrincipalKind.USER
    assert asked["subject"]["properties"]["claims"] == {"team": "x"}
    assert asked["action"] == {"name": "call_with_approval"}
    assert asked["resource"]["properties"]["arguments"] == {"amount": 5}
    assert asked["context"]["chain"][1] == {"type": "agent", "id": "agent:a"}
    assert (asked["context"]["environment"], asked["context"]["tenant"]) == ("production", "t1")
    [received] = point.journal.requests()
    assert received.path == "/access/v1/evaluation"
    assert CANARY.encode() not in received.body


def test_no_argument_is_sent_unless_options_name_it(point: DecisionPoint, made: Made) -> None:
    """Without the option, the decision point is told no argument."""
    made(url=point.url).decide(replace(REQUEST, arguments={"note": CANARY}))
    assert "arguments" not in point.asked[0]["resource"]["properties"]


def test_every_object_is_asked_about(point: DecisionPoint, made: Made) -> None:
    """A call about objects is asked about at once, the call first and then each object."""
    point.answering = lambda _: Reply(200, body={"evaluations": [{"decision": True}] * 3})
    request = replace(REQUEST, resources=("o1", "o2"), resource_kind="order")
    assert made(url=point.url).decide(request).effect is Effect.ALLOW
    [asked] = point.asked
    assert [each["resource"]["id"] for each in asked["evaluations"]] == ["pay", "o1", "o2"]
    assert asked["evaluations"][1]["resource"]["type"] == "order"
    assert point.journal.requests()[0].path == "/access/v1/evaluations"


@pytest.mark.parametrize(
    "evaluations",
    [
        [{"decision": True}, {"decision": False}],
        [{"decision": True}],
        [{"decision": True}] * 3,
        [{"decision": True}, {"decision": "true"}],
        [{"decision": True}, {}],
        {"0": True},
    ],
)
def test_one_object_that_is_not_allowed_denies(
    point: DecisionPoint, made: Made, evaluations: object
) -> None:
    """A call is allowed only if there is a plain yes for each thing that was asked about."""
    point.answering = lambda _: Reply(200, body={"evaluations": evaluations})
    assert refused(made(url=point.url), replace(REQUEST, resources=("o1",)))


def test_too_many_objects_are_not_asked_about(point: DecisionPoint, made: Made) -> None:
    """A call about more objects than can be asked about is denied without asking."""
    many = tuple(map(str, range(101)))
    assert refused(made(url=point.url), replace(REQUEST, resources=many))
    assert point.asked == []


def test_a_model_call_is_a_question_about_its_provider(point: DecisionPoint, made: Made) -> None:
    """The resource of a model call is the provider, with what is asked of it."""
    request = replace(
        REQUEST,
        boundary=Boundary.MODEL,
        tool="",
        impact=None,
        provider="openai",
        operation="chat",
        model="m",
        references=frozenset({Reference.STORE}),
    )
    made(url=point.url).decide(request)
    assert point.asked[0]["resource"] == {
        "type": "model_provider",
        "id": "openai",
        "properties": {"operation": "chat", "model": "m", "references": ["store"]},
    }


def refused(decider: AuthZenDecider, request: Any = REQUEST) -> bool:
    """Whether a decider says no, or raises without telling what was sent or answered."""
    try:
        return decider.decide(request).effect is Effect.DENY
    except NoAnswer as error:
        told = (repr(error), str(error.__cause__), str(error.__context__))
    return CANARY not in " ".join(told) and told[1:] == ("None", "None")


JSON = {"content-type": "application/json"}
BAD: dict[str, Reply] = {
    "false": Reply(200, body={"decision": False}),
    "text": Reply(200, body={"decision": "true"}),
    "number": Reply(200, body={"decision": 1}),
    "null": Reply(200, body={"decision": None}),
    "list": Reply(200, body=[True]),
    "bare": Reply(200, body=b"true", headers=JSON),
    "nothing decided": Reply(200, body={"context": {CANARY: True}}),
    "unknown member": Reply(200, body={"decision": True, "obligations": []}),
    "context that is no object": Reply(200, body={"decision": True, "context": CANARY}),
    "decided twice": Reply(200, body=b'{"decision": false, "decision": true}', headers=JSON),
    "no number": Reply(200, body=b'{"decision": true, "context": {"x": NaN}}', headers=JSON),
    "empty": Reply(200, body=b"", headers=JSON),
    "no JSON": Reply(200, body=CANARY.encode(), headers=JSON),
    "no UTF-8": Reply(200, body=b'{"decision": true, "context": {"\xff": 1}}', headers=JSON),
    "deep": Reply(200, body=b"[" * 50_000, headers=JSON),
    "trailing": Reply(200, body=b'{"decision": true} {"decision": true}', headers=JSON),
    "another type": Reply(200, body=b'{"decision": true}', headers={"content-type": "text/html"}),
    "encoded": Reply(200, body=b'{"decision": true}', headers={**JSON, "content-encoding": "gzip"}),
    "created": Reply(status=201, body={"decision": True}),
    "redirect": Reply(
        status=307, body={"decision": True}, headers={"Location": "http://127.0.0.1:9/"}
    ),
    "unauthorised": Reply(status=401, body={"decision": True}),
    "failed": Reply(status=500, body={"decision": True}),
    "dropped": Reply(200, drop=True),
    "too long": Reply(200, body=b'{"decision": true' + b" " * 70_000 + b"}", headers=JSON),
    "endless": Reply(
        200, headers=JSON, stream=EventStream(frames=(b" " * 1000,), ending=StreamEnd.ENDLESS)
    ),
    "broken off": Reply(
        200,
        headers=JSON,
        stream=EventStream(frames=(b'{"decision": true',), ending=StreamEnd.BREAK),
    ),
    "stalled": Reply(
        200,
        headers=JSON,
        stream=EventStream(frames=(b'{"decision": true}',), ending=StreamEnd.STALL),
    ),
    "dripping": Reply(
        200,
        headers=JSON,
        stream=EventStream(
            frames=(b" ",), ending=StreamEnd.ENDLESS, pause=timedelta(milliseconds=20)
        ),
    ),
}


@pytest.mark.parametrize("reply", BAD.values(), ids=BAD)
def test_every_answer_but_a_plain_yes_denies(
    point: DecisionPoint, made: Made, reply: Reply
) -> None:
    """Whatever else comes back denies, and what came back is in no error."""
    point.answering = lambda _: reply
    assert refused(made(url=point.url, timeout=0.3), replace(REQUEST, arguments={"n": CANARY}))


WHOLE = EventStream(frames=(b'{"decision"', b": true}"))
GOOD = {
    "with blanks": Reply(200, body=b' {"decision": true}\n', headers=JSON),
    "in chunks": Reply(
        200, headers={"content-type": "Application/JSON; charset=utf-8"}, stream=WHOLE
    ),
}


@pytest.mark.parametrize("reply", GOOD.values(), ids=GOOD)
def test_a_plain_yes_allows(point: DecisionPoint, made: Made, reply: Reply) -> None:
    """The same yes that bad answers carry allows when nothing is wrong with it."""
    point.answering = lambda _: reply
    assert made(url=point.url, timeout=2).decide(REQUEST).effect is Effect.ALLOW


def test_nobody_there_denies(point: DecisionPoint, made: Made) -> None:
    """A decision point that cannot be reached denies."""
    decider = made(url=point.url.rpartition(":")[0] + ":9", timeout=0.5)
    assert refused(decider)


def test_the_token_of_the_environment_is_sent(
    point: DecisionPoint, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bearer token comes from the variable that options name, and is in no repr."""
    monkeypatch.setenv("PDP_TOKEN", CANARY)
    decider = made(url=point.url, token_env="PDP_TOKEN")
    decider.decide(REQUEST)
    headers = dict(point.journal.requests()[0].headers)
    assert headers["authorization"] == f"Bearer {CANARY}"
    assert CANARY not in repr(decider)


def test_neither_proxies_nor_credentials_come_from_the_environment(
    point: DecisionPoint, made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A proxy or a netrc file of the process changes nothing about how it is asked."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login x password y\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    assert made(url=point.url).decide(REQUEST).effect is Effect.ALLOW
    assert "authorization" not in dict(point.journal.requests()[0].headers)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "'url' is needed"),
        ({"url": "http://pdp.example"}, "https://"),
        ({"url": "ftp://127.0.0.1"}, "https://"),
        ({"url": "https://"}, "host"),
        ({"url": "https://user:pw@pdp.example"}, "token_env"),
        ({"url": "https://pdp.example/?x=1"}, "query"),
        ({"url": "https://pdp.example:port"}, "no URL"),
        ({"url": 7}, "'url' must be text"),
        ({"url": "https://pdp.example", "timeout": 0}, "'timeout'"),
        ({"url": "https://pdp.example", "timeout": True}, "'timeout'"),
        ({"url": "https://pdp.example", "token_env": "NOT_SET_ANYWHERE"}, "'token_env'"),
        ({"url": "https://pdp.example", "ca_file": "missing.pem"}, "'ca_file'"),
        ({"url": "https://pdp.example", "claims": "team"}, "'claims'"),
        ({"url": "https://pdp.example", "verify": False}, "not known"),
    ],
)
def test_options_that_cannot_be_used_are_refused(
    options: dict[str, object], named: str, tmp_path: Path
) -> None:
    """A wrong option refuses the decider, and the message names the option."""
    frozen = {name: freeze(each) for name, each in options.items()}
    with pytest.raises(ValueError, match=named):
        from_options(frozen, tmp_path)


def test_threads_share_a_decider(point: DecisionPoint, made: Made) -> None:
    """Many threads at once get each its own answer."""
    point.answering = knows
    decider = made(url=point.url)
    wrong: list[str] = []

    def ask(tool: str) -> None:
        wanted = Effect.ALLOW if tool == "pay" else Effect.DENY
        request = decision_request("agent:a", tool=tool)
        wrong.extend(tool for _ in range(5) if decider.decide(request).effect is not wanted)

    threads = [threading.Thread(target=ask, args=(tool,)) for tool in ("pay", "burn") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
