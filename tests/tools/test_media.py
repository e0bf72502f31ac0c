# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which parts of a result are no text, and may they pass?"""

from collections.abc import Callable

import pytest

from agentguard import Guard
from agentguard.tools import media_class, media_passes

CLASSES = ("image", "audio", "video", "pdf", "binary")


@pytest.mark.parametrize(
    ("mime", "name"),
    [
        ("image/png", "image"),
        (" IMAGE/PNG", "image"),
        ("audio/wav", "audio"),
        ("video/mp4", "video"),
        ("application/pdf", "pdf"),
        ("Application/PDF; version=2", "pdf"),
        ("application/zip", "binary"),
        ("", "binary"),
        (None, "binary"),
        (7, "binary"),
    ],
)
def test_media_are_of_the_class_that_their_type_says(mime: object, name: str) -> None:
    """A type that says nothing known is that of bytes nobody can read."""
    assert media_class(mime) == name


@pytest.mark.parametrize("name", [*CLASSES, "unheard_of"])
def test_no_class_passes_unless_the_policy_labels_it(guard: Guard, name: str) -> None:
    """What a policy says nothing of does not pass."""
    assert not media_passes(guard.enforcer.core.policy, name)


def test_a_class_passes_that_the_policy_labels(guard_of: Callable[[str], Guard]) -> None:
    """A class that is labelled passes, and no other one with it."""
    guard = guard_of('[[class]]\nname = "image"\naction = "label"\n')
    passing = [name for name in CLASSES if media_passes(guard.enforcer.core.policy, name)]
    assert passing == ["image"]
