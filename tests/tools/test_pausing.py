# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a framework keep of a call that waits for people?"""

from agentguard import ApprovalPending
from agentguard.tools import kept_of_pause

ARGUMENTS = {"order": "ORD-0001", "amount": 400}


def test_a_pause_names_the_request_and_holds_no_argument() -> None:
    """The id, the tool and a digest are kept, which is another one for other arguments."""
    pending = ApprovalPending("it waits", request_id="r-1")
    kept = kept_of_pause(pending, "refund", ARGUMENTS)
    assert kept["request_id"] == "r-1"
    assert kept["tool"] == "refund"
    assert "ORD-0001" not in str(kept)
    assert kept == kept_of_pause(pending, "refund", dict(reversed(ARGUMENTS.items())))
    others = [("refund", {**ARGUMENTS, "amount": 500}), ("charge", ARGUMENTS)]
    assert kept["digest"] not in [kept_of_pause(pending, *other)["digest"] for other in others]


def test_arguments_without_a_canonical_form_have_no_digest() -> None:
    """A pause is kept whatever a model wrote."""
    pending = ApprovalPending("it waits", request_id="r-1")
    assert kept_of_pause(pending, "refund", {"order": object()})["digest"] == ""
