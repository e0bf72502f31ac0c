# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is this the address of a wallet?

The check sums of base58check and bech32; addresses without one are only told from other tokens by
how they are written.

INVARIANT: an address with one character changed is none
(tests/classification/test_personal_wallets.py).
"""

import hashlib
import re

_BITCOIN_LETTERS = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE_LETTERS = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_BECH32_LETTERS = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKED = frozenset({1, 0x2BC830A3})  # BIP 173 and BIP 350
_CHECKSUM = 4
_LONGEST_BASE58 = 36

# What wallets look like, in the dialect of RE2. Prefixes are those of bitcoin, litecoin, dogecoin,
# dash, zcash, tron, ripple, monero; of bech32 also cardano's and cosmos'.
PATTERN = (
    r"[13LMDXAT9tmnr2][1-9A-HJ-NP-Za-km-z]{25,34}"
    r"|(?:bc|tb|ltc|addr|cosmos|stake)1[02-9ac-hj-np-z]{11,100}|BC1[02-9AC-HJ-NP-Z]{11,71}"
    r"|0x[0-9A-Fa-f]{40}"
    r"|[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}"
)
_WHOLE = re.compile(PATTERN.encode())
_MIXED = re.compile(rb"0x(?=[0-9a-fA-F]*[a-f])(?=[0-9a-fA-F]*[A-F])[0-9a-fA-F]{40}")


def looks_like_wallet(written: bytes) -> bool:
    """Say whether a token has the form of an address of a wallet."""
    return _WHOLE.fullmatch(written) is not None


def is_checked(written: bytes) -> bool:
    """Say whether an address carries a right check sum."""
    if written.startswith(b"0x"):
        return False
    lower = written.lower()
    if written in {lower, written.upper()} and _is_bech32(lower):
        return True
    letters = _RIPPLE_LETTERS if written[:1] == b"r" else _BITCOIN_LETTERS
    return len(written) <= _LONGEST_BASE58 and _is_base58check(written, letters)


def is_capitalised(written: bytes) -> bool:
    """Say whether an address of Ethereum has the capitals that carry its check sum (EIP-55)."""
    return _MIXED.fullmatch(written) is not None


def is_unchecked(written: bytes) -> bool:
    """Say whether an address of this form carries no check sum that is looked at here."""
    return written.startswith(b"0x") or len(written) > 90  # noqa: PLR2004 - longer than bech32


def _is_base58check(written: bytes, letters: bytes) -> bool:
    number = 0
    for each in written:
        place = letters.find(each)
        if place < 0:
            return False
        number = number * 58 + place
    raw = number.to_bytes(_LONGEST_BASE58, "big").lstrip(b"\0")
    zeros = len(written) - len(written.lstrip(letters[:1]))
    raw = b"\0" * zeros + raw
    payload, check = raw[:-_CHECKSUM], raw[-_CHECKSUM:]
    if len(payload) not in {21, 22}:
        return False
    return hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:_CHECKSUM] == check


def _is_bech32(written: bytes) -> bool:
    prefix, _, rest = written.rpartition(b"1")
    values = [_BECH32_LETTERS.find(each) for each in rest]
    if not prefix or -1 in values:
        return False
    expanded = [each >> 5 for each in prefix] + [0] + [each & 31 for each in prefix]
    check = 1
    for value in (*expanded, *values):
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            check ^= generator if top >> place & 1 else 0
    return check in _CHECKED
