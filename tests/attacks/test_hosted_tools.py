# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can the provider be made to run a tool that the policy does not allow?

A filter that looks at ``tools`` alone is passed in a dozen other places. Each story is told with
the real SDK: what no rule allows raises, wherever it stands; what a rule allows goes only as far
as the rule says; removing instead of raising is an option.
"""

from collections.abc import Callable
from typing import Any

import pytest

from agentguard import ContentRefused, DeniedByPolicy

CANARY = "canary.hosted@leak.example"
HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
SEARCH = {"type": "web_search"}
LOOKUP = {"type": "function", "name": "lookup_order", "parameters": {"type": "object"}}
DELETE = {**LOOKUP, "name": "delete_account"}

Way = Callable[[Any], Any]


def respond(**fields: Any) -> Way:
    """Return a way to ask for a response."""
    return lambda client: client.responses.create(**{"model": "m", "input": "hi", **fields})


def chat(**fields: Any) -> Way:
    """Return a way to chat."""
    return lambda client: client.chat.completions.create(**{"model": "m", "messages": HI, **fields})


def items(*given: dict[str, Any], **fields: Any) -> Way:
    """Return a way to ask for a response to items."""
    return respond(input=[*HI, *given], **fields)


def agents_of(client: Any) -> Any:
    """Return the agents of a client, or skip the test where its SDK has none."""
    return getattr(client.beta, "agents", None) or pytest.skip("this SDK has no agents")


def evals(**source: Any) -> Way:
    """Return a way to run an evaluation."""
    data = {
        "type": "responses",
        "model": "m",
        "source": {"type": "file_content", "content": [{"item": {"a": "b"}}]},
        **source,
    }
    return lambda client: client.evals.runs.create("eval_1", data_source=data)


PLACES: dict[str, tuple[str, Way]] = {
    "tools of a response": ("web_search", respond(tools=[LOOKUP, SEARCH])),
    "tools of a streamed response": ("web_search", respond(tools=[SEARCH], stream=True)),
    "tools in extra_body": ("web_search", respond(extra_body={"tools": [SEARCH]})),
    "tools in extra_body over harmless ones": (
        "web_search", respond(tools=[LOOKUP], extra_body={"tools": [SEARCH]}),
    ),
    "tools that a search found": (
        "web_search",
        items({"type": "tool_search_output", "call_id": "c", "execution": "client",
               "status": "completed", "tools": [SEARCH]}),
    ),
    "additional tools": (
        "web_search", items({"type": "additional_tools", "role": "developer", "tools": [SEARCH]}),
    ),
    "tools in a namespace": (
        "web_search",
        respond(tools=[{"type": "namespace", "name": "n", "description": "d", "tools": [SEARCH]}]),
    ),
    "a yes to a connector": (
        "mcp_approval_response",
        items({"type": "mcp_approval_response", "approval_request_id": "r", "approve": True}),
    ),
    "a connector": (
        "mcp",
        respond(tools=[{"type": "mcp", "server_label": "s", "server_url": "https://x.example"}]),
    ),
    "code that runs there": (
        "code_interpreter",
        respond(tools=[{"type": "code_interpreter", "container": {"type": "auto"}}]),
    ),
    "a shell there": (
        "shell", respond(tools=[{"type": "shell", "environment": {"type": "container_auto"}}]),
    ),
    "drawing": ("image_generation", respond(tools=[{"type": "image_generation"}])),
    "searching files": (
        "file_search", respond(tools=[{"type": "file_search", "vector_store_ids": ["vs_1"]}]),
    ),
    "a computer": ("computer", respond(tools=[{"type": "computer"}])),
    "searching tools": ("tool_search", respond(tools=[{"type": "tool_search"}])),
    "calling functions from there": (
        "programmatic_tool_calling",
        respond(tools=[{"type": "programmatic_tool_calling"},
                       {**LOOKUP, "allowed_callers": ["programmatic"]}]),
    ),
    "options of a search": ("web_search_options", chat(web_search_options={})),
    "options of a search in extra_body": (
        "web_search_options", chat(extra_body={"web_search_options": {}}),
    ),
    "a model that searches": ("search_model", chat(model="gpt-4o-search-preview")),
    "a dated model that searches": (
        "search_model", chat(model="gpt-4o-mini-search-preview-2025-03-11"),
    ),
    "a tool of a chat": ("web_search", chat(tools=[SEARCH])),
    "counting the tokens of a tool": (
        "web_search",
        lambda client: client.responses.input_tokens.count(model="m", input="hi", tools=[SEARCH]),
    ),
    "an evaluation": ("web_search", evals(sampling_params={"tools": [SEARCH]})),
    "an assistant": (
        "code_interpreter",
        lambda client: client.beta.assistants.create(
            model="m", tools=[{"type": "code_interpreter"}]
        ),
    ),
    "what an assistant's tools may use": (
        "tool_resources",
        lambda client: client.beta.threads.create(
            tool_resources={"code_interpreter": {"file_ids": []}}
        ),
    ),
    "an agent": (
        "web_search",
        lambda client: agents_of(client).create(model="m", name="a", tools=[SEARCH]),
    ),
    "a message of a thread": (
        "file_search",
        lambda client: client.beta.threads.messages.create(
            "thread_1", role="user", content="hi",
            attachments=[{"tools": [{"type": "file_search"}]}],
        ),
    ),
}  # fmt: skip
ALL = 'references = ["vector_store", "container", "conversation", "assistant", "file"]'


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("kind", "way"), PLACES.values(), ids=PLACES)
def test_a_tool_at_the_provider_is_refused_wherever_it_stands(
    kind: str, way: Way, room: Any, twin: Any
) -> None:
    """Nothing leaves, and the refusal says which declaration would allow the tool."""
    error = room.refused(room.guard(rule=ALL), twin, way)
    assert isinstance(error, DeniedByPolicy)
    assert error.remedy is not None
    assert f"hosted = ['{kind}']" in error.remedy


@pytest.mark.parametrize("kind", ["teleport", CANARY])
def test_an_unknown_tool_is_refused_and_not_repeated(kind: str, room: Any, twin: Any) -> None:
    """A type that no list holds is refused, and its name stands nowhere."""
    for way in (respond(tools=[{"type": kind}]), chat(tools=[{"type": kind}])):
        error = room.refused(room.guard(), twin, way, kind)
        assert "[[tool]]" in str(error)


def test_the_members_of_a_refused_tool_stand_nowhere(room: Any, twin: Any) -> None:
    """A connector's address and key are in no error, span or entry."""
    tool = {
        "type": "mcp",
        "server_label": "s",
        "server_url": f"https://{CANARY}/x",
        "authorization": "sk-proj-" + "0xQ7mZ2xK9vT4bN8cL1wR5yH3j" * 2,
    }
    room.refused(room.guard(), twin, respond(tools=[tool]), CANARY, tool["authorization"])


