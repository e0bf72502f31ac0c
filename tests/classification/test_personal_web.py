# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Addresses of pages are found where a policy names them."""

import pytest

from agentguard.classification import build_classifier
from agentguard.classification.classes import WEB_ADDRESS
from agentguard.vocabulary import Profile

NAMED = build_classifier(named={WEB_ADDRESS})
PARANOID = build_classifier(profile=Profile.PARANOID)


def found(text: str) -> list[str]:
    """The addresses of pages that are found."""
    spans = NAMED.findings(text)
    return [text[one.start : one.end] for one in spans if one.data_class == WEB_ADDRESS]


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/a?b=c#d",
        "http://www.example.com/",
        "www.example.net/path",
        "example.co.uk",
        "sub.example.io/x/y",
        "https://en.wikipedia.org/wiki/Lid_(container)",
        "ftp://files.example.org/x.tgz",
        "https://münchen.example.de/straße",
        "http://[2001:db8::1]:8080/x",
    ],
)
@pytest.mark.parametrize("frame", ["{}", "see {}.", "({})", "<{}>", '"{}",', "at {}, and"])
def test_addresses_are_found_without_what_closes_the_sentence(address: str, frame: str) -> None:
    """An address is found whole, without the full stop or the bracket behind it."""
    assert found(frame.format(address)) == [address]


def test_nobody_looks_for_them_unless_a_policy_names_them() -> None:
    """Models need addresses of pages, so they are looked for only where they are named."""
    assert PARANOID.findings("see https://example.org/a") == ()


@pytest.mark.parametrize(
    "text", ["os.path.join", "e.g. this", "file.txt", "a.b.c", "user@example.org"]
)
def test_names_with_dots_are_none(text: str) -> None:
    """Code, files and the domain of an e-mail address are no addresses of pages."""
    assert found(text) == []
