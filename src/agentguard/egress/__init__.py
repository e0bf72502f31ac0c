# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""May a request of a tool go to this address?

addresses  what kind of address an IP address is, and what stands inside one
urls       the one form of the address that a request is sent to
"""

from agentguard.egress.addresses import Address, Reach, answered_address, reach_of, read_address
from agentguard.egress.urls import OutboundUrl, UnclearUrl, outbound_url

__all__ = [
    "Address",
    "OutboundUrl",
    "Reach",
    "UnclearUrl",
    "answered_address",
    "outbound_url",
    "reach_of",
    "read_address",
]