UNREADABLE: dict[str, Way] = {
    "a tool without a type": respond(tools=[{"name": "x"}]),
    "a type that is no text": respond(tools=[{"type": ["web_search"]}]),
    "tools that are no list": respond(tools={"type": "web_search"}),
    "a tool that is no object": respond(tools=["web_search"]),
    "a function that is called like a hosted tool": respond(tools=[{**LOOKUP, "name": "web_search"}]),
    "a choice that nobody offers": respond(tool_choice={"type": "web_search"}),
    "a choice among tools that nobody offers": respond(
        tools=[LOOKUP],
        tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]},
    ),
    "two names for a function": chat(
        tools=[{"type": "function", "name": "lookup_order", "function": {"name": "delete_account"}}]
    ),
    "an unknown member of a function": respond(tools=[{**LOOKUP, "server_url": "https://x"}]),
}  # fmt: skip


@pytest.mark.parametrize("way", UNREADABLE.values(), ids=UNREADABLE)
def test_what_two_readers_could_read_differently_is_no_tool(way: Way, room: Any, twin: Any) -> None:
    """A tool in no known form is refused, or at most taken out."""
    guard = room.guard()
    try:
        room.ask(guard, twin, way)
    except ContentRefused:
        assert room.provider.connections == 0
    else:
        assert not room.provider.saw("web_search")
        assert not room.provider.saw("server_url")


DOCS = """
[[tool]]
name = "docs"
impact = "read_only"
hosted = ["web_search", "web_search_options", "web_search_20250305"]
[[rule]]
id = "docs"
who = "agent:support"
for = ["group:support-team"]
tool = "docs"
args."filters.allowed_domains" = { each = ["docs.example.com", "help.example.com"] }
args.search_context_size = { in = ["low", "medium"], optional = true }
then = "allow"
"""


