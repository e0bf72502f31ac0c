# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A configuration becomes the parts that it asks for."""

from pathlib import Path

import pytest

from agentguard import wiring
from agentguard.config import load
from agentguard.vocabulary import Profile

POLICY = """\
version = 1
name = "support"

[[class]]
name = "person"

[detection]
profile = "paranoid"
"""


def test_the_classifier_gets_the_profile_and_the_named_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the policy says about looking for data reaches what looks for it."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY)
    given: dict[str, object] = {}
    monkeypatch.setattr(wiring, "build_classifier", lambda **arguments: given.update(arguments))
    wiring.classifier_of(load(path, {}))
    assert given["profile"] is Profile.PARANOID
    assert given["named"] == {"person"}
