# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can what is around a value, or the way in which somebody typed it, take it past the detectors?

Each test tells one way that was tried, by somebody who writes a part of the text or by bad luck:
a page that groups digits with blanks of its own, a keyboard of another language, a word beside it.
"""

import base64
import unicodedata

import pytest

from agentguard.classification import Classifier, build_classifier
from agentguard.vocabulary import KnownValue

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


def _hidden(finder: Classifier, value: str, text: str = "It is {} today.") -> bool:
    start = text.index("{}")
    places = set(range(start, start + len(value)))
    for finding in finder.findings(text.replace("{}", value)):
        places.difference_update(range(finding.start, finding.end))
    return not places


@pytest.mark.parametrize("separator", [*BLANKS, *DASHES], ids=unicodedata.name)
def test_digits_grouped_by_a_typesetter(finder: Classifier, separator: str) -> None:
    """Blanks and dashes of a web page between the digits of a number do not hide it."""
    assert _hidden(finder, separator.join(CARD_GROUPS))
    assert _hidden(finder, separator.join(("+49", "30", "901820")))
    assert _hidden(finder, separator.join(("536", "22", "8726")), "My SSN is {} today.")


@pytest.mark.parametrize("separator", [".", "_", "  ", "   ", " - ", " | "])
def test_a_card_in_a_table(finder: Classifier, separator: str) -> None:
    """A card's groups are read together, whatever a table or a person puts between them."""
    assert _hidden(finder, separator.join(CARD_GROUPS))
    assert _hidden(finder, separator.join(("3782", "822463", "10005")))


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


PASSWORD = "Tr0ub4dor&3x"
TOKEN = "q7Xw2ZpL9vKd7RtB8nMh2JfGpsYc9TuEKaQo8WiM"


@pytest.mark.parametrize(
    "text",
    [
        "password\uff1a{}",
        "\u5bc6\u7801\uff1a{}",
        "\u5bc6\u7801\u662f{}",
        "password \u2192 {}",
        "password - {}",
        "password \u2013 {}",
        "| password | {} |",
        "password (root): {}",
        "The password for the account of bob is {}",
        "Das Passwort lautet {}",
    ],
)
def test_people_write_passwords_without_programs(finder: Classifier, text: str) -> None:
    """A password is hidden behind whatever a person writes between its name and itself."""
    assert _hidden(finder, PASSWORD, text)


@pytest.mark.parametrize(
    "name", ["public_password", "Author password", "bypass password", "keyboard_password"]
)
def test_a_harmless_word_beside_a_name(finder: Classifier, name: str) -> None:
    """A word that is harmless by itself does not make the password beside it harmless."""
    assert _hidden(finder, PASSWORD, f"{name}: {{}}")


@pytest.mark.parametrize("text", ["${DB_PASSWORD:-{}}", "${DB_PASSWORD:{}}", "${db.password:={}}"])
def test_the_default_of_a_variable(finder: Classifier, text: str) -> None:
    """What a template puts in where a variable is not set is no template."""
    assert _hidden(finder, PASSWORD, f"password: {text}\n")


@pytest.mark.parametrize(
    "rule", ["-" * 40, "=" * 60, "x" * 60, "ab" * 30, "Your access token\n-----"]
)
def test_a_rule_under_a_heading(finder: Classifier, rule: str) -> None:
    """A line of one sign before a token does not make it a part of something longer."""
    assert _hidden(finder, TOKEN, f"{rule}\n{{}}\n")


@pytest.mark.parametrize("size", [60, 64, 76])
def test_a_token_as_wide_as_a_line(finder: Classifier, size: int) -> None:
    """A token near its name is hidden, also where it is as long as a line of base64."""
    assert _hidden(finder, (TOKEN[::-1] + TOKEN)[:size], "Your new token:\n{}\n")


NAMED = "Zebra Falcon 77 of Project Nightjar"
KEY = "Zk81-Wm40-Qp93-Tt"


@pytest.fixture(scope="module")
def keeper() -> Classifier:
    """A classifier that knows two values and a project's name in composed letters."""
    values = (NAMED, KEY, "D\u00e9j\u00e0 vu")
    return build_classifier(known=[KnownValue(value=each, data_class="own") for each in values])


@pytest.mark.parametrize("blank", ["\n", "\r\n", "  ", "\t", "\xa0", " \n"], ids=ascii)
def test_a_known_value_over_lines(keeper: Classifier, blank: str) -> None:
    """A known value is hidden where an e-mail or a page breaks it into lines between its words."""
    assert _hidden(keeper, NAMED.replace(" ", blank))


