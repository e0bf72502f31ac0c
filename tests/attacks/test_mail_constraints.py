# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""E-mail addresses that reach somebody else.

The story: an agent may write to customers of one company, and a model writes an address that ends
so but is delivered elsewhere, to two people, or to a program. Each row is one way that was tried.
"""

from email.utils import getaddresses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen
from agentguard.policy import EmailAt

ALLOWED = EmailAt(domains=("example.com", "*.corp.example"))
INSIDE = [
    "a@example.com",
    "A.B+tag@EXAMPLE.com",
    "o'brien@example.com",
    "a_b-c@x.corp.example",
    "a/b=c@example.com",
]
OUTSIDE: dict[str, Frozen] = {
    "another domain": "a@evil.example",
    "below a domain without a star": "a@mail.example.com",
    "the domain of the star itself": "a@corp.example",
    "a domain that ends so": "a@notexample.com",
    "a domain that begins so": "a@example.com.evil.example",
    "no domain": "a",
    "an empty domain": "a@",
    "nobody": "@example.com",
    "a domain alone": "example.com",
    "two signs": "a@evil.example@example.com",
    "two signs in a row": "a@@example.com",
    "two addresses": "a@example.com,b@evil.example",
    "two addresses with a semicolon": "a@example.com;b@evil.example",
    "two addresses with a blank": "b@evil.example a@example.com",
    "two addresses with a line break": "b@evil.example\na@example.com",
    "another header": "a@example.com\r\nBcc: b@evil.example",
    "another header, encoded": "a@example.com%0d%0aBcc:b@evil.example",
    "a name": "A <a@example.com>",
    "a name that is an address": '"a@example.com" <b@evil.example>',
    "brackets": "<a@example.com>",
    "a comment": "a@example.com(evil.example)",
    "a comment in front": "(a)a@example.com",
    "a comment with another address": "b@evil.example(a@example.com)",
    "quotes": '"a"@example.com',
    "a quoted address": '"b@evil.example"@example.com',
    "a quoted blank": '"a b"@example.com',
    "a group": "all:a@example.com;",
    "a route": "@evil.example:a@example.com",
    "a percent sign as a route": "b%evil.example@example.com",
    "an exclamation mark as a route": "evil.example!b@example.com",
    "a pipe": "|program@example.com",
    "an option": "-Ofile@example.com",
    "a backtick": "`id`@example.com",
    "a backslash": "a\\@example.com",
    "a blank in front": " a@example.com",
    "a blank at the end": "a@example.com ",
    "a line break at the end": "a@example.com\n",
    "nul": "a@evil.example\x00@example.com",
    "a dot in front": ".a@example.com",
    "a dot at the end": "a.@example.com",
    "two dots": "a..b@example.com",
    "a final dot": "a@example.com.",
    "a dot before the domain": "a@.example.com",
    "an address of a machine": "a@[192.0.2.1]",
    "an address of a machine without brackets": "a@192.0.2.1",
    "a full width sign": "b@evil.example＠example.com",  # noqa: RUF001 - the evasion
    "a letter of another script": "a@exаmple.com",  # noqa: RUF001 - the evasion
    "an ideographic dot": "a@example。com",
    "a letter beyond ASCII": "ä@example.com",
    "an encoded domain": "a@xn--a.corp.example",
    "an encoded word": "=?utf-8?q?a=40evil.example=2c?=@example.com,b@evil.example",
    "a zero width blank": "a@example.com\u200b",
    "a lone surrogate": "a@example.com\ud800",
    "a link": "mailto:a@example.com",
    "a link with a copy": "a@example.com?cc=b@evil.example",
    "very long": "a" * 65 + "@example.com",
    "a long domain": "a@" + "a." * 130 + "corp.example",
    "a list": ("a@example.com",),
    "an object": {"email": "a@example.com"},
    "null": None,
    "true": True,
    "nothing": "",
}
DENIED = EmailAt(domains=("rival.example", "*.rival.example"))
MAYBE: dict[str, Frozen] = {
    "the domain": "a@rival.example",
    "below it": "a@x.rival.example",
    "other letters": "A@RIVAL.Example",
    "a final dot": "a@rival.example.",
    "a name": "A <a@rival.example>",
    "two addresses": "a@example.com,b@rival.example",
    "two addresses with a blank": "a@example.com b@rival.example",
    "another header": "a@example.com\nBcc: b@rival.example",
    "a route": "b%rival.example@example.com",
    "another route": "rival.example!b@example.com",
    "an old route": "@example.com:b@rival.example",
    "quotes": '"b@rival.example"@example.com',
    "a comment": "b@rival.example(x)@example.com",
    "brackets": "<b@rival.example>",
    "a full width sign": "b＠rival.example",  # noqa: RUF001 - the evasion
    "an ideographic dot": "b@rival。example",
    "a letter that folds": "b@ｒival.example",  # noqa: RUF001 - the evasion
    "a soft hyphen": "b@ri\u00adval.example",
    "an encoded domain": "b@xn--rival-.example",
    "an address of a machine": "b@[192.0.2.1]",
    "a link": "mailto:b@rival.example",
    "a list": ("a@example.com",),
    "null": None,
    "nothing": "",
}


@pytest.mark.parametrize("address", INSIDE)
def test_a_plain_address_is_allowed(address: str) -> None:
    """One plain address at a listed domain satisfies the constraint."""
    assert ALLOWED.problem_with(address) is None
    assert not ALLOWED.rules_out(address)


@pytest.mark.parametrize("row", OUTSIDE)
def test_nothing_reaches_somebody_else(row: str) -> None:
    """What is not one plain address at a listed domain does not satisfy the constraint."""
    assert ALLOWED.problem_with(OUTSIDE[row]) == ALLOWED.demand


@pytest.mark.parametrize("row", MAYBE)
def test_no_spelling_of_an_address_leads_out_of_a_deny_rule(row: str) -> None:
    """What may reach a listed domain is not ruled out."""
    assert not DENIED.rules_out(MAYBE[row])


@pytest.mark.parametrize("address", ["a@example.com", "a@notrival.example", "a@rival.example.org"])
def test_a_plain_address_elsewhere_is_ruled_out(address: str) -> None:
    """One plain address at another domain is none of a deny rule's business."""
    assert DENIED.rules_out(address)


