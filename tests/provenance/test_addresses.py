# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is an address found as a whole, and nothing else in its place?"""

import pytest

from agentguard.canonical import freeze
from agentguard.provenance import Conversation
from agentguard.vocabulary import Speaker

SAID = [
    ("to alice@corp.com, please", "alice@corp.com", "an address of mail"),
    ("to Alice@Corp.com.", "alice@corp.COM", "in any case"),
    ("see www.dora-site.com.", "www.dora-site.com", "the point ends the sentence"),
    ("see www.our-company.com.They wrote", "www.our-company.com", "no blank after the point"),
    ("see https://a.example/x?y=1", "https://a.example/x?y=1", "a link"),
    ("see a.example/x", "https://a.example/x", "a link without its scheme"),
    ("see https://a.example", "https://a.example/", "the root of a host"),
    ("(https://a.example:443/x)", "https://A.example/x", "the port that it has anyway"),
    ("from GB29 NWBK 6016 1331 9268 19 for rent", "GB29NWBK60161331926819", "an account in groups"),
    ("from GB29NWBK60161331926819", "GB29 NWBK 6016 1331 9268 19", "and the other way"),
    ("call +41 79 123 45 67", "+41791234567", "a number of a phone"),
    ("read /home/ann/notes.txt", "/home/ann/notes.txt", "a path"),
    ("commit 3f2a9bc81d", "3f2a9bc81d", "a hash"),
    ("order ORD-00012345", "ORD-00012345", "an identifier"),
    ("'bill-december-2023.txt'", "bill-december-2023.txt", "the name of a file"),
]
OTHERS = [
    ("to alice@corp.com", "alice+secret@corp.com", "a leak in the local part"),
    ("to alice@corp.com", "alice@corp.com?body=secret", "a leak behind the address"),
    ("to alice@corp.com", "alice@corp.com.evil.example", "the host goes on"),
    ("to alice@corp.com", "evil-alice@corp.com", "the name goes on"),
    ("to alice@corp.com", "corp.com", "a part of the address"),
    ("to alice@corp.com", "alice@corp.com\r\nBcc: x@evil.example", "another header"),
    ("to alice@corp.com", "alice@corp.com x@evil.example", "another address"),
    ("to alice@corp.com", "\u0430lice@corp.com", "a letter that looks alike"),
    ("to alice@corp.com", "alice\u200b@corp.com", "a character that nobody sees"),
    ("to alice@corp.com", "\uff41lice@corp.com", "letters in another form"),
    ("see www.corp.com", "www.corp.com/?d=secret", "a query"),
    ("see www.corp.com", "www.corp.com/secret", "a path"),
    ("see www.corp.com", "secret@www.corp.com", "a user in front of the host"),
    ("see www.corp.com/x", "www.corp.com", "the host of a page"),
    ("see https://a.example/AbC", "https://a.example/aBc", "a path in another case"),
    ("see https://a.example/x", "ftp://a.example/x", "another scheme"),
    ("see https://a.example/x", "https://a.example:8443/x", "another port"),
    ("read /home/ann/notes.txt", "/home/ann", "the folder of a file"),
    ("read /home/ann", "/home/ann/secret.txt", "a file in a folder"),
    ("read /home/ann", "/home/ann/../bob", "a way out of a folder"),
    ("from GB29NWBK60161331926819", "GB29NWBK60161331926810", "another account"),
    ("from GB29NWBK60161331926819", "NWBK60161331926819", "a part of an account"),
    ("call +41 79 123 45 67", "+41 79 123 45 68", "another phone"),
    ("commit 3f2a9bc81d", "3f2a9bc", "a part of a hash"),
]


def words(text: str, value: str) -> frozenset[str]:
    """Return the origins of a value where the user said a text."""
    conversation = Conversation()
    conversation.heard(Speaker.USER, text)
    found = conversation.origins("send", {"target": freeze(value)})["target"]
    return frozenset.intersection(*(each.words for each in found))


@pytest.mark.parametrize(("text", "value", "why"), SAID)
def test_an_address_is_found_however_it_is_written(text: str, value: str, why: str) -> None:
    """What the user wrote is the user's."""
    assert words(text, value) == {"user"}, why


@pytest.mark.parametrize(("text", "value", "why"), OTHERS)
def test_another_address_is_not_found(text: str, value: str, why: str) -> None:
    """What is added to an address, or taken away from it, makes it another one."""
    assert words(text, value) == frozenset(), why
