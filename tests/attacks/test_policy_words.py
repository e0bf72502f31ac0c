# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a request get past a rule, or get its own words into a refusal, by how it names things?

The story: a filter that knew the types of hosted tools let a new one pass; a rule against a model
was evaded by naming none; a socket went through as the operation that it carries; and a message
that was meant to help quoted the name that a caller had given a tool.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from agentguard.canonical import freeze
from agentguard.classification import build_classifier
from agentguard.config import load
from agentguard.errors import AgentGuardError, ContentRefused, DeniedByPolicy
from agentguard.identity import Identities
from agentguard.pipeline import (
    Attempt,
    Conclude,
    Core,
    Dispatch,
    OpenSession,
    Record,
    Response,
    Trace,
    guarded_call,
)
from agentguard.session import Session
from agentguard.vocabulary import (
    Attachment,
    Boundary,
    HostedTool,
    Kind,
    ModelCall,
    Reason,
    Reference,
)

CANARY = "canary_of_words"
POLICY = """
version = 1
name = "words"
[[identity]]
id = "agent:a"
[[provider]]
id = "openai"
hosts = ["api.openai.com"]
[[rule]]
id = "chat"
who = "agent:a"
provider = "openai"
model = "*"
operation = ["chat", "inference", "state"]
then = "allow"
[[rule]]
id = "old-models"
who = "agent:a"
provider = "openai"
model = "gpt-3*"
then = "deny"
[[tool]]
name = "docs_search"
impact = "read_only"
hosted = ["web_search"]
[[rule]]
id = "search"
who = "agent:a"
tool = "docs_search"
args."filters.allowed_domains" = { each = ["docs.example"] }
then = "allow"
"""
CHAT = ModelCall(
    id="c",
    operation="chat",
    verb="POST",
    path="/responses",
    origin="https://api.openai.com",
    model="gpt-5",
    payload=freeze({"model": "gpt-5", "input": "hello", "tools": [{"type": "web_search"}]}),
)


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    """The parts that decide, of a policy with one hosted tool."""
    path = tmp_path_factory.mktemp("policy") / "agentguard.toml"
    path.write_text(POLICY, encoding="utf-8")
    return Core(
        policy=load(path, {}).policy,
        classifier=build_classifier(),
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        random=lambda count: b"r" * count,
        lease=timedelta(minutes=1),
    )


def ending(core: Core, call: ModelCall) -> tuple[AgentGuardError | None, list[Any]]:
    """Step a call to its end; return the refusal, and everything written or told about it."""
    attempt = Attempt(
        id=call.id,
        boundary=Boundary.MODEL,
        surface="openai",
        operation=call.operation,
        target=call.model,
        caller=Identities(lambda: "session").narrowed("agent:a"),
        objection=None,
        describe=lambda: call,
    )
    flow = guarded_call(attempt, core, Trace(trace_id="0" * 32, span_id="0" * 16, stream="s"))
    told: list[Any] = []
    answer: Any = None
    try:
        while True:
            step = flow.send(answer)
            answer = Session(b"k" * 32) if isinstance(step, OpenSession) else None
            if isinstance(step, Record):
                told.append(step.entry)
            if isinstance(step, Conclude):
                told.append(step.report)
            if isinstance(step, Dispatch):
                answer = Response(content={})
    except StopIteration:
        return None, told
    except AgentGuardError as error:
        return error, told


def refused(core: Core, call: ModelCall) -> DeniedByPolicy:
    """Return the refusal of a call, which holds nothing that the caller chose."""
    error, told = ending(core, call)
    assert isinstance(error, DeniedByPolicy)
    assert error.dispatched is False
    assert CANARY not in f"{error}{error!r}{vars(error)!r}{told!r}"
    return error


def named(type_: str, members: Mapping[str, object] = MappingProxyType({})) -> ModelCall:
    """A chat that names a hosted tool."""
    tool = HostedTool(
        type=type_,
        arguments={name: freeze(value) for name, value in members.items()},
        pointer="/tools/0",
        removable=True,
    )
    return replace(CHAT, hosted_tools=(tool,))


def test_what_is_allowed_goes_through(core: Core) -> None:
    """The policy that the attacks run against lets a narrowed search through."""
    error, _ = ending(core, named("web_search", {"filters.allowed_domains": ["docs.example"]}))
    assert error is None


@pytest.mark.parametrize(
    "call",
    [
        named(CANARY),
        named("docs_search"),
        named("WEB_SEARCH", {"filters.allowed_domains": ["docs.example"]}),
        named("web_search "),
        named("web_search", {"filters.allowed_domains": [CANARY]}),
        named("web_search", {"filters.allowed_domains": ["docs.example"], CANARY: CANARY}),
        named("web_search", {"filters.allowed_domains": []}),
        named("web_search"),
    ],
    ids=[
        "an unknown type",
        "the policy's own name for it",
        "another case",
        "a blank behind it",
        "another domain",
        "another member",
        "an empty list of domains",
        "no list of domains",
    ],
)
def test_a_hosted_tool_by_another_name_or_definition_is_refused(
    core: Core, call: ModelCall
) -> None:
    """A hosted tool passes by its exact type and within its members, and is else not repeated."""
    error = refused(core, call)
    assert "a tool that runs at the provider in POST /responses" in str(error)
    assert error.remedy is not None


def test_a_refusal_names_the_endpoint_and_the_line(core: Core) -> None:
    """A refused operation is told by its pair, with what to add to which rule."""
    files = replace(CHAT, operation="POST /files", kind=Kind.UPLOAD, path="/files", model="")
    assert str(refused(core, files)) == (
        "no rule allows POST /files for 'agent:a'; nearest rule 'chat': operation must be one of"
        " 'chat', 'inference', 'state' (add 'POST /files' to the operation of rule 'chat')"
    )


def test_a_socket_is_not_the_operation_that_it_carries(core: Core) -> None:
    """A socket that says it is a chat is refused, though chat is allowed."""
    socket = replace(CHAT, kind=Kind.SOCKET, verb="WS")
    assert "add 'WS /responses' to the operation" in str(refused(core, socket))


def test_naming_no_model_evades_no_rule(core: Core) -> None:
    """A chat that leaves the model to a stored prompt meets the rule against some models."""
    assert refused(core, replace(CHAT, model="")).rule == "old-models"


def test_an_unknown_host_is_not_repeated(core: Core) -> None:
    """A call to a host that no provider lists is refused with what to write, not with the host."""
    error = refused(core, replace(CHAT, origin=f"https://{CANARY.replace('_', '-')}.example"))
    assert "canary" not in str(error)
    assert error.remedy == "list the host under hosts of a [[provider]]"


def test_what_is_referred_to_needs_a_rule_of_its_own(core: Core) -> None:
    """A stored response is refused by its kind, with the line that would allow it."""
    error = refused(core, replace(CHAT, references=frozenset({Reference.STORED_RESPONSE})))
    assert "references = ['stored_response']" in str(error)


def test_a_blocked_image_says_how_to_let_it_pass(core: Core) -> None:
    """An image is refused by its class, with the line that would let it through."""
    image = Attachment(
        pointer="/input", data_class="image", label="<image 1 bytes>", content=CANARY
    )
    error, told = ending(core, replace(CHAT, attachments=(image,)))
    assert isinstance(error, ContentRefused)
    assert error.classes == ("image",)
    assert "[[class]] name = 'image', action = 'label'" in str(error)
    assert CANARY not in f"{error}{vars(error)!r}{told!r}"
    assert told[-1].reason is Reason.CLASS_BLOCKED
