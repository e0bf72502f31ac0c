# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""An image that calls another host is found, however it is written; others are left alone."""

import pytest

from agentguard.classification.remote_images import LONGEST_TAG, remote_images

REMOTE = {
    "inline": "![a](@https://evil.example/?d=1@)",
    "words": "see ![a b](@https://evil.example/x@ 'title') now",
    "no scheme": "![a](@//evil.example@)",
    "backslash": r"![a](@/\evil.example@)",
    "backslashes": r"![a](@\\evil.example@)",
    "entity": "![a](@&#104;ttps://evil.example@)",
    "entity for a slash": "![a](@/&#x2F;evil.example@)",
    "any case": "![a](@HTTPS://evil.example@)",
    "other scheme": "![a](@ftp://evil.example@)",
    "in angle brackets": "![a](@<https://evil.example/x y>@)",
    "many blanks": "![a](" + " " * 99 + "@https://evil.example@)",
    "on the next line": "![a](\n@https://evil.example@)",
    "never closed": "![a](@https://evil.example/?d=@",
    "parentheses": "![a](@https://evil.example/(x)y@)",
    "inside a link": "[![a](@https://evil.example@)](https://link.example)",
    "brackets inside": "![a [b] c](@https://evil.example@)",
    "behind an escaped backslash": r"\\![a](@https://evil.example@)",
    "behind an open bracket": "![ x\n\n ![a](@https://evil.example@)",
    "reference": "@!@[a][label]",
    "collapsed reference": "@!@[a][]",
    "shortcut": "see @!@[label]",
    "shortcut behind a word": "x@!@[Label]\n\n[label]: https://evil.example",
    "shortcut in a pattern": "(?@!@[a  b])\n\n[A b]: https://evil.example",
    "code that hides a bracket": "@!@[a`](b.png)`](https://evil.example)",
    "tag that hides a bracket": '@!@[<a x="](b.png)">](https://evil.example)',
    "img": '<img src="@https://evil.example@">',
    "img in capitals": "<IMG SRC='@https://evil.example@'>",
    "img without quotes": "<img src=@//evil.example@>",
    "img with a slash": "<img/src=@//evil.example@>",
    "img with blanks": '<img\nsrc = "@//evil.example@">',
    "img with an end in quotes": '<img alt=">" src="@//evil.example@">',
    "img never closed": '<img src="@//evil.example/?d=@',
    "srcset": '<img srcset="@a.png 1x, //evil.example 2x@">',
    "poster": "<video poster=@//evil.example@>",
    "source": "<picture><source srcset=@//evil.example@></picture>",
    "svg": '<image xlink:href="@//evil.example@" />',
    "style": '<img style="@background:url(//evil.example)@">',
    "a line break in the scheme": '<img src="@ht\ntps://evil.example@">',
    "end out of sight": f'@<@img alt="{"x" * LONGEST_TAG}" src="https://evil.example">',
    "quote out of sight": f"@<@img tag isn't {'x' * LONGEST_TAG}",
}


@pytest.mark.parametrize("marked", REMOTE.values(), ids=REMOTE)
def test_a_remote_image_is_found(marked: str) -> None:
    """The address is found, or the mark without which there is no image."""
    before, inside, _ = marked.split("@")
    text = marked.replace("@", "")
    found = [(spot.start, spot.end) for spot in remote_images(text)]
    assert found == [(len(before), len(before) + len(inside))]


@pytest.mark.parametrize(
    "text",
    [
        "![plot](plot.png)",
        '![plot](/files/plot-1.png?v=2#x "a title")',
        "![dot](data:image/png;base64,iVBORw0KGgo=)",
        "![file](sandbox:/mnt/out/plot.png)",
        "![part](cid:logo@mail)",
        "![empty]()",
        "![gone](#)",
        "[link](https://docs.example)",
        "[a]: https://docs.example",
        "[a][b] and ! [c][d]",
        r"\![a](https://docs.example)",
        "vec![1, 2, 3]",
        "matrix![0] and f()![1] and a[0]![1]",
        "(?![a-z])x and (?<![0-9])y",
        "![ never closed",
        "<img src=plot.png alt='https://x'>",
        "<image is a word, <sources too",
        "a < b and https://x.example",
        "hello, world!",
    ],
)
def test_what_calls_nobody_stays(text: str) -> None:
    """Local images, links and programs are no remote images."""
    assert list(remote_images(text)) == []
