# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a class that may go to one provider go to another one, too?

The story: a value is let pass, or hidden so that it can be turned back, for a model inside the
house. In the same session, with the same history, the other provider is asked.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from openai import OpenAI

from agentguard import ApprovalPending, ContentRefused, Guard
from agentguard.testing import LoopbackProvider

if TYPE_CHECKING:
    from tests.attacks.conftest import DeskOf

MAIL = "jane.doe@customers.example"
Ask = Callable[..., str]
POLICY = """\
version = 1
name = "two providers"

[deployment]
store = "guard.db"

[[identity]]
id = "agent:a"

[[provider]]
id = "near"
hosts = ["localhost:*"]

[[provider]]
id = "far"
hosts = ["127.0.0.1:*"]

[[rule]]
id = "chat"
who = "agent:a"
provider = ["near", "far"]
model = "*"
then = "allow"

[[class]]
name = "email"
"""


@pytest.fixture
def ask(tmp_path: Path, provider: LoopbackProvider) -> Iterator[Callable[[str], Ask]]:
    """Start a guard and give what asks a provider and returns the answer."""
    guards: list[Guard] = []

    def started(treatment: str) -> Ask:
        path = tmp_path / "agentguard.toml"
        path.write_text(POLICY + treatment)
        guard = Guard.from_file(path)
        guards.append(guard)

        def asked(where: str, *texts: str) -> str:
            host = {"near": "localhost", "far": "127.0.0.1"}[where]
            url = provider.base_url.replace("127.0.0.1", host)
            with (
                OpenAI(base_url=url, api_key="not-a-key", max_retries=0) as plain,
                guard.identity("agent:a", session="conversation"),
            ):
                client = guard.wrap(plain)
                answer = client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": text} for text in texts]
                )
            return str(answer.choices[0].message.content)

        return asked

    yield started
    for guard in guards:
        guard.close()


def test_what_passes_to_one_provider_is_hidden_from_the_other(
    ask: Callable[[str], Ask], provider: LoopbackProvider
) -> None:
    """A labelled value reaches the provider that may have it, and no byte of it the other one."""
    asked = ask('action = "redact"\nat = { near = "label" }\n')
    assert MAIL in asked("near", f"write to {MAIL}")
    assert MAIL.encode() in provider.received_bytes()
    before = len(provider.received_bytes())
    answer = asked("far", f"write to {MAIL}", f"again: {MAIL}")
    assert MAIL.encode() not in provider.received_bytes()[before:]
    assert "[[EMAIL:" in answer
    assert MAIL not in answer


def test_a_class_that_one_provider_must_not_have_refuses_calls_to_it_alone(
    ask: Callable[[str], Ask], provider: LoopbackProvider
) -> None:
    """A class that is blocked at one provider may go, hidden, to the other."""
    asked = ask('action = "tokenise"\nat = { far = "block" }\n')
    assert MAIL in asked("near", f"write to {MAIL}")
    sent = len(provider.received_bytes())
    with pytest.raises(ContentRefused):
        asked("far", f"write to {MAIL}")
    assert len(provider.received_bytes()) == sent
    assert MAIL.encode() not in provider.received_bytes()


def test_a_value_of_the_same_shape_stays_the_same_from_turn_to_turn(
    ask: Callable[[str], Ask], provider: LoopbackProvider
) -> None:
    """The surrogate that an answer repeats is left as it is when the history is sent again."""
    asked = ask('action = "format_preserving"\n')
    first = asked("near", MAIL)
    assert len(first) == len(MAIL)
    assert first.endswith(".example")
    assert asked("near", MAIL, first, f"it was {first}") == f"it was {first}"
    assert asked("near", MAIL) == first
    assert MAIL.encode() not in provider.received_bytes()


@pytest.mark.parametrize("action", ["label", "keep_last_four", "format_preserving", "hash"])
def test_an_approver_is_not_shown_what_models_are(
    policy_file: Path, desk_of: "DeskOf", action: str
) -> None:
    """A value that may leave as it is, is hidden from approvers who are not to see it."""
    text = policy_file.read_text().replace("approvers_see = true ", "approvers_see = false ")
    policy_file.write_text(text.replace('action = "tokenise"', f'action = "{action}"', 1))
    with Guard.from_file(policy_file) as guard:
        desk = desk_of(guard)
        with (
            guard.identity("agent:support", on_behalf_of="user:alice"),
            pytest.raises(ApprovalPending) as caught,
        ):
            desk.refund("ORD-00012345", 400, MAIL)
        shown = desk.request(caught.value.request_id).shown
    assert "ORD-" in shown
    assert MAIL not in shown
    stored = b"".join(file.read_bytes() for file in policy_file.parent.glob("agentguard.db*"))
    assert MAIL.encode() not in stored
