# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do runs of openai-agents run against?"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentguard.testing.contract import Ground
from agentguard.testing.contract.ground import prepared, says


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A guard, tools, and a provider that says that all is done."""
    with prepared(tmp_path) as made:
        made.script(says("all done"))
        yield made
