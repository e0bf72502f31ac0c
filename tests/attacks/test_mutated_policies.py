# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A slip of the pen in a policy is told with its line, and never lets anything more happen.

A whole policy is spoilt in more than a thousand ways, one at a time: keys and words misspelt, values of
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

[provenance]
user_messages = "first"

[egress]
unlabelled = "planned"

[egress.needs]
pii = "assured+contracted"
secret = "assured"

[egress.regions]
pii = ["eu"]

[egress.terms.pii]
retention_days = 30
training = false
sub_processors = ["aws"]
breach_notice = "72h"

[[provider.evidence]]
tier = "assured"
kind = "soc2-type2"
sha256 = "{"a" * 64}"
reviewed_by = "user:olga"
period_end = 2026-06-30
expires = 2027-06-30
retention_days = 30
training = false
sub_processors = ["aws"]
breach_notice = "72h"

[[provider.key]]
fingerprint = "sha256:{"b" * 32}"
who = ["agent:refunds"]

[[tool]]
name = "mail"
impact = "irreversible"
receives = ["email", "pii"]
targets = ["to"]
schema = {{ type = "object", properties = {{ to = {{}}, text = {{}} }} }}
outward = true
verbs = ["send"]
polls = false
within = "30s"

[[tool]]
name = "contacts"
impact = "read_only"
trusted = ["/people/*/email"]
returns = ["email"]

[[tool]]
name = "web"
impact = "read_only"
http = ["GET"]
http_headers = ["accept"]
private_hosts = ["wiki.corp.example"]

[[rule]]
id = "mail"
who = ["agent:refunds"]
for = ["group:support"]
tool = "mail"
args.to = {{ email = ["customers.example"], from = ["user", "tool:contacts"], else = "approve" }}
args.text = {{ length = [0, 5000], from = ["user"] }}
classes = ["email"]
then = "allow"
approval = "leads"

[[rule]]
id = "look"
who = ["agent:refunds"]
for = ["group:support"]
tool = "contacts"
then = "allow"

[[rule]]
id = "pages"
who = ["agent:refunds"]
for = ["group:support"]
tool = "web"
args.method = {{ const = "GET" }}
args.url = {{ url = {{ hosts = ["wiki.corp.example"] }} }}
then = "allow"

[[flow]]
id = "three"
who = ["agent:refunds"]
tool = ["mail"]
impact = "irreversible"
outward = true
after = ["untrusted", "class:email", "tool:contacts"]
targets_from = ["user"]
addresses_from = ["user", "tool:contacts"]
arguments_from = ["user", "tool:contacts"]
unless_asked = true
then = "approve"
approval = "leads"
remember = "nothing"

[budget.run]
scope = "person"
per = "1d"
who = ["agent:refunds"]
provider = ["openai"]
calls = 100
tokens_in = 100000
tokens_out = 5000
tokens = 105000
wall = "1h"
depth = 3
fan_out = 8
concurrent = 2
bytes_out.pii = 1000

[budget.purse]
money = "10.50"
hold_at_most = "0.50"

[[price]]
provider = "openai"
model = ["gpt-5"]
tokens_in = "0.000001"
tokens_out = "0.00001"

[[price]]
tool = ["web"]
call = "0.001"

[rate.slow]
rate = "60/minute"
scope = "person"
who = ["agent:refunds"]
tool = ["mail"]

[loops]
same = 3
turns = 2
failures = 5
refusals = 2
"""
NOW = datetime(2026, 11, 22, tzinfo=UTC)
LINES = POLICY.splitlines()
# Where the reader is free to write another value, another value is another policy.
WORDS = {
    "tool", "impact", "idempotency", "receives", "environments", "assurance", "limits", "then",
    "approval", "who", "for", "provider", "operation", "references", "action", "owner", "sum",
    "after", "targets_from", "addresses_from", "arguments_from", "remember", "user_messages",
    "unlabelled", "secret", "tier", "classes", "scope", "returns", "rate", "http",
}  # fmt: skip
# What may be written as a number or as text, and as a list or as true.
EITHER = {"trusted", "tokens_in", "tokens_out", "money", "hold_at_most", "call"}
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
            if key not in EITHER:
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
            table, dot, rest = header[2].partition(".")
            yield "a table misspelt", number, line.replace(header[2], f"{table}x{dot}{rest}")
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


def test_there_are_more_than_a_thousand_slips() -> None:
    """The ways to spoil the policy are many, and on every line that says something."""
    assert len(SPOILT) > 1_500
    assert {each.values[0] for each in SPOILT} == {
        number for number, line in enumerate(LINES, start=1) if line
    }
