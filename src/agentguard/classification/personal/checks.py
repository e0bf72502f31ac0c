# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which personal numbers carry a check that python-stdnum does not know?

Check characters and dates, each from the issuer's description.

INVARIANT: any text of ASCII characters gets an answer, never an error
(tests/classification/test_personal_checks.py).
"""

import re

from agentguard.classification.personal.cards import luhn
from agentguard.classification.personal.layout import digits_of

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_day(day: str, month: str) -> bool:
    """Say whether two times two digits are a day of a year."""
    return 1 <= int(month) <= len(_DAYS) and 1 <= int(day) <= _DAYS[int(month) - 1]


def weighted(digits: str, weights: str) -> int:
    """Return the sum of digits times weights."""
    return sum(int(digit) * int(weight) for digit, weight in zip(digits, weights, strict=False))


def chinese_resident(written: str) -> bool:
    """Check a resident identity number of China: a date, and ISO 7064 mod 11-2."""
    number = written.upper()
    if not number[:17].isdigit() or number[6:8] not in {"18", "19", "20"}:
        return False
    if not is_day(number[12:14], number[10:12]):
        return False
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17]


def singapore(written: str) -> bool:
    """Check an NRIC or FIN of Singapore."""
    number = written.upper()
    total = weighted(number[1:8], "2765432")
    if number[0] in "ST":
        letters, shift = "JZIHGFEDCBA", 4 * (number[0] == "T")
    elif number[0] in "FG":
        letters, shift = "XWUTRQPNMLK", 4 * (number[0] == "G")
    elif number[0] == "M":
        letters, shift = "KLJNPQRTUWX", 3
    else:
        return False
    place = (total + shift) % 11
    return letters[10 - place if number[0] == "M" else place] == number[8]


def hong_kong(written: str) -> bool:
    """Check an identity card number of Hong Kong."""
    number = re.sub(r"[()\s-]", "", written.upper())
    values = [36] * (9 - len(number))
    values += [_LETTERS.find(one) + 10 if one.isalpha() else int(one) for one in number[:-1]]
    check = 10 if number[-1] == "A" else int(number[-1]) if number[-1].isdigit() else -1
    total = sum(value * (9 - place) for place, value in enumerate(values))
    return check >= 0 and (total + check) % 11 == 0


def taiwan(written: str) -> bool:
    """Check an identity card number of Taiwan."""
    place = "ABCDEFGHJKLMNPQRSTUVXYWZIO".find(written[0].upper())
    number = f"{place + 10}{written[1:]}"
    return place >= 0 and written[1] in "1289" and weighted(number, "19876543211") % 10 == 0


def snils(written: str) -> bool:
    """Check a SNILS of Russia."""
    digits = digits_of(written)
    return weighted(digits, "987654321") % 101 % 100 == int(digits[9:])


def nino(written: str) -> bool:
    """Check the prefix and the suffix of a National Insurance number."""
    number = written.upper().replace(" ", "")
    return (
        not set(number[:2]) & set("DFIQUV")
        and number[1] != "O"
        and number[:2] not in {"BG", "GB", "NK", "KN", "NT", "TN", "ZZ"}
        and number[-1] in "ABCD"
    )


def german_pension(written: str) -> bool:
    """Check an insurance number of the German pension insurance: a date and a check digit."""
    number = written.upper().replace(" ", "")
    day = int(number[2:4])
    if not is_day(f"{day - 50 if day > 50 else day:02}", number[4:6]):  # noqa: PLR2004 - 50 is added in series
        return False
    digits = f"{number[:8]}{_LETTERS.find(number[8]) + 1:02}{number[9:11]}"
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    total = sum(
        sum(divmod(int(digit) * weight, 10)) for digit, weight in zip(digits, weights, strict=True)
    )
    return total % 10 == int(number[11])


def german_health(written: str) -> bool:
    """Check a number of a person with German health insurance."""
    number = written.upper()
    digits = f"{_LETTERS.find(number[0]) + 1:02}{number[1:9]}"
    total = sum(sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(digits))
    return total % 10 == int(number[9])


def american_provider(written: str) -> bool:
    """Check a National Provider Identifier: Luhn behind 80840."""
    digits = digits_of(written)
    return digits[0] in "12" and luhn(b"80840" + digits.encode("ascii"))


_MBI_LETTER = "[AC-HJKMNP-RT-Y]"
_MBI_EITHER = "[0-9AC-HJKMNP-RT-Y]"
_MBI = re.compile(
    rf"[1-9]{_MBI_LETTER}{_MBI_EITHER}\d-?{_MBI_LETTER}{_MBI_EITHER}\d-?{_MBI_LETTER}{{2}}\d{{2}}"
)


def american_beneficiary(written: str) -> bool:
    """Check the places of letters and digits of a Medicare Beneficiary Identifier."""
    return _MBI.fullmatch(written.upper()) is not None


def american_prescriber(written: str) -> bool:
    """Check a registration number of the Drug Enforcement Administration."""
    digits = written[2:]
    total = int(digits[0]) + int(digits[2]) + int(digits[4])
    total += 2 * (int(digits[1]) + int(digits[3]) + int(digits[5]))
    return total % 10 == int(digits[6])


def australian_health(written: str) -> bool:
    """Check an Australian Medicare card number."""
    digits = digits_of(written)
    return digits[0] in "23456" and weighted(digits[:8], "13791379") % 10 == int(digits[8])


def indian_account(written: str) -> bool:
    """Check the holder's type and the number of a permanent account number."""
    number = written.upper()
    return number[3] in "ABCFGHJLPT" and number[5:9] != "0000"


def korean_business(written: str) -> bool:
    """Check a business registration number of Korea."""
    digits = digits_of(written)
    total = weighted(digits[:9], "137137135") + int(digits[8]) * 5 // 10
    return (10 - total % 10) % 10 == int(digits[9])


def malaysian(written: str) -> bool:
    """Check the date and the place of a Malaysian identity card number."""
    digits = digits_of(written)
    return is_day(digits[4:6], digits[2:4]) and digits[6:8] not in {
        "00",
        "17",
        "18",
        "19",
        "20",
    }


def finnish(written: str) -> bool:
    """Check a personal identity code of Finland, given for a time or for good."""
    from stdnum.fi import hetu

    return hetu.is_valid(written, allow_temporary=True)


def british_driver(written: str) -> bool:
    """Check the birth date in a British driver number."""
    month = int(written[6:8]) % 50
    return 1 <= month <= len(_DAYS) and 1 <= int(written[8:10]) <= _DAYS[month - 1]


def luhn_checked(written: str) -> bool:
    """Check what carries the check digit of ISO/IEC 7812."""
    return luhn(digits_of(written).encode("ascii"))
