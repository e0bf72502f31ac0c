# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a batch file make the requests that nobody could make one by one?

The lines of such a file are requests that the provider makes later, past the guard. Each story is
a line that must be decided like the request itself: its operation, its model, its tools, what it
refers to, and what it says.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from agentguard import ContentRefused, DeniedByPolicy, UnguardedPath

CANARY = "canary.batch@leak.example"
CHAT = "/v1/chat/completions"
HI = [{"role": "user", "content": "hi"}]
SEARCH = '[[tool]]\nname = "docs"\nimpact = "read_only"\nhosted = ["web_search"]\n'
MAY_SEARCH = """
[[rule]]
id = "docs"
who = "agent:support"
for = ["group:support-team"]
tool = "docs"
args."filters.allowed_domains" = { each = ["docs.example.com"] }
then = "allow"
"""
NARROW = '{"type": "web_search", "filters": {"allowed_domains": ["docs.example.com"]}}'


def line(body: Any, url: str = CHAT, **members: Any) -> dict[str, Any]:
    """Return a line of a batch file."""
    return {"custom_id": "r", "method": "POST", "url": url, "body": body, **members}


def asks(url: str = CHAT, **body: Any) -> dict[str, Any]:
    """Return a line that asks a model."""
    said = {"input": "hi"} if url.endswith("responses") else {"messages": HI}
    return line({"model": "m", **said, **body}, url)


