# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does consent outlive the policy under which it was given?

The story: a person approves a recipient, and before the call is made again another version comes
into force, which asks other people, about other things, or forbids it.
"""

from typing import Any

import pytest

from agentguard import ApprovalPending, DeniedByPolicy

MALLORY = "mallory@evil.example"
DENYING = '[[flow]]\nid = "f"\ntool = "send_email"\nafter = "untrusted"\nthen = "deny"\n'
ASKING = DENYING.replace("deny", "approve") + 'approval = "leads"\n'
OTHERS = """[approval.others]
approvers = [{ id = "user:dave", key = "ed25519:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=" }]
need = 1
decide_within = "4h"
execute_within = "10m"
wait = "0s"
"""


def turn_to(mail: Any, text: str) -> None:
    """Have another version come into force."""
    mail.path.write_text(text)
    mail.guard.reload()


@pytest.mark.usefixtures("acting")
def test_consent_under_one_policy_does_not_count_under_another(mail: Any) -> None:
    """A flow that comes to ask asks again, though the very call was approved before."""
    mail.read_email(1)
    plain = mail.path.read_text()
    mail.approve(mail.pending(MALLORY))
    turn_to(mail, plain + ASKING)
    with pytest.raises(ApprovalPending):
        mail.send_email(MALLORY, "the minutes")
    turn_to(mail, plain + DENYING)
    with pytest.raises(DeniedByPolicy):
        mail.send_email(MALLORY, "the minutes")
    assert mail.sent == []


@pytest.mark.usefixtures("acting")
def test_people_who_are_asked_no_longer_have_no_say(mail: Any) -> None:
    """Where a version comes to ask others, what the first ones approved does not count."""
    mail.read_email(1)
    plain = mail.path.read_text()
    mail.approve(mail.pending(MALLORY))
    others = plain.replace('approval = "leads"\nthen', 'approval = "others"\nthen')
    assert others != plain
    turn_to(mail, others + OTHERS)
    with pytest.raises(ApprovalPending):
        mail.send_email(MALLORY, "the minutes")
    assert mail.sent == []


@pytest.mark.usefixtures("acting")
def test_a_value_that_was_approved_is_not_exempt_from_a_new_flow(mail: Any) -> None:
    """What a person approved once is relied on by rules that say so, and flows still deny it."""
    mail.read_email(1)
    mail.approve(mail.pending(MALLORY))
    mail.send_email(MALLORY, "the minutes")
    mail.send_email(MALLORY, "once more")
    assert mail.sent == [MALLORY, MALLORY]
    turn_to(mail, mail.path.read_text() + DENYING)
    with pytest.raises(DeniedByPolicy):
        mail.send_email(MALLORY, "the minutes")
    assert mail.sent == [MALLORY, MALLORY]
