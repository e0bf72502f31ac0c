# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A guard that believes an issuer on this machine."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

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
def issuer() -> Iterator[LoopbackIssuer]:
    """Somebody who issues tokens."""
    with LoopbackIssuer() as running:
        yield running


@pytest.fixture
def guard_of(policy_file: Path) -> Iterator[Callable[[str], Guard]]:
    """Give the function that makes a guard of the starter policy with more tables."""
    with ExitStack() as guards:

        def made(tables: str) -> Guard:
            path = policy_file.with_name("tokens.toml")
            path.write_text(policy_file.read_text() + tables)
            return guards.enter_context(Guard.from_file(path))

        yield made


@pytest.fixture
def believing(guard_of: Callable[[str], Guard], issuer: LoopbackIssuer) -> Guard:
    """A guard that believes the issuer."""
    return guard_of(TABLE.format(url=issuer.keys_url))
