# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Write the module that tells ``re`` the classes of Unicode as the installed google-re2 has them.

Run it when google-re2 learnt a newer Unicode, which a test notices:

    python benchmarks/write_unicode_ranges.py
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import re2

NAMES = (
    *("L", "Lu", "Ll", "M", "N", "Nd", "P", "S", "Z"),
    *("Arabic", "Armenian", "Cyrillic", "Devanagari", "Greek", "Han", "Hangul", "Hebrew"),
    *("Hiragana", "Katakana", "Latin", "Thai"),
)
TARGET = Path(__file__).parent.parent / "src/agentguard/matching/unicode_ranges.py"
HEAD = '''\
# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which characters belong to a class of Unicode?

The classes that ``re`` does not know, as google-re2 has them; made from it by
``benchmarks/write_unicode_ranges.py``, and compared with it by
tests/classification/test_engine_translation.py.
"""

RANGES: dict[str, str] = {
'''
FIRST_SURROGATE, LAST_SURROGATE, LAST = 0xD800, 0xDFFF, 0x10FFFF


def ranges(name: str) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of the characters of a class, run by run."""
    for first, last in ((0, FIRST_SURROGATE - 1), (LAST_SURROGATE + 1, LAST)):
        text = "".join(map(chr, range(first, last + 1)))
        for match in re2.finditer(rf"\p{{{name}}}+", text):
            yield first + match.start(), first + match.end() - 1


def entry(name: str) -> str:
    """Return the lines of one class."""
    text = " ".join(f"{a:X}" if a == b else f"{a:X}-{b:X}" for a, b in ranges(name))
    lines = textwrap.wrap(text, 86, break_on_hyphens=False)
    quoted = "\n".join(f'        "{line} "' for line in lines)
    return f'    "{name}": (\n{quoted}\n    ),\n'


def main() -> None:
    """Write the module."""
    body = HEAD + "".join(map(entry, NAMES)) + "}\n"
    TARGET.write_text(re.sub(r" \"\n    \)", '"\n    )', body), encoding="utf-8")


if __name__ == "__main__":
    main()
