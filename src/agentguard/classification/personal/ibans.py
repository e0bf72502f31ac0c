# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does an international bank account number begin here?

The length that each country registered, and the check digits of ISO 7064.

INVARIANT: of the hundred pairs of check digits at most two are right
(tests/classification/test_personal_banks.py).
"""

# The registry of SWIFT, release 99: country and length.
_REGISTRY = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18
DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23
IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27
MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19
SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
_LENGTHS = {each[:2]: int(each[2:]) for each in _REGISTRY.split()}
_MODULUS = 97
_SEPARATORS = b" -"


def iban_end(data: bytes, start: int, end: int) -> int | None:
    """Return where the number ends that begins at *start*, None if none does."""
    length = _LENGTHS.get(data[start : start + 2].decode("ascii").upper())
    if length is None:
        return None
    place, written = start, bytearray()
    while place < end and len(written) < length:
        if data[place] not in _SEPARATORS:
            written.append(data[place])
        place += 1
    if len(written) < length or data[place : place + 1].isalnum():
        return None
    return place if is_checked(written.decode("ascii")) else None


def is_checked(number: str) -> bool:
    """Say whether an account number without blanks has the right check digits."""
    turned = number[4:] + number[:4]
    return int("".join(str(int(each, 36)) for each in turned)) % _MODULUS == 1