def search(**members: Any) -> dict[str, Any]:
    """Return a search with these members."""
    return {"type": "web_search", **members}


def within(*domains: str, **members: Any) -> dict[str, Any]:
    """Return a search in these domains."""
    return search(filters={"allowed_domains": [*domains], **members})


NARROW: dict[str, dict[str, Any]] = {
    "one domain": within("docs.example.com"),
    "both domains": within("help.example.com", "docs.example.com"),
    "a setting": {**within("docs.example.com"), "search_context_size": "low"},
    "a null": {**within("docs.example.com"), "user_location": None},
}
WIDE: dict[str, dict[str, Any]] = {
    "no filter": search(),
    "a null filter": search(filters=None),
    "an empty filter": search(filters={}),
    "no domain": within(),
    "another domain": within("docs.example.com", "evil.example"),
    "a domain that ends alike": within("docs.example.com.evil.example"),
    "a domain in capitals": within("DOCS.example.com"),
    "another member of the filter": within("docs.example.com", blocked_domains=["x.example"]),
    "another member": {**within("docs.example.com"), "external_web_access": True},
    "a larger setting": {**within("docs.example.com"), "search_context_size": "high"},
    "a dotted member": search(**{"filters.allowed_domains": ["docs.example.com"]}),
    "a text for a list": search(filters={"allowed_domains": "docs.example.com"}),
    "another version": {**within("docs.example.com"), "type": "web_search_preview"},
}


@pytest.mark.parametrize("tool", NARROW.values(), ids=NARROW)
def test_an_allowed_tool_arrives_as_it_was(tool: dict[str, Any], room: Any, twin: Any) -> None:
    """A definition within what the rule says is sent unchanged."""
    room.ask(room.guard(DOCS), twin, respond(tools=[tool]))
    assert room.provider.journal[-1].json["tools"] == [tool]


@pytest.mark.parametrize("tool", WIDE.values(), ids=WIDE)
def test_an_allowed_tool_goes_no_further_than_its_rule(
    tool: dict[str, Any], room: Any, twin: Any
) -> None:
    """A definition that says more, or something else, is refused like any other call."""
    guard = room.guard(DOCS)
    room.refused(guard, twin, respond(tools=[tool]))
    room.refused(guard, twin, respond(tools=[within("docs.example.com"), tool]))


CONNECTOR = """
[[tool]]
name = "desk"
impact = "irreversible"
hosted = ["mcp"]
[[rule]]
id = "desk"
who = "agent:support"
for = ["group:support-team"]
tool = "desk"
args.server_label = { any = true }
args.server_url = { in = ["https://desk.example/mcp"] }
args.require_approval = { const = "always" }
args.allowed_tools = { each = ["read"] }
then = "allow"
[[tool]]
name = "yes"
impact = "irreversible"
hosted = ["mcp_approval_response"]
[[rule]]
id = "no-only"
who = "agent:support"
for = ["group:support-team"]
tool = "yes"
args.approval_request_id = { any = true }
args.approve = { const = false }
then = "allow"
"""
DESK = {
    "type": "mcp",
    "server_label": "desk",
    "server_url": "https://desk.example/mcp",
    "require_approval": "always",
    "allowed_tools": ["read"],
}
BEYOND: dict[str, dict[str, Any]] = {
    "another server": {**DESK, "server_url": "https://evil.example/mcp"},
    "a server that begins alike": {**DESK, "server_url": "https://desk.example/mcp/../x"},
    "no approval": {**DESK, "require_approval": "never"},
    "approval for some": {**DESK, "require_approval": {"never": {"tool_names": ["read"]}}},
    "approval left open": {k: v for k, v in DESK.items() if k != "require_approval"},
    "other tools": {**DESK, "allowed_tools": ["read", "write"]},
    "tools by another form": {**DESK, "allowed_tools": {"tool_names": ["read"]}},
    "a key": {**DESK, "authorization": "x"},
    "headers": {**DESK, "headers": {"authorization": "x"}},
    "a connector instead": {**DESK, "connector_id": "connector_gmail"},
}


