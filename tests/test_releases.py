# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Are the oldest releases that are promised the ones that are run?"""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)(?:\[[^]]*\])?==(?P<version>[0-9.]+)$", re.MULTILINE)
BOUND = re.compile(r"^(?P<name>[a-z0-9-]+)(?:\[[^]]*\])?>=(?P<version>[0-9.]+)")

FRAMEWORKS = {
    "langchain": "langchain-core",
    "langchain-agents": "langchain",
    "agents": "openai-agents",
    "pydantic-ai": "pydantic-ai-slim",
    "mcp": "mcp",
    "gateway": "fastmcp",
}


def pinned() -> dict[str, Version]:
    """Return what is installed to run the integrations on the oldest releases."""
    text = (ROOT / "tests" / "releases" / "floor.txt").read_text(encoding="utf-8")
    return {pin["name"]: Version(pin["version"]) for pin in PIN.finditer(text)}


def lower_bounds(extra: str) -> dict[str, Version]:
    """Return the lower bounds of what an extra brings along."""
    bounds = map(BOUND.match, PROJECT["optional-dependencies"][extra])
    return {found["name"]: Version(found["version"]) for found in bounds if found is not None}


@pytest.mark.parametrize(("extra", "framework"), FRAMEWORKS.items())
def test_a_lower_bound_is_a_release_that_is_run(extra: str, framework: str) -> None:
    """The extra of each framework begins at the release that the floor pins."""
    assert lower_bounds(extra)[framework] == pinned()[framework]


def test_every_pin_of_the_floor_is_a_lower_bound() -> None:
    """The floor pins nothing that the extras do not bound at the same release."""
    bounds: dict[str, Version] = {}
    for extra in (*FRAMEWORKS, "dev"):
        bounds.update(lower_bounds(extra))
    assert {name: bounds.get(name) for name in pinned()} == pinned()
