# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may which agent do in the scenarios that every integration must pass?"""

AGENT = "agent:desk"
ALICE, BOB, CAROL = "user:alice", "user:bob", "user:carol"
PROFILE = "leads"
LOOKUP_RULE = "orders-may-be-looked-up"

POLICY = f"""
version = 1
name = "contract"

[deployment]
store = "agentguard.db"

[[identity]]
id = "{AGENT}"

[[provider]]
id = "loopback"
hosts = ["127.0.0.1:*"]

[[tool]]
name = "lookup"
impact = "read_only"

[[tool]]
name = "refund"
impact = "irreversible"

[[tool]]
name = "send_mail"
impact = "irreversible"
receives = ["email"]

# No rule names this tool, so a model is not shown it, and every call of it is denied.
[[tool]]
name = "wipe"
impact = "irreversible"

[[rule]]
id = "chat"
who = ["{AGENT}"]
for = ["{ALICE}", "{BOB}"]
provider = ["loopback"]
model = ["*"]
operation = ["inference", "embeddings"]
then = "allow"

[[rule]]
id = "{LOOKUP_RULE}"
who = ["{AGENT}"]
for = ["{ALICE}", "{BOB}"]
tool = "lookup"
args.order = {{ match = "ORD-[0-9]{{4}}" }}
then = "allow"

[[rule]]
id = "small-refunds"
who = ["{AGENT}"]
for = ["{ALICE}", "{BOB}"]
tool = "refund"
args.order = {{ match = "ORD-[0-9]{{4}}" }}
args.amount = {{ int = [1, 100] }}
then = "allow"

[[rule]]
id = "large-refunds"
who = ["{AGENT}"]
for = ["{ALICE}", "{BOB}"]
tool = "refund"
args.order = {{ match = "ORD-[0-9]{{4}}" }}
args.amount = {{ int = [101, 1000] }}
then = "approve"
approval = "{PROFILE}"

[[rule]]
id = "letters"
who = ["{AGENT}"]
for = ["{ALICE}", "{BOB}"]
tool = "send_mail"
args.to = {{ match = '[a-z.]+@customers\\.example' }}
args.text = {{ any = true }}
then = "allow"

[approval.{PROFILE}]
approvers = [{{ id = "{CAROL}", key = "APPROVER_KEY" }}]
need = 1
decide_within = "4h"
execute_within = "10m"
wait = "0s"

[[class]]
name = "email"
action = "tokenise"

[[class]]
name = "api_key"
action = "redact"

[[class]]
name = "project"
action = "redact"
in_answers = "redact"
values = ["operation silver falcon"]
"""


def policy_text(approver_key: str) -> str:
    """Return the policy of the scenarios.

    Args:
        approver_key: the public key of the one person who approves.
    """
    return POLICY.replace("APPROVER_KEY", approver_key)