@pytest.mark.parametrize("blank", [" ", "\n", "\r\n\t", "\u2009"], ids=ascii)
def test_a_known_value_in_pieces(keeper: Classifier, blank: str) -> None:
    """A known value is hidden where blanks take it apart, plain, in hexadecimal or in base64."""
    encoded = base64.b64encode(KEY.encode()).decode().rstrip("=")
    for written in (KEY, KEY.encode().hex(), encoded):
        assert _hidden(keeper, blank.join((written[:7], written[7:])))
        assert _hidden(keeper, blank.join(written))


def test_a_known_value_glued_together(keeper: Classifier) -> None:
    """The words of a known value without the blanks between them are the value."""
    assert _hidden(keeper, NAMED.replace(" ", ""))


def test_a_known_value_in_decomposed_letters(keeper: Classifier) -> None:
    """Letters and accents that stand apart, as file systems write them, are the same letters."""
    assert _hidden(keeper, unicodedata.normalize("NFD", "D\u00e9j\u00e0 vu"))


def test_words_are_not_glued_to_a_known_value(keeper: Classifier) -> None:
    """What only becomes a known value together with parts of other words is left."""
    assert keeper.findings("the D\u00e9j\u00e0 vulgar, and Zk81 - Wm40 - Qp9") == ()


@pytest.mark.parametrize("before", ["x", "key", "example", "0", "\xe9"])
def test_a_token_glued_to_a_word(finder: Classifier, before: str) -> None:
    """What is glued to the beginning of a long key does not leave the second half of it."""
    key = "sk-" + "proj-" + (TOKEN * 2)[:74] + "T3Blbk" + "FJ" + (TOKEN[::-1] * 2)[:74]
    assert _hidden(finder, key, before + "{}")


CLOUD_KEY = "AK" + "IAQ3ZXPLOTMW7YV5K4"


@pytest.mark.parametrize("blank", [" ", "\n", "\t", "\xa0", "\u2009", "."], ids=ascii)
def test_a_token_letter_by_letter(finder: Classifier, blank: str) -> None:
    """A token with a blank behind each of its letters is one."""
    assert _hidden(finder, blank.join(CLOUD_KEY))
    assert _hidden(finder, blank.join(CLOUD_KEY), "key={}\n")


@pytest.mark.parametrize("entity", ["&shy;", "&zwnj;", "&ZeroWidthSpace;", "&NoBreak;", "&#8203;"])
def test_an_entity_that_nobody_sees(finder: Classifier, entity: str) -> None:
    """An entity that a page does not show takes no token apart."""
    assert _hidden(finder, entity.join((CLOUD_KEY[:9], CLOUD_KEY[9:])))


def test_entities_between_digits(finder: Classifier) -> None:
    """The entity of a blank between the digits of a card does not hide it."""
    assert _hidden(finder, "&nbsp;".join(CARD_GROUPS))


def test_a_token_in_markdown(finder: Classifier) -> None:
    """A backslash that keeps Markdown from reading an underline does not hide a token's start."""
    assert _hidden(finder, ("sk_live_" + TOKEN[:24]).replace("_", "\\_"))


@pytest.mark.parametrize(
    "decoy",
    [
        CLOUD_KEY[:4] + "0" * 16 + " ",
        "password=x ",
        "eyJ. ",
        "4111111111111112 ",
        "[[API_KEY:AAAAAAAA]] ",
        "\u200b\u200b",
        "&#65;",
    ],
    ids=ascii,
)
def test_a_thousand_decoys(finder: Classifier, decoy: str) -> None:
    """However many decoys stand before a token, it is hidden."""
    assert _hidden(finder, CLOUD_KEY, decoy * 2000 + " {} ")


@pytest.mark.parametrize("line", ["ssh-rsa AAAAB3NzaC1yc2E", "MCowBQYDK2VwAyEA", "AwEAA"])
def test_the_beginning_of_a_public_key_before_a_token(finder: Classifier, line: str) -> None:
    """A few letters that begin public keys do not make the next line a part of one."""
    assert _hidden(finder, TOKEN, f"{line}\n{{}}\n")


def test_a_token_between_two_words(finder: Classifier) -> None:
    """A word on either side of a long drawn token does not make a name of it."""
    assert _hidden(finder, f"prod_{TOKEN[:24]}_live")
