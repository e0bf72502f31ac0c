# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A louder profile asks for less."""

from dataclasses import fields
from itertools import pairwise

import pytest

from agentguard.classification.contextual.limits import LIMITS, Limits
from agentguard.vocabulary import Profile


def test_every_profile_has_its_limits() -> None:
    """No profile is without limits."""
    assert set(LIMITS) == set(Profile)


@pytest.mark.parametrize(("quiet", "loud"), list(pairwise(Profile)))
def test_a_louder_profile_never_asks_for_more(quiet: Profile, loud: Profile) -> None:
    """Whatever passes the limits of a profile passes those of the next."""
    for each in fields(Limits):
        assert getattr(LIMITS[loud], each.name) <= getattr(LIMITS[quiet], each.name), each.name