def upload(*lines: Mapping[str, Any] | str, purpose: str = "batch") -> Callable[[Any], Any]:
    """Return a way to upload a file with these lines."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
    content = ("\n".join(texts) + "\n").encode()
    return lambda client: client.files.create(file=("a.jsonl", content), purpose=purpose)


def arrived(room: Any) -> list[dict[str, Any]]:
    """Return the lines that arrived."""
    (part,) = (p for p in room.provider.journal[-1].parts if p.filename)
    return [json.loads(text) for text in part.content.splitlines()]


SAID: dict[str, Mapping[str, Any]] = {
    "what the system says": asks(messages=[{"role": "system", "content": CANARY}]),
    "what the user says": asks(messages=[{"role": "user", "content": f"I am {CANARY}"}]),
    "a part": asks(messages=[{"role": "user", "content": [{"type": "text", "text": CANARY}]}]),
    "a tool": asks(
        tools=[
            {"type": "function", "function": {"name": "lookup_order", "description": CANARY}}
        ]
    ),
    "metadata": asks(metadata={"for": CANARY}),
    "the user": asks(user=CANARY),
    "the id of the line": line({"model": "m", "messages": HI}, custom_id=CANARY),
    "the input of a response": asks("/v1/responses", input=CANARY),
    "the instructions": asks("/v1/responses", instructions=CANARY),
    "a text to embed": line({"model": "m", "input": [CANARY]}, "/v1/embeddings"),
    "JSON in a text": asks(messages=[{"role": "user", "content": json.dumps({"to": CANARY})}]),
    "a prompt": line({"model": "m", "prompt": CANARY}, "/v1/completions"),
}  # fmt: skip


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_what_a_line_says_is_redacted(said: Mapping[str, Any], room: Any, twin: Any) -> None:
    """A value in any place of any line is hidden, and the lines stay lines."""
    guard = room.guard(rule='references = ["store"]')
    room.ask(guard, twin, upload(asks(), said))
    assert not room.provider.saw(CANARY)
    assert [each["url"] for each in arrived(room)] == [CHAT, said["url"]]
    assert room.provider.saw("[[EMAIL:")
    room.assert_untold(None, CANARY)


@pytest.mark.parametrize("url", [CHAT, "/v1/responses"])
def test_a_tool_at_the_provider_hides_in_a_line(url: str, room: Any, twin: Any) -> None:
    """A hosted tool in the last line is refused until a rule allows exactly that."""
    offer = asks(url, tools=[json.loads(NARROW)], store=False)
    error = room.refused(room.guard(), twin, upload(asks(), offer))
    assert isinstance(error, DeniedByPolicy)
    assert "hosted" in str(error)
    allowing = room.guard(SEARCH + MAY_SEARCH, rule='references = ["store"]')
    room.ask(allowing, twin, upload(asks(), offer))
    assert arrived(room)[1]["body"]["tools"] == [json.loads(NARROW)]
    wide = asks(url, tools=[{"type": "web_search"}])
    room.refused(allowing, twin, upload(asks(), wide))


def test_a_tool_at_the_provider_is_taken_out_of_a_line(room: Any, twin: Any) -> None:
    """Where denied tools are removed, the line goes without, and the other line as it was."""
    guard = room.guard('[hosted_tools]\ndenied = "remove"', rule='references = ["store"]')
    plain = asks("/v1/responses", store=True)
    offer = asks("/v1/responses", tools=[{"type": "web_search"}], tool_choice="auto")
    room.ask(guard, twin, upload(offer, plain))
    first, second = arrived(room)
    assert not {"tools", "tool_choice"} & first["body"].keys()
    assert second["body"] == plain["body"]


def test_a_function_that_may_not_be_used_is_taken_out_of_a_line(room: Any, twin: Any) -> None:
    """Function tools are filtered in a line as they are in a request."""
    tools = [
        {"type": "function", "function": {"name": name}}
        for name in ("delete_account", "lookup_order")
    ]
    room.ask(room.guard(), twin, upload(asks(tools=tools)))
    (sent,) = arrived(room)
    assert [each["function"]["name"] for each in sent["body"]["tools"]] == ["lookup_order"]


FORCED = {"type": "function", "function": {"name": "delete_account"}}
REFUSED: dict[str, tuple[Mapping[str, Any] | str, type[Exception]]] = {
    "an endpoint that nobody knows": (line({}, "/v1/teleport"), UnguardedPath),
    "an endpoint of an administrator": (
        line({"name": "k"}, "/v1/organization/admin_api_keys"), DeniedByPolicy,
    ),
    "a socket's credential": (line({}, "/v1/realtime/client_secrets"), DeniedByPolicy),
    "an address elsewhere": (asks("https://elsewhere.example/v1/chat/completions"), ContentRefused),
    "a path that climbs": (asks("/v1/chat/../files"), UnguardedPath),
    "a query": (asks(f"{CHAT}?to={CANARY}"), ContentRefused),
    "a field that nobody knows": (asks(teleport=CANARY), ContentRefused),
    "a member beside the request": (line({}, headers={"x": CANARY}), ContentRefused),
    "an earlier response": (asks("/v1/responses", previous_response_id="r"), DeniedByPolicy),
    "a stored prompt": (asks("/v1/responses", prompt={"id": "p"}), DeniedByPolicy),
    "a picture by its address": (
        asks(messages=[{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]}]),
        DeniedByPolicy,
    ),
    "a picture carried along": (
        asks(messages=[{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAAN"}},
        ]}]),
        ContentRefused,
    ),
    "another model": (asks(model="other"), ContentRefused),
    "options of a search": (asks(web_search_options={}), DeniedByPolicy),
    "an old function that may not be forced": (
        asks(functions=[{"name": "delete_account"}], function_call={"name": "delete_account"}),
        DeniedByPolicy,
    ),
    "a yes to a connector": (
        asks("/v1/responses", input=[
            {"type": "mcp_approval_response", "approval_request_id": "1", "approve": True}]),
        DeniedByPolicy,
    ),
    "no JSON": ("{'a': 1}", ContentRefused),
    "a key twice": ('{"url": "/v1/x", "method": "POST", "url": "/v1/embeddings"}', ContentRefused),
    "a list": ("[]", ContentRefused),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "kind"), REFUSED.values(), ids=REFUSED)
def test_a_line_that_may_not_be_made_keeps_the_file_here(
    bad: Mapping[str, Any] | str, kind: type[Exception], room: Any, twin: Any
) -> None:
    """One line that is refused refuses the file, whatever the others are."""
    error = room.refused(room.guard(), twin, upload(asks(), bad, asks()), CANARY)
    assert isinstance(error, kind)


@pytest.mark.parametrize("purpose", ["batch\0", "batch\u200b", "\uff42atch", "batch;", "b atch"])
def test_a_purpose_that_a_provider_might_read_as_batch_is_refused(
    purpose: Any, room: Any, twin: Any
) -> None:
    """A file that is a batch to the provider and none to the guard would not be read by line."""

    def way(client: Any) -> Any:
        return client.files.create(file=("b.jsonl", b"{}"), purpose=purpose)

    assert isinstance(room.refused(room.guard(), twin, way), ContentRefused)


def test_a_model_that_searches_is_found_in_a_line(room: Any, twin: Any) -> None:
    """A model that searches the web by itself is a hosted tool in a line, too."""
    error = room.refused(room.guard(), twin, upload(asks(model="gpt-5-search-api")))
    assert isinstance(error, DeniedByPolicy)
    assert "search_model" in str(error)


def test_a_line_that_leaves_it_open_is_kept_and_so_refused(room: Any, twin: Any) -> None:
    """A response that does not say no to being stored is stored, so a rule must allow that."""
    open_line = asks("/v1/responses")
    error = room.refused(room.guard(), twin, upload(asks("/v1/responses", store=False), open_line))
    assert "'store'" in str(error)
    room.ask(room.guard(), twin, upload(asks("/v1/responses", store=False)))


def test_a_forced_function_in_a_line_is_refused(room: Any, twin: Any) -> None:
    """Forcing a function that the identity may not use refuses the file."""
    tools = [{"type": "function", "function": {"name": "delete_account"}}]
    error = room.refused(room.guard(), twin, upload(asks(tools=tools, tool_choice=FORCED)))
    assert isinstance(error, DeniedByPolicy)


def test_each_line_needs_a_rule_for_what_it_asks(room: Any, twin: Any, guard: Any) -> None:
    """Who may upload but not chat does not chat by uploading."""
    allowed = """
