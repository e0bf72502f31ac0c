# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a tool end?"""

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from agentguard import DeniedByPolicy, GuardFailure
from agentguard.tools import made_of_checked

SECRET = "what the tool returned"


def test_a_checked_result_is_made_into_its_form() -> None:
    """What fits is returned as it was made."""
    assert made_of_checked("lookup", lambda: {"content": SECRET}) == {"content": SECRET}


@pytest.mark.parametrize(
    "make",
    [
        lambda: int(SECRET),
        lambda: dict[str, str]()[SECRET],
        lambda: dict(**{SECRET: 1}, **{SECRET: 2}),
        lambda: getattr(SECRET, "content"),  # noqa: B009 - as an integration reads an item
    ],
    ids=["value", "key", "type", "attribute"],
)
def test_a_result_of_another_shape_is_withheld(make: Callable[[], Any]) -> None:
    """What does not fit any more ends in a failure that tells nothing of it."""
    with pytest.raises(GuardFailure, match="another shape") as raised:
        made_of_checked("lookup", make)
    assert raised.value.dispatched
    assert SECRET not in "".join(traceback.format_exception(raised.value))


def test_what_a_form_says_is_no_failure() -> None:
    """An error that is the form itself comes out as it is."""

    def refused() -> None:
        raise DeniedByPolicy("no")

    with pytest.raises(DeniedByPolicy):
        made_of_checked("lookup", refused)