def test_a_connector_is_used_as_the_rule_says(room: Any, twin: Any) -> None:
    """Server, tools and approval stand in the rule, and so does what may answer for the user."""
    guard = room.guard(CONNECTOR)
    room.ask(guard, twin, respond(tools=[DESK]))
    assert room.provider.journal[-1].json["tools"] == [DESK]
    answer = {"type": "mcp_approval_response", "approval_request_id": "r", "approve": False}
    room.ask(guard, twin, items(answer, tools=[DESK]))
    room.refused(guard, twin, items({**answer, "approve": True}, tools=[DESK]))
    room.refused(guard, twin, items({**answer, "approve": "false"}, tools=[DESK]))


@pytest.mark.parametrize("tool", BEYOND.values(), ids=BEYOND)
def test_a_connector_is_used_for_nothing_else(tool: dict[str, Any], room: Any, twin: Any) -> None:
    """Any other server, tool or key is refused."""
    room.refused(room.guard(CONNECTOR), twin, respond(tools=[tool]))


REMOVE = '[hosted_tools]\ndenied = "remove"'


def test_denied_tools_are_removed_where_the_policy_says_so(room: Any, twin: Any) -> None:
    """What is not allowed goes out of the list, and what is allowed stays in it."""
    guard = room.guard(f"{DOCS}{REMOVE}")
    allowed = within("docs.example.com")
    offered = [search(), LOOKUP, {"type": "teleport"}, DELETE, allowed]
    room.ask(guard, twin, respond(tools=offered))
    assert room.provider.journal[-1].json["tools"] == [LOOKUP, allowed]
    room.ask(guard, twin, respond(tools=[search()], tool_choice="auto", parallel_tool_calls=True))
    sent = room.provider.journal[-1].json
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & sent.keys()


def test_a_removed_tool_inside_an_item_is_gone(room: Any, twin: Any) -> None:
    """Tools that stand in the input are removed there."""
    way = items({"type": "additional_tools", "role": "developer", "tools": [search(), LOOKUP]})
    room.ask(room.guard(REMOVE), twin, way)
    (_, item) = room.provider.journal[-1].json["input"]
    assert item["tools"] == [LOOKUP]


KEPT: dict[str, Way] = {
    "a yes": PLACES["a yes to a connector"][1],
    "options": chat(web_search_options={}),
    "a model": chat(model="gpt-5-search-api"),
    "a forced one": respond(tools=[search()], tool_choice={"type": "web_search"}),
    "one of a choice": respond(
        tools=[search(), LOOKUP],
        tool_choice={"type": "allowed_tools", "mode": "required", "tools": [search()]},
    ),
}


@pytest.mark.parametrize("way", KEPT.values(), ids=KEPT)
def test_what_cannot_be_removed_is_refused(way: Way, room: Any, twin: Any) -> None:
    """Where the request makes no sense without it, removing is refusing."""
    room.refused(room.guard(REMOVE), twin, way)


CHAIN = """
[[identity]]
id = "agent:helper"
[[rule]]
id = "helper"
who = "agent:helper"
for = ["group:support-team"]
provider = "loopback"
model = ["*"]
operation = "inference"
then = "allow"
"""
HELPER = (
    DOCS.partition("[[rule]]")[2]
    .replace("agent:support", "agent:helper")
    .replace('id = "docs"', 'id = "helper-docs"')
)


def test_each_agent_of_a_chain_needs_the_tool(room: Any, twin: Any) -> None:
    """A helper without the rule does not search for the agent that has it, nor the reverse."""
    way = respond(tools=[within("docs.example.com")])
    for lines, allowed in (
        (DOCS + CHAIN, False),
        (DOCS + CHAIN + "[[rule]]" + HELPER, True),
        (DOCS.partition("[[rule]]")[0] + CHAIN + "[[rule]]" + HELPER, False),
    ):
        guard = room.guard(lines)
        before = room.provider.connections
        with (
            guard.identity("agent:support", on_behalf_of="user:alice"),
            guard.identity("agent:helper"),
        ):
            if allowed:
                twin.take(lambda plain, guard=guard: way(guard.wrap(plain)))
                assert room.provider.connections > before
                continue
            with pytest.raises(DeniedByPolicy):
                twin.take(lambda plain, guard=guard: way(guard.wrap(plain)))
            assert room.provider.connections == before
