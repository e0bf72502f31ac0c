# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Addresses of wallets are told by their check sums."""

import pytest

from agentguard.classification.personal import PersonalNumbers
from agentguard.vocabulary import Profile

BALANCED, STRICT = PersonalNumbers(), PersonalNumbers(Profile.STRICT)
# From the documents that define the formats.
CHECKED = (
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
)
MIXED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.mark.parametrize("address", CHECKED)
@pytest.mark.parametrize("frame", ["{}", "send to {}.", "addr={}&x=1", '"{}"'])
def test_checked_addresses_are_found_in_every_profile(address: str, frame: str) -> None:
    """An address with a right check sum is found whole, without any word near it."""
    text = frame.format(address)
    for detector in (STRICT, BALANCED):
        spans = [text[one.start : one.end] for one in detector.detect(text)]
        assert spans == [address]


@pytest.mark.parametrize("address", CHECKED)
def test_an_address_with_a_changed_character_is_none(address: str) -> None:
    """One changed character breaks the check sum."""
    for place in (5, 12, len(address) - 1):
        other = "2" if address[place] != "2" else "3"
        changed = address[:place] + other + address[place + 1 :]
        assert [one for one in BALANCED.detect(changed) if one.data_class == "crypto_wallet"] == []


def test_addresses_of_ethereum_show_by_their_capitals_or_a_word() -> None:
    """Forty hexadecimal digits are an address with mixed capitals, or behind a word for one."""
    assert [one.data_class for one in BALANCED.detect(MIXED)] == ["crypto_wallet"]
    assert [one.data_class for one in BALANCED.detect(f"ETH wallet {MIXED.lower()}")] == [
        "crypto_wallet"
    ]
    assert BALANCED.detect(f"commit {MIXED.lower()}") == []
    assert STRICT.detect(MIXED) == []
