# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The classes that every policy can name."""

from agentguard.classification import BUILT_IN_CLASSES, OwnClass
from agentguard.vocabulary import Action


def test_each_family_has_its_treatment() -> None:
    """Unless a policy says otherwise, each family is treated so, in requests and in answers."""
    treatment = {(one.family, one.action, one.in_answers) for one in BUILT_IN_CLASSES}
    assert treatment == {
        ("secret", Action.REDACT, Action.REDACT),  # never turned back
        ("pii", Action.TOKENISE, Action.LABEL),
        ("media", Action.BLOCK, Action.LABEL),
        ("answer", Action.REDACT, Action.REDACT),
        ("answer", Action.REDACT, Action.LABEL),
    }


def test_the_names_are_those_of_the_policy() -> None:
    """A policy can name exactly these classes without defining them."""
    names: dict[str, set[str]] = {}
    for one in BUILT_IN_CLASSES:
        names.setdefault(one.family, set()).add(one.name)
    assert names == {
        "secret": {"api_key", "credential", "jwt", "private_key"},
        "pii": {
            "bank_account",
            "company",
            "crypto_wallet",
            "date_of_birth",
            "driving_licence",
            "email",
            "ip_address",
            "mac_address",
            "medical_id",
            "national_id",
            "passport",
            "payment_card",
            "person",
            "phone",
            "place",
            "postal_address",
            "tax_id",
            "web_address",
        },
        "media": {"image", "audio", "video", "pdf", "binary"},
        "answer": {
            "data_link",
            "echoed_instructions",
            "hidden_unicode",
            "instructions",
            "remote_image",
        },
    }


def test_values_stay_out_of_the_repr() -> None:
    """The repr of an own class does not show its values."""
    assert "s3cr3t" not in repr(OwnClass(name="own", values=("s3cr3t",)))
