# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A tool that speaks HTTP, guarded: what is sent, and which requests never leave (needs httpx)."""

import tempfile
from pathlib import Path

import httpx

from agentguard import CallRefused, Guard
from agentguard.testing.http_server import LoopbackServer
from agentguard.testing.received import Journal, Received
from agentguard.testing.replies import Reply

POLICY = """
version = 1
name = "outbound"
deployment.store = "agentguard.db"
identity = [{ id = "agent:crm" }]
tool = [{ name = "crm_read", impact = "read_only", http = "GET", private_hosts = "127.0.0.1" }]

[[rule]]
id = "customers"
who = "agent:crm"
tool = "crm_read"
args.method = { const = "GET" }
args.url.url = { schemes = ["http"], hosts = ["127.0.0.1"], ports = [PORT], paths = ["/customers"] }
then = "allow"
"""


def crm(request: Received) -> Reply:
    """Answer as a CRM does in which somebody planted a redirect."""
    planted = {"location": "http://169.254.169.254/latest/meta-data/iam/security-credentials/"}
    return Reply(302, headers=planted) if "13" in request.path else Reply(200, {"name": "Jane Doe"})


def ask(client: httpx.Client, method: str, url: str) -> str:
    """Return what a request brings."""
    try:
        return client.request(method, url).text
    except CallRefused as refused:
        return f"{type(refused).__name__}: {refused.args[0]}"


if __name__ == "__main__":
    server = LoopbackServer(Journal(), crm)
    server.start()
    here = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder, "agentguard.toml")
        policy.write_text(POLICY.replace("PORT", str(server.server_port)))
        with Guard.from_file(policy) as guard, guard.identity("agent:crm"):
            client = httpx.Client(follow_redirects=True, base_url=here, trust_env=False)
            with guard.wrap(client, tools=["crm_read"]) as guarded:
                for path in ("/customers/7", "/customers/13", "/invoices/7"):
                    print(f"GET {path}: {ask(guarded, 'GET', path)}")
                print(f"POST /customers/7: {ask(guarded, 'POST', '/customers/7')}")
    print("arrived:", [each.path for each in server.journal.requests()])
    server.stop()
