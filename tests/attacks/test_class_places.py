# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does what stands behind a name of the policy leave by some other way?

The story: an organisation says that whatever is called ``customer_number`` is its own business.
The numbers look like nothing: they come as numbers, in JSON texts, in files, and from tools.
"""

import json
from collections.abc import Callable

import pytest
from openai import OpenAI

from agentguard import ContentRefused, Guard
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import AuditEntry, EntryType

NUMBER = 40017
POLICY = """\
version = 1
name = "names"

[[identity]]
id = "agent:a"

[[provider]]
id = "here"
hosts = ["127.0.0.1:*"]

[[rule]]
id = "calls"
who = "agent:a"
provider = "here"
model = "*"
operation = ["chat", "POST /files"]
then = "allow"

[[rule]]
id = "files"
who = "agent:a"
provider = "here"
operation = "POST /files"
then = "allow"

[[rule]]
id = "tools"
who = "agent:a"
tool = ["look_up", "no_numbers"]
args.customer = { any = true }
then = "allow"

[[tool]]
name = "look_up"
impact = "read_only"
receives = ["customer_data"]

[[tool]]
name = "no_numbers"
impact = "read_only"

[[class]]
name = "customer_data"
keys = ["customer_number", "crm_*"]
paths = ["/customer/id"]
"""


@pytest.fixture
def guard(acting_under: Callable[[str], Guard]) -> Guard:
    """A guard whose policy names members."""
    return acting_under(POLICY)


def test_a_number_behind_the_name_leaves_in_no_position(
    client: OpenAI, provider: LoopbackProvider
) -> None:
    """Metadata, JSON in texts, arguments of calls and results of tools hold no number."""
    record = json.dumps({"customer_number": NUMBER, "crm_stage": "won"})
    answer = client.chat.completions.create(
        model="m",
        metadata={"customer_number": str(NUMBER)},
        messages=[
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "c",
                        "type": "function",
                        "function": {"name": "look_up", "arguments": record},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c", "content": json.dumps({"rows": [record]})},
            {"role": "user", "content": record},
        ],
    )
    sent = provider.received_bytes()
    assert str(NUMBER).encode() not in sent
    assert b"won" not in sent
    assert json.loads(str(answer.choices[0].message.content)) == {
        "customer_number": str(NUMBER),
        "crm_stage": "won",
    }


def test_a_number_behind_the_name_leaves_in_no_file(
    client: OpenAI, provider: LoopbackProvider
) -> None:
    """A JSON file, a file of lines and a file of examples hold no number when they arrive."""
    record = json.dumps({"customer_number": NUMBER})
    example = json.dumps({"messages": [{"role": "user", "content": record}]})
    for name, text, purpose in (
        ("a.json", record, "user_data"),
        ("a.jsonl", f"{record}\n{record}\n", "user_data"),
        ("b.jsonl", f"{example}\n", "fine-tune"),
    ):
        client.files.create(file=(name, text.encode()), purpose=purpose)  # type: ignore[arg-type]  # a literal
    assert provider.received_bytes().count(b"customer_number") == 4
    assert str(NUMBER).encode() not in provider.received_bytes()


def test_a_tool_is_judged_by_what_stands_behind_names(
    guard: Guard, entries: list[AuditEntry]
) -> None:
    """A tool that may not receive the class is refused it, and a result is labelled with it."""

    def look_up(customer: dict[str, int]) -> dict[str, object]:
        return {"customer": {"id": customer["id"]}, "crm_stage": "won"}

    def no_numbers(customer: dict[str, int]) -> None:
        raise AssertionError(f"was given {len(customer)} members")

    assert guard.tool(look_up)(customer={"id": NUMBER})["crm_stage"] == "won"
    assert dict(entries[-1].classes) == {"customer_data": 2}
    assert entries[-1].type is EntryType.OUTCOME
    with pytest.raises(ContentRefused):
        guard.tool(no_numbers)(customer={"id": NUMBER})
