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
from collections.abc import Mapping

from agentguard.classification.personal.context import Topic
from agentguard.classification.personal.layout import digits_of

FEWEST_DIGITS = 7
MOST_DIGITS = 15

# Whose national layouts are known without a word: those that begin with the trunk prefix.
_TRUNK_REGIONS = (
    *("GB", "DE", "FR", "IT", "NL", "BE", "CH", "AT", "SE", "FI", "IE", "UA", "TR", "IL"),
    *("IN", "AU", "NZ", "JP", "KR", "PH", "ID", "TH", "VN", "ZA", "EG"),
)

_AMERICAN = re.compile(
    r"(?:1[ .-])?(?:\([2-9]\d{2}\)[ .-]{0,2}|[2-9]\d{2}[.-])[2-9]\d{2}[ .-]\d{4}"
)
_AMERICAN_BLANKS = re.compile(r"(?:1 )?[2-9]\d{2} [2-9]\d{2} \d{4}")
_TRUNK = re.compile(
    r"(?:0\d{1,5}|\(0\d{1,5}\))(?: \d{2,8}){1,4}|0\d{1,5}(?:-\d{2,8}){1,4}"
    r"|0\d{1,3}(?:\.\d{2,8}){2,4}|\(0\d{1,4}\) ?\d{2,8}(?:[ -]?\d{2,8}){0,3}"
    r"|0\d{1,4}[-/] ?\d{3,4} \d{3,4}"
)
_FRENCH = re.compile(r"0[1-9](?:([ .-])\d\d)(?:\1\d\d){3}")
_SPANISH = re.compile(r"[679]\d{2}([ -])\d{3}\1\d{3}|[679]\d{2}([ -])\d\d\2\d\d\2\d\d")
_BRAZILIAN = re.compile(r"\([1-9]\d\) ?9?\d{4}[- ]\d{4}")
_DATE = re.compile(
    r"(?:\d{4}[-/.](?:0?[1-9]|1[0-2])[-/.][0-3]?\d|[0-3]?\d[-/.][0-3]?\d[-/.](?:19|20)\d{2})"
    r"(?: \d{1,6})?"
)
_QUAD = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?")
_EXTENSION = re.compile(rb"(?:,? ?(?:x|X|ext\.?|Ext\.?|EXT\.?|extension) ?|;ext=| ?# ?)\d{1,6}\b")


def extension_end(data: bytes, end: int) -> int:
    """Return where the extension behind a number ends, *end* if there is none."""
    match = _EXTENSION.match(data, end)
    return match.end() if match else end


def is_international(written: str) -> bool:
    """Say whether a number with ``+`` or ``00`` in front can be dialled."""
    digits = digits_of(written)
    bare = not re.search(r"\d[ ().-]", written)
    if written.startswith("00"):
        if bare:
            return False
        digits = digits[2:]
    elif not written.startswith("+"):
        return False
    if not FEWEST_DIGITS <= len(digits) <= MOST_DIGITS or digits.startswith("0"):
        return False
    return any(
        _fits(region, national, loosely=not bare)
        for size in (1, 2, 3)
        for region in _regions(digits[:size])
        for national in (digits[size:], digits[size:].removeprefix("0"))
    )


def is_laid_out(written: str) -> bool:
    """Say whether a national number is written as its country writes it."""
    if _DATE.fullmatch(written) or _QUAD.fullmatch(written):
        return False
    if _AMERICAN.fullmatch(written) or _FRENCH.fullmatch(written):
        return True
    if _BRAZILIAN.fullmatch(written):
        return True
    if _SPANISH.fullmatch(written):
        return _fits("ES", digits_of(written), loosely=False)
    if _TRUNK.fullmatch(written):
        digits = digits_of(written)[1:]
        fewest, most = FEWEST_DIGITS + 1, MOST_DIGITS - 4
        return fewest <= len(digits) <= most and _fits_any(digits)
    return False


def is_looser(written: str) -> bool:
    """Say whether a number could be one, for a profile that takes weak layouts."""
    if _AMERICAN_BLANKS.fullmatch(written):
        return True
    digits = digits_of(written)
    return len(digits) == len(written) in {10, 11} and digits[0] == "0" and _fits_any(digits[1:])


def could_be(written: str) -> bool:
    """Say whether a run of digits could be a telephone number at all."""
    if _DATE.fullmatch(written) or _QUAD.fullmatch(written):
        return False
    return FEWEST_DIGITS <= len(digits_of(written)) <= MOST_DIGITS


def is_named(written: str, topics: Mapping[Topic, int]) -> bool:
    """Say whether the words near a run of digits make it a telephone number."""
    if Topic.PHONE in topics:
        return True
    return Topic.CALL in topics and not written.isdigit() and "/" not in written


def _fits_any(national: str) -> bool:
    return any(_fits(region, national, loosely=False) for region in _TRUNK_REGIONS)


@functools.lru_cache(maxsize=1024)
def _regions(country_code: str) -> tuple[str, ...]:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    return tuple(
        region
        for region in COUNTRY_CODE_TO_REGION_CODE.get(int(country_code), ())
        if region != "001"
    )


def _fits(region: str, national: str, *, loosely: bool) -> bool:
    pattern, lengths = _plan(region)
    if loosely:
        return len(national) in lengths and len(national) > FEWEST_DIGITS
    return pattern.fullmatch(national) is not None


@functools.lru_cache(maxsize=512)
def _plan(region: str) -> tuple[re.Pattern[str], tuple[int, ...]]:
    from phonenumbers import PhoneMetadata

    metadata = PhoneMetadata.metadata_for_region(region)
    general = None if metadata is None else metadata.general_desc
    if general is None:
        raise ValueError(f"no numbering plan of {region}")
    return re.compile(general.national_number_pattern or ""), tuple(general.possible_length)
