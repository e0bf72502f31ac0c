# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The classes that every policy can name."""

from agentguard.classification import BUILT_IN_CLASSES, OwnClass
from agentguard.vocabulary import Action


def test_secrets_are_one_way_and_personal_data_comes_back() -> None:
    """By default a secret is never turned back, and personal data may be."""
    actions = {(one.family, one.action) for one in BUILT_IN_CLASSES}
    assert actions == {("secret", Action.REDACT), ("pii", Action.TOKENISE)}


def test_the_names_are_those_of_the_policy() -> None:
    """A policy can name exactly these classes without defining them."""
    assert {one.name for one in BUILT_IN_CLASSES} == {
        "api_key",
        "credential",
        "email",
        "jwt",
        "payment_card",
        "private_key",
    }


def test_values_stay_out_of_the_repr() -> None:
    """The repr of an own class does not show its values."""
    assert "s3cr3t" not in repr(OwnClass(name="own", values=("s3cr3t",)))
