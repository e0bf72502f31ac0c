# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can what is around a value, or the way in which somebody typed it, take it past the detectors?

Each test tells one way that was tried, by somebody who writes a part of the text or by bad luck:
a page that groups digits with blanks of its own, a keyboard of another language, a word beside it.
"""

import unicodedata
from collections.abc import Sequence

import pytest

from agentguard.classification import Classifier, build_classifier
from agentguard.vocabulary import Finding

CARD = "4539578763621486"
CARD_GROUPS = ("4539", "5787", "6362", "1486")
IBAN_GROUPS = ("DE89", "3704", "0044", "0532", "0130", "00")
BLANKS = ("\xa0", "\u2007", "\u2009", "\u202f", "\u3000")
DASHES = ("\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212", "\uff0d")
ZEROS = {
    "Arabic": 0x660,
    "Persian": 0x6F0,
    "Devanagari": 0x966,
    "Bengali": 0x9E6,
    "Thai": 0xE50,
    "full width": 0xFF10,
}


@pytest.fixture(scope="module")
def finder() -> Classifier:
    """A classifier as it is built without any setting."""
    return build_classifier()


def _left(text: str, findings: Sequence[Finding]) -> str:
    """Return a text without what was found."""
    left, behind = [], 0
    for finding in findings:
        left.append(text[behind : finding.start])
        behind = finding.end
    return "".join((*left, text[behind:]))


def _hidden(finder: Classifier, value: str, text: str = "It is {} today.") -> bool:
    whole = text.replace("{}", value)
    return _left(whole, finder.findings(whole)) == text.replace("{}", "")


@pytest.mark.parametrize("separator", [*BLANKS, *DASHES], ids=unicodedata.name)
def test_digits_grouped_by_a_typesetter(finder: Classifier, separator: str) -> None:
    """Blanks and dashes of a web page between the digits of a number do not hide it."""
    assert _hidden(finder, separator.join(CARD_GROUPS))
    assert _hidden(finder, separator.join(("+49", "30", "901820")))
    assert _hidden(finder, separator.join(("536", "22", "8726")), "My SSN is {} today.")


@pytest.mark.parametrize("blank", BLANKS, ids=unicodedata.name)
def test_an_account_grouped_by_a_typesetter(finder: Classifier, blank: str) -> None:
    """Blanks of a web page between the groups of an account number do not hide it."""
    assert _hidden(finder, blank.join(IBAN_GROUPS))


@pytest.mark.parametrize("script", ZEROS)
def test_digits_of_another_script(finder: Classifier, script: str) -> None:
    """A number in the digits of another script is the number."""
    digits = {ord("0") + place: chr(ZEROS[script] + place) for place in range(10)}
    assert _hidden(finder, CARD.translate(digits))
    assert _hidden(finder, " ".join(CARD_GROUPS).translate(digits))
    assert _hidden(finder, "+966501234567".translate(digits))
    assert _hidden(finder, "0501234567".translate(digits), "phone: {}")


def test_what_nobody_sees_beside_a_blank(finder: Classifier) -> None:
    """A character that nobody sees beside a blank does not take a number apart."""
    assert _hidden(finder, " \u200b".join(CARD_GROUPS))
    assert _hidden(finder, "\u2060 ".join(CARD_GROUPS))


@pytest.mark.parametrize(
    "address",
    [
        "jane.doe\uff20example.org",
        "jane.doe\ufe6bexample.org",
        "jane.doe@example\uff0eorg",
    ],
)
def test_an_address_from_a_full_width_keyboard(finder: Classifier, address: str) -> None:
    """An e-mail address with a sign in full width is one."""
    assert _hidden(finder, address)


def test_a_telephone_number_from_a_full_width_keyboard(finder: Classifier) -> None:
    """The plus sign of a telephone number may be in full width."""
    assert _hidden(finder, "\uff0b49 30 901820")
