# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A guard that believes an issuer on this machine."""

from collections.abc import Callable

import pytest

from agentguard import Guard
from agentguard.testing.issuer import LoopbackIssuer

TABLE = """
[issuer.corp]
issuer = "https://login.test"
audience = "agents"
keys_url = "{url}"
actor = "act.sub"
claims = ["customer"]
"""


@pytest.fixture
def believing(guard_of: Callable[[str], Guard], issuer: LoopbackIssuer) -> Guard:
    """A guard that believes the issuer."""
    return guard_of(TABLE.format(url=issuer.keys_url))