@pytest.mark.parametrize(
    "domain", ["", "*", "a@example.com", "@example.com", "exämple.com", "1.2.3.4", "example.com."]
)
def test_an_entry_that_is_no_domain_is_refused(domain: str) -> None:
    """What is no domain cannot be listed."""
    with pytest.raises(ValueError, match="must be a domain"):
        EmailAt(domains=(domain,))


def test_a_domain_is_needed() -> None:
    """A constraint without domains is a mistake."""
    with pytest.raises(ValueError, match="at least one domain"):
        EmailAt(domains=())


PIECES = st.sampled_from(
    [
        *("a", "b", "@", "example.com", "evil.example", "x.corp.example", ".", "-", "+", '"', "<"),
        *(
            ">",
            "(",
            ")",
            ",",
            ";",
            ":",
            " ",
            "\n",
            "\\",
            "%",
            "!",
            "'",
            "=?utf-8?q?",
            "?=",
            "[",
            "]",
        ),
        *("\uff20", "\u3002", "EXAMPLE.COM", "=40", "|"),
    ]
)
ADDRESSES = st.builds(
    lambda start, rest: start + "".join(rest),
    st.sampled_from(["", "a@example.com", "a@", "b@evil.example"]),
    st.lists(PIECES, max_size=8),
)


@settings(deadline=None, max_examples=500)
@given(ADDRESSES)
def test_a_mail_program_reads_the_same_address(address: str) -> None:
    """Whatever is put together: what is allowed is one address at a listed domain to others."""
    if ALLOWED.problem_with(address) is None:
        ((name, found),) = getaddresses([address])
        assert (name, found) == ("", address)
        domain = found.rpartition("@")[2].lower()
        assert domain == "example.com" or domain.endswith(".corp.example")
