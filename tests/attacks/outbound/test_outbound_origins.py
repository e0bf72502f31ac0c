# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Origins: a page that was read says where to go next, or a server sends the client there."""

from collections.abc import Callable
from typing import Any

import pytest

from agentguard import Guard
from agentguard.errors import DeniedByPolicy
from agentguard.testing.replies import Reply
from agentguard.vocabulary import Reason

FREE = "method = { any = true }\nurl.url = {"
ASKED = 'method = { any = true }\nurl.from = ["user"]\nurl.url = {'
FLOW = """
[[flow]]
id = "no-writing-after-reading"
tool = "write"
after = ["untrusted"]
then = "deny"
"""


@pytest.fixture
def asked_for(guard_with: Callable[..., Guard], sender_of: Callable[[Guard], Any]) -> Any:
    """Something that reads what the user named, and nothing else."""
    sender = sender_of(guard_with(**{FREE: ASKED}))
    sender.session = "s"
    return sender


def said(sender: Any, text: str) -> None:
    """Let the user say something."""
    with sender.guard.identity("agent:crm", session="s"):
        sender.guard.from_user(text)


def test_an_address_that_the_user_named_is_read(asked_for: Any, server: Any) -> None:
    """The user's own address is fetched, and none that differs from it in path or query."""
    said(asked_for, f"please look at {server.url('/open/7')} for me")
    assert asked_for.send("GET", server.url("/open/7")).status == 200
    for path in ("/open/8", "/open/7?note=the-plan", "/open/7/the-plan"):
        with pytest.raises(DeniedByPolicy, match="the user's words"):
            asked_for.send("GET", server.url(path))
    assert [each.path for each in server.received] == ["/open/7"]


def test_an_address_that_a_page_names_is_not_read(asked_for: Any, server: Any) -> None:
    """What an answer says to fetch next does not count as named by the user."""
    planted = server.url("/open/8?note=the-plan")
    server.replies["/open/7"] = Reply(200, {"next": planted})
    said(asked_for, f"please look at {server.url('/open/7')}")
    asked_for.send("GET", server.url("/open/7"))
    with pytest.raises(DeniedByPolicy):
        asked_for.send("GET", planted)


def test_an_address_that_a_redirect_names_is_not_read(asked_for: Any, server: Any) -> None:
    """A redirect leads nowhere that the user did not name."""
    server.replies["/open/7"] = Reply(302, headers={"location": "/open/8"})
    said(asked_for, f"please look at {server.url('/open/7')}")
    with pytest.raises(DeniedByPolicy):
        asked_for.send("GET", server.url("/open/7"))
    assert [each.path for each in server.received] == ["/open/7"]


def test_an_answer_is_untrusted(
    guard_with: Callable[..., Guard], sender_of: Callable[[Guard], Any], server: Any
) -> None:
    """After any answer, whatever is in it, a flow about untrusted content holds."""
    sender = sender_of(guard_with(FLOW))
    for number, content in enumerate(({"a": 1}, b"\x00\xff")):
        sender.session = f"s{number}"
        server.replies["/open/read"] = Reply(200, content)
        assert sender.send("POST", server.url(), json={}).status == 200
        with pytest.raises(DeniedByPolicy, match="no-writing-after-reading"):
            sender.send("POST", server.url(), json={})


def test_reason_of_an_origin_is_written_down(
    asked_for: Any, server: Any, entries: list[Any]
) -> None:
    """The entry of such a refusal says that the origin decided."""
    with pytest.raises(DeniedByPolicy):
        asked_for.send("GET", server.url())
    assert entries[-1].reason is Reason.ORIGIN_DENIED
