# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is this run of digits a telephone number?

An international number must fit the numbering plan of its country; a national one must be laid
out as its country writes it, or stand near a word that speaks of telephones.
It looks at one run, never at a text.

INVARIANT: digits alone are no telephone number unless a word says so
(tests/classification/test_personal_phones.py).
"""

import functools
import re
from collections.abc import Container
from typing import TYPE_CHECKING

from agentguard.classification.personal.context import Topic
from agentguard.classification.personal.layout import digits_of

if TYPE_CHECKING:
    from phonenumbers import PhoneMetadata

FEWEST_DIGITS = 7
MOST_DIGITS = 15

# Whose national layouts are known without a word: those that begin with the trunk prefix.
_TRUNK_REGIONS = (
    *(
        "GB",
        "DE",
        "FR",
        "IT",
        "NL",
        "BE",
        "CH",
        "AT",
        "SE",
        "FI",
        "IE",
        "UA",
        "TR",
        "IL",
    ),
    *("IN", "AU", "NZ", "JP", "KR", "PH", "ID", "TH", "VN", "ZA", "EG"),
)

# Where a mobile number with its trunk prefix has ten or eleven digits.
_MOBILE_REGIONS = (
    "GB",
    "FR",
    "DE",
    "TR",
    "IN",
    "PH",
    "JP",
    "KR",
    "AU",
    "ZA",
    "EG",
    "NG",
)
_MOBILE_LENGTHS = frozenset({10, 11})
_COUNTED = "01234567890"
_NEVER = r"(?!)"

# Outlines, in which every digit is a 9.
_DATE = re.compile(rb"(?:9999([-/.])99?(?:\1)99?|99?([-/.])99?(?:\2)9999)(?: 9{1,6})?")
_AMERICAN = re.compile(rb"(?:9[ .-])?(?:\(999\)[ .-]{0,2}|999[.-])999[ .-]9999")
_AMERICAN_BLANKS = re.compile(rb"(?:9 )?999 999 9999")
_SPANISH = re.compile(rb"999([ -])999(?:\1)999|999([ -])99(?:\2)99(?:\2)99")
_BRAZILIAN = re.compile(rb"\(99\) ?9{4,5}[- ]9999")
_TRUNK = re.compile(
    rb"(?:9{2,6}|\(9{2,6}\))(?: 9{2,8}){1,4}|9{2,6}(?:-9{2,8}){1,4}|9{2,4}(?:\.9{2,8}){2,4}"
    rb"|\(9{2,5}\) ?9{2,8}(?:[ -]?9{2,8}){0,3}|9{2,5}[-/] ?9{3,4} 9{3,4}"
)
# Of a town: five digits and the four of a part of it.
_AMERICAN_CODE = b"99999-9999"
_INTERNATIONAL = re.compile(rb"\+9[9 ().-]*")

_YEARS = re.compile(r"(?:19|20)\d\d ?[-/] ?(?:19|20)\d\d")
_AMERICAN_DIGITS = re.compile(r"1?[2-9]\d{9}")
_EXTENSION = re.compile(rb"(?:,? ?(?:x|X|ext\.?|Ext\.?|EXT\.?|extension) ?|;ext=| ?# ?)\d{1,6}\b")


def extension_end(data: bytes, end: int) -> int:
    """Return where the extension behind a number ends, *end* if there is none."""
    match = _EXTENSION.match(data, end)
    return match.end() if match else end


def is_date(outline: bytes) -> bool:
    """Say whether an outline is the one of a date, with or without an hour."""
    return _DATE.fullmatch(outline) is not None


def has_layout(outline: bytes) -> bool:
    """Say whether an outline is one that some country writes telephone numbers in."""
    return any(
        layout.fullmatch(outline)
        for layout in (_AMERICAN, _TRUNK, _INTERNATIONAL, _SPANISH, _BRAZILIAN)
    )


def is_written(written: str, outline: bytes) -> bool:
    """Say whether a number in one of the layouts can be dialled."""
    if written[0] == "+" or written.startswith("00"):
        return is_international(written)
    digits = digits_of(written)
    if outline == _AMERICAN_CODE:
        return False
    if digits[0] == "0":
        fewest, most = FEWEST_DIGITS + 2, MOST_DIGITS - 3
        trunk = _TRUNK.fullmatch(outline) is not None
        return trunk and fewest <= len(digits) <= most and _fits_any(digits[1:])
    if _AMERICAN.fullmatch(outline):
        return _AMERICAN_DIGITS.fullmatch(digits) is not None
    if _SPANISH.fullmatch(outline):
        return digits[0] in "679" and _fits("ES", digits, loosely=False)
    return _BRAZILIAN.fullmatch(outline) is not None and _fits("BR", digits, loosely=False)


def is_international(written: str) -> bool:
    """Say whether a number with ``+`` or ``00`` in front can be dialled."""
    digits = digits_of(written)
    bare = not re.search(r"\d[ ().-]", written)
    if written[0] != "+":
        if bare:
            return False
        digits = digits[2:]
    if not FEWEST_DIGITS <= len(digits) <= MOST_DIGITS or digits.startswith("0"):
        return False
    return any(
        _fits(region, national, loosely=not bare)
        for size in (1, 2, 3)
        for region in _regions(digits[:size])
        for national in (digits[size:], digits[size:].removeprefix("0"))
    )


def is_mobile(written: str) -> bool:
    """Say whether bare digits are a mobile number behind the trunk prefix of some country."""
    return (
        written.isdigit()
        and written[0] == "0" != written[1]
        and written not in _COUNTED
        and len(written) in _MOBILE_LENGTHS
        and any(_mobile(region).fullmatch(written[1:]) for region in _MOBILE_REGIONS)
    )


def could_be(written: str, outline: bytes) -> bool:
    """Say whether a number could be one, for a profile that takes weak layouts."""
    digits = digits_of(written)
    if _AMERICAN_BLANKS.fullmatch(outline):
        return _AMERICAN_DIGITS.fullmatch(digits) is not None
    return (
        written.isdigit() and len(digits) in {10, 11} and digits[0] == "0" and _fits_any(digits[1:])
    )


def is_named(written: str, topics: Container[Topic]) -> bool:
    """Say whether the words near a run of digits make it a telephone number."""
    if _YEARS.fullmatch(written):
        return False
    return Topic.PHONE in topics or (
        Topic.CALL in topics and not written.isdigit() and "/" not in written
    )


def _fits_any(national: str) -> bool:
    return any(_fits(region, national, loosely=False) for region in _TRUNK_REGIONS)


@functools.lru_cache(maxsize=1024)
def _regions(country_code: str) -> tuple[str, ...]:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(country_code), ())
    return tuple(region for region in regions if region != "001")


def _fits(region: str, national: str, *, loosely: bool) -> bool:
    pattern, lengths = _plan(region)
    if loosely:
        return len(national) in lengths and len(national) > FEWEST_DIGITS
    return pattern.fullmatch(national) is not None


@functools.lru_cache(maxsize=64)
def _mobile(region: str) -> re.Pattern[str]:
    mobile = _metadata(region).mobile
    return re.compile((mobile and mobile.national_number_pattern) or _NEVER)


@functools.lru_cache(maxsize=512)
def _plan(region: str) -> tuple[re.Pattern[str], frozenset[int]]:
    general = _metadata(region).general_desc
    if general is None:
        return re.compile(_NEVER), frozenset()
    lengths = frozenset(general.possible_length)
    return re.compile(general.national_number_pattern or _NEVER), lengths


def _metadata(region: str) -> "PhoneMetadata":
    from phonenumbers import PhoneMetadata

    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None:
        raise ValueError(f"no numbering plan of {region}")
    return metadata