[[rule]]
id = "embeds"
who = "agent:support"
for = ["group:support-team"]
provider = "loopback"
model = ["embed-*"]
operation = ["POST /files", "embeddings"]
then = "allow"
[[rule]]
id = "no-chat"
who = "agent:support"
for = ["group:support-team"]
provider = "loopback"
model = ["e*"]
operation = "chat"
then = "deny"
"""
    guard = room.guard(allowed)
    embeds = line({"model": "embed-1", "input": "hi"}, "/v1/embeddings")
    room.ask(guard, twin, upload(embeds))
    chats = line({"model": "embed-1", "messages": HI})
    error = room.refused(guard, twin, upload(embeds, chats))
    assert isinstance(error, DeniedByPolicy)
    assert error.rule == "no-chat"


def test_a_rule_for_chats_alone_takes_nothing_from_the_rule_for_the_file(
    room: Any, twin: Any
) -> None:
    """Of two rules that allow a line, the one that lists what the file refers to is enough."""
    chats = """
[[rule]]
id = "a-chat"
who = "agent:support"
for = ["group:support-team"]
provider = "loopback"
model = ["*"]
operation = "chat"
then = "allow"
"""
    guard = room.guard(chats, rule='references = ["store"]')
    room.ask(guard, twin, upload(asks("/v1/responses"), asks("/v1/responses", store=True)))
    assert len(arrived(room)) == 2


def test_a_line_of_anthropics_batches_is_decided_too(room: Any, anthropic_twin: Any) -> None:
    """The requests of a message batch are redacted, and their tools decided."""
    guard = room.guard()

    def way(**params: Any) -> Callable[[Any], Any]:
        said = {"model": "m", "max_tokens": 8, "messages": [{"role": "user", "content": CANARY}]}
        requests = [{"custom_id": "r", "params": {**said, **params}}]
        return lambda client: client.messages.batches.create(requests=requests)

    room.ask(guard, anthropic_twin, way())
    assert not room.provider.saw(CANARY)
    assert room.provider.saw("[[EMAIL:")
    search = [{"type": "web_search_20250305", "name": "web_search"}]
    error = room.refused(guard, anthropic_twin, way(tools=search), CANARY)
    assert isinstance(error, DeniedByPolicy)


def test_a_batch_is_a_remote_run(room: Any, twin: Any) -> None:
    """Starting a batch refers to the file, and says so to the policy."""

    def way(client: Any) -> Any:
        return client.batches.create(
            completion_window="24h",
            endpoint="/v1/chat/completions",
            input_file_id="f",
            metadata={"for": CANARY},
        )

    error = room.refused(room.guard(), twin, way, CANARY)
    assert "references" in str(error)
    room.ask(room.guard(rule='references = ["file"]'), twin, way)
    assert not room.provider.saw(CANARY)
