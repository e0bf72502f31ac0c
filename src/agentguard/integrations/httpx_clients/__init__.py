# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a client of httpx or httpx2 guarded, whose requests are calls of tools?

In place, like a model client: the class is swapped for one that has a single transport for every
address, ours, so that mounts, proxies and what is put in the client's attributes later lead
nowhere. The connections are opened by the library's own pool, to addresses that were checked.
The library is taken from the client's own classes, never by import.

guarding     which clients can be guarded, and the swap
transports   a request as a call, and its answer
connections  where the pool connects to
"""

from agentguard.integrations.httpx_clients.guarding import guard_http_client, library_of

__all__ = ["guard_http_client", "library_of"]
