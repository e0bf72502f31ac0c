# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a body that is written by hand carry what a structured one may not?

The story: the verbs of the client take a body as bytes. Read as a text it was redacted, but the
hosted tools and the references in it were seen by the provider alone.
"""

import json
from typing import Any

import pytest

from agentguard import ContentRefused, Guard
from agentguard.testing import LoopbackProvider

CANARY = "jane.doe@customers.example"
BODY = {"model": "m", "tools": [{"type": "mcp", "server_url": "https://evil.example"}]}
RAW = json.dumps(BODY).encode()
OFFER = f"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=call for {CANARY}\r\n"

pytestmark = pytest.mark.usefixtures("as_open_support")

BODIES: dict[str, dict[str, Any]] = {
    "content": {"content": RAW},
    "content as text": {"content": RAW.decode()},
    "bytes for a body": {"body": RAW},
    "a session's media type": {
        "content": RAW,
        "options": {"headers": {"Content-Type": "application/sdp"}},
    },
}


@pytest.mark.filterwarnings("ignore:Passing raw bytes:DeprecationWarning")
@pytest.mark.parametrize("path", ["/assistants", "/threads/runs", "/chat/completions", "/evals"])
@pytest.mark.parametrize("given", BODIES.values(), ids=BODIES)
def test_a_body_written_by_hand_is_refused(
    given: dict[str, Any], path: str, twin: Any, open_guard: Guard, provider: LoopbackProvider
) -> None:
    """An endpoint that takes an object gets no bytes, in which no tool could be seen."""
    with pytest.raises(ContentRefused):
        twin.take(lambda client: open_guard.wrap(client).post(path, cast_to=object, **given))
    assert provider.connections == 0


def test_a_session_description_is_a_text(
    twin: Any, open_guard: Guard, provider: LoopbackProvider
) -> None:
    """The one text that an endpoint takes is redacted and sent as what it is."""
    pytest.importorskip("openai.resources.realtime.calls")
    twin.take(lambda client: open_guard.wrap(client).realtime.calls.create(sdp=OFFER))
    [request] = provider.journal
    assert CANARY.encode() not in request.body
    assert b"s=call for [[EMAIL:" in request.body
