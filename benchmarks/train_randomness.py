# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Train the table of letters by which a word is told from a random token.

Usage: python benchmarks/train_randomness.py [--check]

Reads the standard library of the Python that runs it, and nothing else: its source, comments and
documentation hold names, words, paths and numbers as people write them. Writes
``src/agentguard/classification/contextual/letter_table.py``, which names the version it was
trained with; the same version gives the same table, and ``--check`` says whether it does.

The model: a token is folded to 28 symbols (the letters, a digit, a break), and each symbol costs
the bits that an interpolated trigram model gives it. What people write is cheap, what a generator
drew is dear.
"""

import argparse
import base64
import math
import platform
import re
import sysconfig
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from agentguard.classification.contextual.letters import STEPS_PER_BIT, SYMBOLS, folded

TARGET = (
    Path(__file__).resolve().parent.parent
    / "src/agentguard/classification/contextual/letter_table.py"
)
# Tests hold made-up tokens, encodings are tables of numbers; the rest is not installed everywhere.
LEFT_OUT = frozenset(
    {
        "test",
        "tests",
        "encodings",
        "site-packages",
        "lib2to3",
        "idlelib",
        "ensurepip",
        "__pycache__",
    }
)
TOKEN = re.compile(rb"[A-Za-z0-9_./:@+=-]{3,}")
# One common word must not outweigh all rare ones.
MOST_OF_ONE = 12

HEAD = '''# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How surprising is a symbol behind two others, in what people write?

Written by ``benchmarks/train_randomness.py`` from the standard library of Python {version}; do not
edit. One byte for each three of {symbols} symbols, in sixteenths of a bit, packed.
"""

PACKED = (
{lines}
)
'''


def tokens(root: Path) -> Counter[bytes]:
    """Count the tokens of every source file below *root*."""
    counted: Counter[bytes] = Counter()
    for path in sorted(root.rglob("*.py")):
        if LEFT_OUT.isdisjoint(path.relative_to(root).parts):
            counted.update(TOKEN.findall(path.read_bytes()))
    return counted


def triples(counted: Counter[bytes]) -> Counter[tuple[int, int, int]]:
    """Count symbols behind two others, each token a few times at most."""
    found: Counter[tuple[int, int, int]] = Counter()
    for token, count in counted.items():
        symbols = folded(token)
        weight = min(count, MOST_OF_ONE)
        for place in range(2, len(symbols)):
            found[(symbols[place - 2], symbols[place - 1], symbols[place])] += weight
    return found


def table(found: Counter[tuple[int, int, int]]) -> bytes:
    """Return the costs, interpolated with shorter contexts (Witten and Bell)."""
    pairs: Counter[tuple[int, int]] = Counter()
    singles: Counter[int] = Counter()
    for (_, second, third), count in found.items():
        pairs[second, third] += count
        singles[third] += count
    total = sum(singles.values())
    alone = [(singles[symbol] + 1) / (total + SYMBOLS) for symbol in range(SYMBOLS)]
    behind_one = [
        _mixed([pairs[second, third] for third in range(SYMBOLS)], alone)
        for second in range(SYMBOLS)
    ]
    costs = bytearray()
    for first in range(SYMBOLS):
        for second in range(SYMBOLS):
            counts = [found[first, second, third] for third in range(SYMBOLS)]
            for chance in _mixed(counts, behind_one[second]):
                costs.append(min(255, round(-math.log2(chance) * STEPS_PER_BIT)))
    return bytes(costs)


def _mixed(counts: list[int], shorter: list[float]) -> list[float]:
    kinds = sum(count > 0 for count in counts)
    total = sum(counts) + kinds
    if not total:
        return shorter
    return [(count + kinds * chance) / total for count, chance in zip(counts, shorter, strict=True)]


def lines(packed: bytes) -> Iterator[str]:
    """Write bytes as the lines of a Python literal."""
    text = base64.b85encode(packed).decode("ascii")
    for start in range(0, len(text), 92):
        yield f'    "{text[start : start + 92]}"'


def main() -> None:
    """Write the table, or compare it with the one that is there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    arguments = parser.parse_args()
    costs = table(triples(tokens(Path(sysconfig.get_path("stdlib")))))
    written = HEAD.format(
        version=platform.python_version(),
        symbols=SYMBOLS,
        lines="\n".join(lines(zlib.compress(costs, 9))),
    )
    if not arguments.check:
        TARGET.write_text(written, encoding="utf-8")
    elif TARGET.read_text(encoding="utf-8") != written:
        raise SystemExit(f"{TARGET.name} differs; was it trained with another version of Python?")
    print(f"{len(costs)} costs, {len(written)} characters")


if __name__ == "__main__":
    main()
