# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The page about the policy file says what the file can hold."""

import re
from pathlib import Path

import pytest

from agentguard.classification import BUILT_IN_CLASSES
from agentguard.config import check
from agentguard.config.document import Table
from agentguard.policy.document import FAMILIES, SURFACES
from agentguard.vocabulary import Action, Impact, Kind, Profile, Reference

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
EXAMPLE = PAGE.split("```")[1].removeprefix("toml\n")
WORDS = set(re.findall(r"`\[*([A-Za-z0-9_.*-]+)\]*`", PAGE))


@pytest.mark.parametrize("table", Table.__subclasses__(), ids=lambda table: table.__name__)
def test_every_key_is_on_the_page(table: type[Table]) -> None:
    """Each key that a table can have is told."""
    keys = {field.alias or name for name, field in table.model_fields.items()}
    assert keys - WORDS - {"key"} == set()


def test_every_word_of_the_policy_is_on_the_page() -> None:
    """Each class, family, kind, action, impact, profile, reference and surface is told."""
    named = {each.name for each in BUILT_IN_CLASSES} | FAMILIES | SURFACES
    words = {str(each) for kind in (Kind, Action, Impact, Profile, Reference) for each in kind}
    assert (named | words) - WORDS == set()


def test_the_example_is_a_policy_without_doubts(tmp_path: Path) -> None:
    """The policy on the page can be used as it stands."""
    path = tmp_path / "agentguard.toml"
    path.write_text(EXAMPLE, encoding="utf-8")
    assert check(path, {}) == ()
