# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Postal addresses are found by the words for streets, boxes and states."""

import pytest

from agentguard.classification import build_classifier
from agentguard.vocabulary import Profile

ENGINE = build_classifier()


def found(text: str) -> list[str]:
    """The addresses that are found."""
    spans = ENGINE.findings(text)
    return [text[one.start : one.end] for one in spans if one.data_class == "postal_address"]


@pytest.mark.parametrize(
    "address",
    [
        "1600 Pennsylvania Avenue NW",
        "221B Baker Street",
        "742 Evergreen Terrace, Springfield, IL 62704",
        "350 Fifth Ave, Suite 3300, New York, NY 10118",
        "12 Old Mill Ln",
        "Friedrichstraße 43",
        "Schönhauser Allee 12a",
        "Obere Bahnhofstrasse 9",
        "Kalverstraat 92",
        "Király utca 64",
        "Calle Mayor 12",
        "Avenida de la Constitución, 3",
        "Via Roma 7",
        "Rua Augusta 1508",
        "12 bis, rue de la Paix",
        "55 rue du Faubourg Saint-Honoré",
        "P.O. Box 1234",
        "Postfach 1234",
        "PSC 7580, Box 2412 APO AA 63571",
        "San Francisco, CA 94105",
    ],
)
@pytest.mark.parametrize("frame", ["{}", "She lives at {}.", "to {} please", "Address:\n{}\n"])
def test_addresses_are_found(address: str, frame: str) -> None:
    """An address is found in the order of its country, whole or as a part of what is found."""
    assert any(address in each for each in found(frame.format(address)))


@pytest.mark.parametrize(
    "text", ["zip code 94105", "ZIP: 10118-0110", "postcode SW1A 1AA", "PLZ 10115"]
)
def test_codes_are_found_behind_their_word(text: str) -> None:
    """A postal code is found behind the word for one."""
    assert len(found(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "the road to 1984",
        "take the high road",
        "a place for everything",
        "Street View",
        "step 3 of the Way",
        "in 2017 the Court",
        "drive 100 miles",
        "via 3 routes",
        "import st as street",
        "ISO 9001 CA",
        "section 12 Main Lane",
        "IP address 42",
        "return 0;",
        "The module has been moved to Python 3 as well.",
        "Copyright Calle Muster, 2017",
        "(c) 2014-2016 Via Verdi, 2016",
    ],
)
def test_words_for_streets_without_a_house_are_none(text: str) -> None:
    """A word for a street makes no address without a number and a name."""
    assert found(text) == []


def test_the_strict_profile_looks_for_no_addresses() -> None:
    """Addresses carry no check, so the quietest profile leaves them out."""
    assert build_classifier(profile=Profile.STRICT).findings("221B Baker Street") == ()


def test_people_move_to_addresses_that_are_more_than_a_name_and_a_number() -> None:
    """Behind a word for moving, a town or a street of several words tells a house from a release."""
    assert found("we moved to Long Meadow 12") == ["Long Meadow 12"]
    assert found("we moved to Meadow 12, Smallville") == ["Meadow 12, Smallville"]
