# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A slip of the pen in a policy is told with its line, and never lets anything more happen.

A whole policy is spoilt in some hundreds of ways, one at a time: keys and words misspelt, values of
another type, bounds left open, quotes and brackets lost, lines repeated. Each is refused, or
decides what was decided before or less.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from agentguard import ConfigError
from agentguard.config import load_document
from agentguard.errors import Problem
from agentguard.policy import PolicyDocument
from agentguard.review.difference import difference

KEY = "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
POLICY = f"""
version = 1
name = "mutated"
environments = ["production", "codegen"]

[groups]
support = ["user:alice", "user:bob"]

[tool_groups]
money = ["refund"]

[[identity]]
id = "agent:refunds"
owner = "user:olga"
environments = ["production"]

[[identity]]
id = "agent:coder"
environments = ["codegen"]

[[tool]]
name = "refund"
impact = "irreversible"
receives = ["email"]
idempotency = "key"
environments = ["production"]
schema = {{ type = "object", properties = {{ order = {{}}, amount = {{}}, to = {{}} }} }}

[[tool]]
name = "read"
impact = "read_only"
schema = {{ type = "object", properties = {{ path = {{ type = "string" }} }} }}

[[secret_store]]
name = "vault"
hosts = ["vault.corp.example"]
paths = ["/run/secrets"]
addresses = ["vault://"]

[limit.refunds]
sum = "amount"
most = 500

[approval.leads]
approvers = [{{ id = "user:carol", key = "{KEY}" }}]
need = 1
decide_within = "4h"
execute_within = "10m"

[[class]]
name = "email"
action = "tokenise"

[[provider]]
id = "openai"
hosts = ["api.openai.com"]
environments = ["production"]

[[rule]]
id = "small"
who = ["agent:refunds"]
for = ["group:support"]
tool = "group:money"
impact = "irreversible"
args.order = {{ match = "ORD-[0-9]{{8}}" }}
args.amount = {{ int = [1, 100] }}
args.to = {{ email = ["customers.example"] }}
assurance = "token"
limits = ["refunds"]
environments = ["production"]
then = "allow"

[[rule]]
id = "large"
who = ["agent:refunds"]
for = ["group:support"]
tool = "refund"
args.order = {{ match = "ORD-[0-9]{{8}}" }}
args.amount = {{ int = [101, 500] }}
args.to = {{ email = ["customers.example"] }}
then = "approve"
approval = "leads"

[[rule]]
id = "never"
who = ["agent:refunds"]
for = ["user:*"]
tool = "refund"
args.order = {{ const = "ORD-00000000" }}
then = "deny"

[[rule]]
id = "read"
who = ["agent:coder"]
tool = "read"
args.path = {{ path = ["/srv/repo"] }}
then = "allow"

[[rule]]
id = "ask"
who = ["agent:refunds"]
for = ["group:support"]
provider = "openai"
model = ["gpt-5"]
operation = ["chat"]
references = ["url"]
then = "allow"
"""
NOW = datetime(2026, 11, 22, tzinfo=UTC)
LINES = POLICY.splitlines()
# Where the reader is free to write another value, another value is another policy.
WORDS = {
    "tool", "impact", "idempotency", "receives", "environments", "assurance", "limits", "then",
    "approval", "who", "for", "provider", "operation", "references", "action", "owner", "sum",
}  # fmt: skip
TEXT = '"x"'
OTHER_TYPE = {'"': "5", "[": "true", "{": '"x"', "t": '"x"'}


def spoilt_lines() -> Iterator[tuple[str, int, str]]:
    """Yield each way to spoil one line: what was done, the number of the line, and the line."""
    for number, line in enumerate(LINES, start=1):
        pair = re.fullmatch(r"([\w.]+) = (.+)", line)
        header = re.fullmatch(r"(\[+)([\w.]+)(\]+)", line)
        if pair is not None:
            key, value = pair.groups()
            yield "key with a letter more", number, f"{key}s = {value}"
            yield "key with a letter less", number, f"{key[:-1]}_ = {value}"
            yield "key in capitals", number, f"{key.upper()} = {value}"
            yield "another type", number, f"{key} = {OTHER_TYPE.get(value[0], TEXT)}"
            yield "a number that is none", number, f"{key} = nan"
            yield "the line twice", number, f"{line}\n{line}"
            if value[-1] in '"]})':
                yield "an end lost", number, line[:-1]
            yield "nothing behind the key", number, f"{key} ="
            if key in WORDS and '"' in value:
                yield "a word misspelt", number, f"{key} = " + value.replace('"', '"x', 1)
                yield "a word in capitals", number, f"{key} = {value.upper()}"
            if "int = [" in value:
                yield "a bound left open", number, re.sub(r"\[(\d+), \d+\]", r"[\1]", line)
                yield "bounds exchanged", number, re.sub(r"\[(\d+), (\d+)\]", r"[\2, \1]", line)
                yield "bounds as text", number, re.sub(r"\[(\d+), (\d+)\]", r'["\1", "\2"]', line)
                yield "another kind", number, line.replace("int =", "at_most =")
            if "ed25519" not in value and re.search(r"agent:|user:", value):
                yield "a look-alike letter", number, line.replace("a", "\u0430")
        if header is not None:
            yield "a table misspelt", number, line.replace(header[2], f"{header[2]}x")
            yield "a list for a table", number, line[1:-1] if line[1] == "[" else f"[{line}]"


SPOILT = [
    pytest.param(number, text, id=f"{number}-{what}".replace(" ", "_"))
    for number, what, text in ((number, what, text) for what, number, text in spoilt_lines())
]


@cache
def original(folder: Path) -> PolicyDocument:
    """Read the policy as it should be."""
    path = folder / "original.toml"
    path.write_text(POLICY, encoding="utf-8")
    return load_document(path)


@pytest.mark.parametrize(("number", "text"), SPOILT)
def test_a_slip_of_the_pen_never_allows_more(
    tmp_path_factory: pytest.TempPathFactory, number: int, text: str
) -> None:
    """One spoilt line is refused with a place in the file, or lets nothing more happen."""
    folder = tmp_path_factory.getbasetemp()
    path = folder / f"mutated-{number}.toml"
    path.write_text("\n".join([*LINES[: number - 1], text, *LINES[number:]]), encoding="utf-8")
    problems = problems_of(path)
    if problems:
        assert all(each.file == str(path) and each.line and each.message for each in problems)
    else:
        assert not difference(original(folder), load_document(path), NOW).widens


def problems_of(path: Path) -> tuple[Problem, ...]:
    """Return what is wrong with a policy file."""
    try:
        load_document(path)
    except ConfigError as refused:
        return refused.problems
    return ()


def test_the_policy_itself_is_good(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The policy that is spoilt can be used, so that what is told is the slip."""
    assert original(tmp_path_factory.getbasetemp()).name == "mutated"


def test_there_are_hundreds_of_slips() -> None:
    """The ways to spoil the policy are many, and on every line that says something."""
    assert len(SPOILT) > 300
    assert {each.values[0] for each in SPOILT} == {
        number for number, line in enumerate(LINES, start=1) if line
    }
